"""The waist: it alone changes jobs and workers."""
