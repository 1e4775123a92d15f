"""The tables of what the fleet was like at each moment of the last hour."""

from sqlalchemy import Column, Float, ForeignKey, Integer, Table

from balanza.store.metadata import metadata
from balanza.store.types import Instant

load_points = Table(
    "load_points",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("worker_id", ForeignKey("workers.id"), primary_key=True),
    Column("cpu_load", Float),
    Column("memory_mb", Float),
    Column("running_jobs", Integer, nullable=False),
    Column("assigned_jobs", Integer, nullable=False),
)

fleet_points = Table(
    "fleet_points",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("pending", Integer, nullable=False),
    Column("processing", Integer, nullable=False),
    # Since ever: throughput is the difference of two points.
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
)
