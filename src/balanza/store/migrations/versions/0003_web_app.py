"""What the web app needs: shared links, resumable uploads, the trash, and the last hour of the fleet."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("workers", sa.Column("removed_at", sa.BigInteger()))
    op.add_column("media", sa.Column("trashed_at", sa.BigInteger()))
    in_trash = sa.text("trashed_at IS NOT NULL AND deleted_at IS NULL")
    op.create_index(
        "ix_media_trashed", "media", ["trashed_at", "seq"], sqlite_where=in_trash, postgresql_where=in_trash
    )
    op.create_index("ix_attempts_ended", "attempts", ["ended_at"])
    _shares()
    _uploads()
    _points()


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("media_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("most_downloads", sa.Integer()),
        sa.Column("downloads", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("token_hash", name="uq_shares_token_hash"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_shares_media_id"),
        sa.CheckConstraint("most_downloads IS NULL OR most_downloads >= 1", name=op.f("ck_shares_most_downloads")),
        sa.CheckConstraint(
            "downloads >= 0 AND (most_downloads IS NULL OR downloads <= most_downloads)",
            name=op.f("ck_shares_downloads"),
        ),
    )
    op.create_index("ix_shares_media_id", "shares", ["media_id"])


def _uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("media_id", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name="fk_uploads_media_id"),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_uploads_size")),
    )
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])


def _points() -> None:
    op.create_table(
        "load_points",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", sa.String(64), nullable=False),
        sa.Column("cpu_load", sa.Float()),
        sa.Column("memory_mb", sa.Float()),
        sa.Column("running_jobs", sa.Integer(), nullable=False),
        sa.Column("assigned_jobs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at", "worker_id", name="pk_load_points"),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name="fk_load_points_worker_id"),
    )
    op.create_table(
        "fleet_points",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("processing", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("at", name="pk_fleet_points"),
    )
