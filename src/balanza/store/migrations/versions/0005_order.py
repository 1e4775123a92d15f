"""Who goes first: predictions, fair shares, batches, pauses, and what was learned of each worker's speed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_PENDING = "status = 'pending'"


def upgrade() -> None:
    _columns()
    op.drop_index("ix_jobs_pending", "jobs")
    by_length = (sa.text("priority DESC"), "order_key", "seq")
    _partial("ix_jobs_pending", "jobs", "assigned_worker", *by_length, where=_PENDING)
    _partial("ix_jobs_pending_order", "jobs", "share", *by_length, where=_PENDING)
    op.create_table(
        "fair_shares",
        sa.Column("share", sa.String(64), primary_key=True),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("served_seconds", sa.Float(), nullable=False),
        sa.CheckConstraint("pending >= 0", name="pending"),
    )
    _partial("ix_fair_shares_pending", "fair_shares", "served_seconds", where="pending > 0")
    # What is pending from before is put in order when a server starts, as after a change of the order.
    op.create_table(
        "speeds",
        sa.Column("worker_id", sa.String(64), primary_key=True),
        sa.Column("work", sa.String(60), primary_key=True),
        sa.Column("log_factor", sa.Float(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
    )


def _columns() -> None:
    for name in ("guess_seconds", "predicted_seconds", "order_key", "paused_seconds"):
        op.add_column("jobs", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
    for name in ("paused", "shares_slot"):
        op.add_column("jobs", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("work", sa.String(60), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("share", sa.String(64), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("batch_id", sa.String(64)))
    op.add_column("attempts", sa.Column("predicted_seconds", sa.Float()))
    op.add_column("attempts", sa.Column("paused_seconds", sa.Float(), nullable=False, server_default="0"))
    op.add_column("attempts", sa.Column("transfer_seconds", sa.Float()))
    op.add_column("decisions", sa.Column("rule", sa.String(20)))
    op.add_column("workers", sa.Column("assigned_seconds", sa.Float(), nullable=False, server_default="0"))
    op.add_column("workers", sa.Column("sharing_jobs", sa.Integer(), nullable=False, server_default="0"))


def _partial(name: str, table: str, *columns: str | sa.TextClause, where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
