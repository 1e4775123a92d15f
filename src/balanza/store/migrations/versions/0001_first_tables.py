"""The first tables: workers, media, jobs, attempts, events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _workers()
    _media()
    _jobs()
    _attempts()
    _events()


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("encoders", sa.JSON(), nullable=False),
        sa.Column("metrics_address", sa.Text()),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("cpu_load", sa.Float()),
        sa.Column("memory_mb", sa.Float()),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger()),
        sa.Column("assigned_jobs", sa.Integer(), nullable=False),
        sa.Column("running_jobs", sa.Integer(), nullable=False),
        sa.Column("conversions_success", sa.Integer(), nullable=False),
        sa.Column("conversions_failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
        _check("workers", "capacity", "slots >= 1 AND cpus > 0"),
        _check("workers", "cpu_load", "cpu_load BETWEEN 0 AND 1"),
        _check("workers", "jobs", "assigned_jobs >= 0 AND running_jobs >= 0"),
        _check("workers", "conversions", "conversions_success >= 0 AND conversions_failed >= 0"),
    )


def _media() -> None:
    op.create_table(
        "media",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("probe", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(64)),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.Column("purged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_media"),
        sa.UniqueConstraint("id", name="uq_media_id"),
        sa.UniqueConstraint("storage_key", name="uq_media_storage_key"),
        sa.UniqueConstraint("job_id", name="uq_media_job_id"),
        _check("media", "size", "size_bytes >= 0"),
        _check("media", "sha256", "length(sha256) = 64"),
        _check("media", "purged", "deleted_at IS NOT NULL OR NOT purged"),
    )
    op.create_index("ix_media_name", "media", ["name"])
    _partial("ix_media_to_purge", "media", ["deleted_at"], "deleted_at IS NOT NULL AND NOT purged")


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("parent_id", sa.String(64)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("source_id", sa.String(64), nullable=False),
        sa.Column("input_file", sa.Text(), nullable=False),
        sa.Column("input_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("output_format", sa.String(20), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("assigned_worker", sa.String(64)),
        sa.Column("worker_id", sa.String(64)),
        sa.Column("lease_token", sa.String(64)),
        sa.Column("lease_expires_at", sa.BigInteger()),
        sa.Column("leases", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("speed", sa.Float()),
        sa.Column("eta_seconds", sa.Float()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("request_fingerprint", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("completed_at", sa.BigInteger()),
        sa.Column("result_id", sa.String(64)),
        sa.Column("output_file", sa.Text()),
        sa.Column("output_size_bytes", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("log_tail", sa.Text()),
        sa.PrimaryKeyConstraint("seq", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name="fk_jobs_parent_id"),
        sa.ForeignKeyConstraint(["source_id"], ["media.id"], name="fk_jobs_source_id"),
        sa.ForeignKeyConstraint(["assigned_worker"], ["workers.id"], name="fk_jobs_assigned_worker"),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name="fk_jobs_worker_id"),
        *_job_checks(),
    )
    op.create_index("ix_jobs_status_seq", "jobs", ["status", "seq"])
    _partial("ix_jobs_pending", "jobs", ["assigned_worker", "seq"], "status = 'pending'")
    _partial("ix_jobs_leased", "jobs", ["lease_expires_at"], "status = 'processing'")
    _partial("ix_jobs_live_source", "jobs", ["source_id"], "status IN ('pending', 'processing')")
    _partial("uq_jobs_lease_token", "jobs", ["lease_token"], "lease_token IS NOT NULL", unique=True)
    _partial("uq_jobs_idempotency_key", "jobs", ["idempotency_key"], "idempotency_key IS NOT NULL", unique=True)


def _job_checks() -> list[sa.CheckConstraint]:
    checks = {
        "status": "status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')",
        "lease_token": "(status = 'processing') = (lease_token IS NOT NULL)",
        "lease_expires_at": "(status = 'processing') = (lease_expires_at IS NOT NULL)",
        "worker": "status NOT IN ('processing', 'completed') OR worker_id IS NOT NULL",
        "started": "status NOT IN ('processing', 'completed') OR started_at IS NOT NULL",
        "not_started": "status <> 'pending' OR started_at IS NULL",
        "ended": "(status IN ('completed', 'failed', 'cancelled')) = (completed_at IS NOT NULL)",
        "result": "(status = 'completed') = (result_id IS NOT NULL)",
        "output_file": "(result_id IS NULL) = (output_file IS NULL)",
        "output_size": "(result_id IS NULL) = (output_size_bytes IS NULL)",
        "error": "(status = 'failed') = (error IS NOT NULL)",
        "progress": "progress BETWEEN 0 AND 100",
        "attempts": "attempts BETWEEN 0 AND leases AND attempts <= max_attempts",
        "attempts_remain": "status <> 'pending' OR attempts < max_attempts",
        "idempotency": "(idempotency_key IS NULL) = (request_fingerprint IS NULL)",
    }
    return [_check("jobs", name, condition) for name, condition in checks.items()]


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(64), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("outcome", sa.String(20)),
        sa.Column("error", sa.Text()),
        sa.Column("log_tail", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_attempts"),
        sa.UniqueConstraint("token", name="uq_attempts_token"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_attempts_job_id"),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name="fk_attempts_worker_id"),
        _check("attempts", "number", "number >= 1"),
        _check("attempts", "ended", "(ended_at IS NULL) = (outcome IS NULL)"),
        _check("attempts", "outcome", "outcome IN ('completed', 'failed', 'expired', 'released', 'cancelled')"),
    )
    _partial("uq_attempts_running", "attempts", ["job_id"], "ended_at IS NULL", unique=True)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("job_id", sa.String(64)),
        sa.Column("worker_id", sa.String(64)),
        sa.Column("media_id", sa.String(64)),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    # op.f: the name is final; the naming convention of the metadata is not applied again.
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _partial(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
