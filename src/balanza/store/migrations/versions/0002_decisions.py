"""What workers can do and jobs need; why each worker was chosen; workers that fail too often."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    _workers()
    _jobs()
    _requirements()
    _decisions()


def _workers() -> None:
    for column in (
        sa.Column("memory_total_mb", sa.Float()),
        sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("scratch_free_bytes", sa.BigInteger()),
        sa.Column("drain_until", sa.BigInteger()),
        sa.Column("leaving", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("faults", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("succeeded_at", sa.BigInteger()),
        sa.Column("blamed_at", sa.BigInteger()),
        sa.Column("quarantines", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("quarantined_until", sa.BigInteger()),
        sa.Column("quarantine_reason", sa.Text()),
    ):
        op.add_column("workers", column)


def _jobs() -> None:
    op.add_column("jobs", sa.Column("requirement_id", sa.BigInteger()))
    op.add_column("jobs", sa.Column("scratch_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("assigned_at", sa.BigInteger()))
    op.create_index(
        "ix_jobs_pending_requirement",
        "jobs",
        ["requirement_id"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )


def _requirements() -> None:
    op.create_table(
        "requirements",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("encoders", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requirements"),
        sa.UniqueConstraint("name", name="uq_requirements_name"),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("source", sa.String(64)),
        sa.Column("policy", sa.String(20), nullable=False),
        sa.Column("worker_id", sa.String(64)),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_decisions_job_id"),
    )
    op.create_index("ix_decisions_of_job", "decisions", ["job_id", "id"])
