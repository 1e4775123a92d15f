"""The truth: one SQL database, on SQLite or PostgreSQL, and the functions that read and change it.

Each function takes the transaction it works in, never commits, and returns objects of `model`.
"""
