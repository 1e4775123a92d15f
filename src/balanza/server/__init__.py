"""The HTTP server: the public API, the workers' endpoints, the page, and what keeps strangers out."""
