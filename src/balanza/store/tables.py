"""The tables. Columns are called as the fields of `model`; CHECKs and unique indexes refuse what cannot be true.

A change here needs a migration beside it (`migrations/versions`) and its name in `schema.HEAD`; a test compares both.
"""

from dataclasses import fields
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    text,
)

from balanza.lifecycle import JobStatus
from balanza.model import LOCAL_USER, Attempt, Event, Job, JobKind, Media, Outcome, Requirement, Share, Worker
from balanza.store.metadata import metadata, partial
from balanza.store.types import Instant, Names, Probed, Prose, Serial, word

TO_PURGE = "deleted_at IS NOT NULL AND NOT purged"
"""The media whose bytes still have to go."""
UNLISTED = "kind <> 'convert'"
"""The jobs that no list shows; thumbnails and the like."""
IS_PENDING = "status = 'pending'"
IN_TRASH = "trashed_at IS NOT NULL AND deleted_at IS NULL"

workers = Table(
    "workers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("instance", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("cpus", Float, nullable=False),
    Column("encoders", Names, nullable=False),
    Column("metrics_address", Text),
    Column("registered_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("cpu_load", Float),
    Column("memory_mb", Float),
    Column("draining", Boolean, nullable=False, default=False),
    Column("offline", Boolean, nullable=False, default=False),
    Column("chosen_at", Instant),
    # Kept by the functions of jobs in the same transaction: counting 100,000 pending rows at each submit is too slow.
    Column("assigned_jobs", Integer, nullable=False, default=0),
    Column("running_jobs", Integer, nullable=False, default=0),
    Column("conversions_success", Integer, nullable=False, default=0),
    Column("conversions_failed", Integer, nullable=False, default=0),
    # Columns from here on have come later: SQLite adds them to a table that is there, but no constraints.
    Column("memory_total_mb", Float),
    Column("tags", Names, nullable=False, server_default="[]"),
    Column("scratch_free_bytes", BigInteger),
    Column("drain_until", Instant),
    Column("leaving", Boolean, nullable=False, server_default=false()),
    Column("faults", Integer, nullable=False, server_default="0"),
    Column("succeeded_at", Instant),
    Column("blamed_at", Instant),
    Column("quarantines", Integer, nullable=False, server_default="0"),
    Column("quarantined_until", Instant),
    Column("quarantine_reason", Prose),
    # Taken off the lists by a person; it is back when it registers again.
    Column("removed_at", Instant),
    Column("received_bytes_per_second", Float),
    Column("sent_bytes_per_second", Float),
    Column("assigned_seconds", Float, nullable=False, server_default="0"),
    Column("sharing_jobs", Integer, nullable=False, server_default="0"),
    CheckConstraint("slots >= 1 AND cpus > 0", name="capacity"),
    CheckConstraint("cpu_load BETWEEN 0 AND 1", name="cpu_load"),
    CheckConstraint("assigned_jobs >= 0 AND running_jobs >= 0", name="jobs"),
    CheckConstraint("conversions_success >= 0 AND conversions_failed >= 0", name="conversions"),
)

media = Table(
    "media",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("name", Prose, nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("storage_key", Text, nullable=False, unique=True),
    Column("probe", Probed, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Unique: a job has one result at most. No foreign key either way between the two: the guarded UPDATE of the job
    # comes first, its result's row after it, and a deferred key would make SQLite read all jobs at each result.
    Column("job_id", String(64), unique=True),
    Column("deleted_at", Instant),
    Column("purged", Boolean, nullable=False, default=False),
    # In the trash since then: used for nothing, and deleted after a while unless it is taken back.
    Column("trashed_at", Instant),
    Column("owner_id", String(64), nullable=False, server_default=LOCAL_USER),
    # To find it by, made of its name and probe (search.searched).
    Column("folded_name", Prose, nullable=False, server_default=""),
    Column("kind", String(10), nullable=False, server_default="audio"),
    Column("duration_seconds", Float),
    # The file of which this is the thumbnail, the waveform …: in no list, and gone with it.
    Column("derived_from", String(64)),
    CheckConstraint("size_bytes >= 0", name="size"),
    CheckConstraint("length(sha256) = 64", name="sha256"),
    CheckConstraint("deleted_at IS NOT NULL OR NOT purged", name="purged"),
    partial("ix_media_to_purge", "deleted_at", where=TO_PURGE),
    partial("ix_media_trashed", "trashed_at", "seq", where=IN_TRASH),
    partial("ix_media_trash_of_owner", "owner_id", "trashed_at", "seq", where=IN_TRASH),
    partial("ix_media_derived", "derived_from", where="derived_from IS NOT NULL"),
    Index("ix_media_of_owner", "owner_id", "seq"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", word(JobKind), nullable=False, default=JobKind.CONVERT),
    Column("parent_id", ForeignKey("jobs.id")),
    Column("status", word(JobStatus, "status"), nullable=False),
    Column("source_id", ForeignKey("media.id"), nullable=False),
    Column("input_file", Prose, nullable=False),
    Column("input_size_bytes", BigInteger, nullable=False),
    Column("output_format", String(20), nullable=False),
    Column("options", JSON, nullable=False),
    Column("assigned_worker", ForeignKey("workers.id")),
    Column("worker_id", ForeignKey("workers.id")),
    Column("lease_token", String(64)),
    Column("lease_expires_at", Instant),
    Column("leases", Integer, nullable=False, default=0),
    Column("progress", Float, nullable=False, default=0.0),
    Column("speed", Float),
    Column("eta_seconds", Float),
    Column("attempts", Integer, nullable=False, default=0),
    Column("max_attempts", Integer, nullable=False),
    Column("idempotency_key", Text),
    Column("request_fingerprint", Text),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("completed_at", Instant),
    Column("result_id", String(64)),
    Column("output_file", Prose),
    Column("output_size_bytes", BigInteger),
    Column("error", Prose),
    Column("log_tail", Prose),
    # Of `requirements`, or NULL when any worker will do.
    Column("requirement_id", BigInteger),
    Column("scratch_bytes", BigInteger, nullable=False, server_default="0"),
    Column("assigned_at", Instant),
    Column("owner_id", String(64), nullable=False, server_default=LOCAL_USER),
    # 0..100, the highest first.
    Column("priority", Integer, nullable=False, server_default="50"),
    # What it is predicted from, and its place: of one share and priority the least key comes first.
    Column("work", String(60), nullable=False, server_default=""),
    Column("guess_seconds", Float, nullable=False, server_default="0"),
    Column("predicted_seconds", Float, nullable=False, server_default="0"),
    Column("share", String(64), nullable=False, server_default=""),
    Column("order_key", Float, nullable=False, server_default="0"),
    Column("batch_id", String(64)),
    # It runs in a slot that another job holds, which is paused for it, or is done in the same process.
    Column("shares_slot", Boolean, nullable=False, server_default=false()),
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("paused_seconds", Float, nullable=False, server_default="0"),
    CheckConstraint("(status = 'processing') = (lease_token IS NOT NULL)", name="lease_token"),
    CheckConstraint("(status = 'processing') = (lease_expires_at IS NOT NULL)", name="lease_expires_at"),
    CheckConstraint("status NOT IN ('processing', 'completed') OR worker_id IS NOT NULL", name="worker"),
    CheckConstraint("status NOT IN ('processing', 'completed') OR started_at IS NOT NULL", name="started"),
    CheckConstraint("status <> 'pending' OR started_at IS NULL", name="not_started"),
    CheckConstraint("(status IN ('completed', 'failed', 'cancelled')) = (completed_at IS NOT NULL)", name="ended"),
    CheckConstraint("(status = 'completed') = (result_id IS NOT NULL)", name="result"),
    CheckConstraint("(result_id IS NULL) = (output_file IS NULL)", name="output_file"),
    CheckConstraint("(result_id IS NULL) = (output_size_bytes IS NULL)", name="output_size"),
    CheckConstraint("(status = 'failed') = (error IS NOT NULL)", name="error"),
    CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
    CheckConstraint("attempts BETWEEN 0 AND leases AND attempts <= max_attempts", name="attempts"),
    CheckConstraint("status <> 'pending' OR attempts < max_attempts", name="attempts_remain"),
    CheckConstraint("(idempotency_key IS NULL) = (request_fingerprint IS NULL)", name="idempotency"),
    Index(None, "status", "seq"),
    partial("ix_jobs_pending", "assigned_worker", text("priority DESC"), "order_key", "seq", where=IS_PENDING),
    partial("ix_jobs_pending_order", "share", text("priority DESC"), "order_key", "seq", where=IS_PENDING),
    partial("ix_jobs_unlisted", "status", where=UNLISTED),
    partial("ix_jobs_pending_requirement", "requirement_id", where=IS_PENDING),
    partial("ix_jobs_leased", "lease_expires_at", where="status = 'processing'"),
    partial("ix_jobs_live_source", "source_id", where="status IN ('pending', 'processing')"),
    partial("uq_jobs_lease_token", "lease_token", where="lease_token IS NOT NULL", unique=True),
    partial("uq_jobs_idempotency_key", "owner_id", "idempotency_key", where="idempotency_key IS NOT NULL", unique=True),
    Index("ix_jobs_of_owner", "owner_id", "seq"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("worker_id", ForeignKey("workers.id"), nullable=False),
    # Kept when the attempt has ended: a worker that did not hear the answer says the same again.
    Column("token", String(64), nullable=False, unique=True),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", word(Outcome, "outcome")),
    Column("error", Prose),
    Column("log_tail", Prose),
    # On a usual worker; NULL: nothing is learned of it.
    Column("predicted_seconds", Float),
    Column("paused_seconds", Float, nullable=False, server_default="0"),
    Column("transfer_seconds", Float),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended"),
    Index("ix_attempts_ended", "ended_at"),
    partial("uq_attempts_running", "job_id", where="ended_at IS NULL", unique=True),
)

requirements = Table(
    "requirements",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("encoders", Names, nullable=False),
    Column("tags", Names, nullable=False),
    # Both as one text, so that each combination is there once.
    Column("name", Text, nullable=False, unique=True),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("source", String(64)),
    Column("policy", String(20), nullable=False),
    Column("worker_id", String(64)),
    Column("candidates", JSON, nullable=False),
    Column("rule", String(20)),
    Index("ix_decisions_of_job", "job_id", "id"),
)

shares = Table(
    "shares",
    metadata,
    Column("id", String(64), primary_key=True),
    # SHA-256 of the token in the link: who reads the database cannot open what is shared.
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("media_id", ForeignKey("media.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("password_hash", Text),
    Column("most_downloads", Integer),
    Column("downloads", Integer, nullable=False, default=0),
    Column("revoked_at", Instant),
    CheckConstraint("most_downloads IS NULL OR most_downloads >= 1", name="most_downloads"),
    CheckConstraint("downloads >= 0 AND (most_downloads IS NULL OR downloads <= most_downloads)", name="downloads"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Prose, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # As the client gave it, to be given back.
    Column("metadata", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    # The file that came of it, once all bytes are there.
    Column("media_id", ForeignKey("media.id")),
    Column("owner_id", String(64), nullable=False, server_default=LOCAL_USER),
    CheckConstraint("size_bytes >= 0", name="size"),
)

events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("type", String(40), nullable=False),
    Column("job_id", String(64)),
    Column("worker_id", String(64)),
    Column("media_id", String(64)),
    Column("data", JSON, nullable=False),
    # NULL: of the fleet.
    Column("owner_id", String(64)),
    # An id is a client's place in the stream: it must never be given out again, not even after a prune.
    sqlite_autoincrement=True,
)


def columns_of(noun: type, table: Table) -> tuple[Column[Any], ...]:
    """The columns that are the fields of `noun`, in its order, so that `noun(*row)` is the object."""
    return tuple(table.c[field.name] for field in fields(noun))


JOB = columns_of(Job, jobs)
MEDIA = columns_of(Media, media)
ATTEMPT = columns_of(Attempt, attempts)
WORKER = columns_of(Worker, workers)
EVENT = columns_of(Event, events)
REQUIREMENT = columns_of(Requirement, requirements)
SHARE = columns_of(Share, shares)
