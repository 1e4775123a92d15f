"""The tables by which is decided what runs next: what each share has had, and how fast each worker is."""

from sqlalchemy import CheckConstraint, Column, Float, Integer, String, Table, text

from balanza.store.metadata import metadata, partial

HAS_PENDING = "pending > 0"

fair_shares = Table(
    "fair_shares",
    metadata,
    # Of an owner, or the one of everybody (balancer.order.share_of).
    Column("share", String(64), primary_key=True),
    # Kept by the functions of jobs in the same transaction, as the counters of workers are.
    Column("pending", Integer, nullable=False),
    # Predicted work that was dispatched.
    Column("served_seconds", Float, nullable=False),
    CheckConstraint("pending >= 0", name="pending"),
    partial("ix_fair_shares_pending", text("served_seconds"), where=HAS_PENDING),
)

speeds = Table(
    "speeds",
    metadata,
    # Or '': of all workers.
    Column("worker_id", String(64), primary_key=True),
    # Or '': of all kinds of work.
    Column("work", String(60), primary_key=True),
    Column("log_factor", Float, nullable=False),
    Column("samples", Integer, nullable=False),
)
