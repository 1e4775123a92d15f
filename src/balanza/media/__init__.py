"""Media files: which formats there are, how FFmpeg makes them, what a file contains, and whether a result is right."""
