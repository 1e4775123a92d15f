"""The fleet in simulated time: the same rules as the server's, with discrete events instead of workers. Pure.

Chance comes in as seeded generators, so that the same scenario and seed always give the same result.
Docs: docs/balancing.md.
"""
