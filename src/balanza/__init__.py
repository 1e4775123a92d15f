"""Balanza converts media files on a fleet of workers, each job on the least loaded one."""

__version__ = "0.1.0"
