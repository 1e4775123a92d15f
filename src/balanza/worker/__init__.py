"""The worker: it asks the server for jobs, converts, and hands the results back. HTTP only, outbound only."""
