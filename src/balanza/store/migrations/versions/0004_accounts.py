"""Accounts: users, sessions, API tokens and invitations, and whose each file, job, upload and event is.

And what workers measure of their network.

All that was there before belongs to the one user of a server without accounts.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

LOCAL_USER = "local"


def upgrade() -> None:
    for table in ("media", "jobs", "uploads"):
        op.add_column(table, sa.Column("owner_id", sa.String(64), nullable=False, server_default=LOCAL_USER))
    _to_search()
    op.add_column("media", sa.Column("derived_from", sa.String(64)))
    op.add_column("jobs", sa.Column("priority", sa.Integer(), nullable=False, server_default="50"))
    for column in ("received_bytes_per_second", "sent_bytes_per_second"):
        op.add_column("workers", sa.Column(column, sa.Float()))
    op.add_column("events", sa.Column("owner_id", sa.String(64)))
    op.execute(f"UPDATE events SET owner_id = '{LOCAL_USER}' WHERE job_id IS NOT NULL OR media_id IS NOT NULL")  # noqa: S608
    _indexes()
    _users()
    _secrets()


def _to_search() -> None:
    op.add_column("media", sa.Column("folded_name", sa.Text(), nullable=False, server_default=""))
    op.add_column("media", sa.Column("kind", sa.String(10), nullable=False, server_default="audio"))
    op.add_column("media", sa.Column("duration_seconds", sa.Float()))
    media = sa.table("media", *map(sa.column, ("seq", "name", "folded_name", "kind", "duration_seconds")))
    probe = sa.column("probe", sa.JSON())
    connection = op.get_bind()
    found = connection.execute(sa.select(media.c.seq, media.c.name, probe).select_from(media)).all()
    for seq, name, said in found:
        films = [one for one in said["streams"] if one["kind"] == "video" and not one.get("is_cover")]
        apart = unicodedata.normalize("NFKD", name)
        values = {
            "folded_name": "".join(one for one in apart if not unicodedata.combining(one)).casefold(),
            "kind": "video" if films else "audio",
            "duration_seconds": said["duration_seconds"],
        }
        connection.execute(sa.update(media).where(media.c.seq == seq).values(values))


def _indexes() -> None:
    in_trash = "trashed_at IS NOT NULL AND deleted_at IS NULL"
    _partial("ix_media_trash_of_owner", "media", "owner_id", "trashed_at", "seq", where=in_trash)
    _partial("ix_media_derived", "media", "derived_from", where="derived_from IS NOT NULL")
    op.create_index("ix_media_of_owner", "media", ["owner_id", "seq"])
    op.drop_index("ix_jobs_pending", "jobs")
    in_order = ("assigned_worker", sa.text("priority DESC"), "seq")
    _partial("ix_jobs_pending", "jobs", *in_order, where="status = 'pending'")
    _partial("ix_jobs_unlisted", "jobs", "status", where="kind <> 'convert'")
    op.drop_index("uq_jobs_idempotency_key", "jobs")
    _partial(
        "uq_jobs_idempotency_key",
        "jobs",
        "owner_id",
        "idempotency_key",
        where="idempotency_key IS NOT NULL",
        unique=True,
    )
    op.create_index("ix_jobs_of_owner", "jobs", ["owner_id", "seq"])


def _partial(name: str, table: str, *columns: str | sa.TextClause, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.Column("quota_bytes", sa.BigInteger()),
        sa.Column("quota_jobs", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sa.UniqueConstraint("subject", name="uq_users_subject"),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_users_role")),
        sa.CheckConstraint("quota_bytes >= 0 AND quota_jobs >= 0", name=op.f("ck_users_quota")),
    )


def _secrets() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
        sa.CheckConstraint("scope IN ('read', 'convert', 'admin')", name=op.f("ck_tokens_scope")),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("created_by", sa.String(64)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_by", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_invitations_created_by"),
        sa.ForeignKeyConstraint(["used_by"], ["users.id"], name="fk_invitations_used_by"),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("ck_invitations_role")),
    )
    op.create_table(
        "login_failures",
        sa.Column("what", sa.String(160), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name="pk_login_failures"),
    )
    op.create_index("ix_login_failures_until", "login_failures", ["until"])
