"""Brings a database to the schema of this version: made at once when it is new, migrated when it is old."""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select, text

from balanza.errors import StartupError
from balanza.store import account_tables, order_tables, point_tables, tables  # noqa: F401 - whose tables these are
from balanza.store.metadata import metadata

HEAD = "0005"
"""The newest migration. Importing Alembic takes 0.2 s, so that a new or current database is opened without it."""

_MIGRATIONS = Path(__file__).with_name("migrations")
# As Alembic itself makes it.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_ONE_AT_A_TIME = {
    "sqlite": text("BEGIN IMMEDIATE"),
    "postgresql": text("SELECT pg_advisory_xact_lock(7032516349)"),
}


def bring_up_to_date(connection: Connection) -> None:
    """In one transaction, and only one process at a time.

    Raises:
        StartupError: a newer version made this database, or its tables belong to something else.
    """
    with connection.begin():
        connection.execute(_ONE_AT_A_TIME[connection.dialect.name])
        tables = set(inspect(connection).get_table_names())
        revision = connection.execute(select(_VERSION)).scalar() if _VERSION.name in tables else None
        if revision == HEAD:
            return
        if revision is not None:
            migrate(connection, revision)
        elif taken := tables & set(metadata.tables):
            raise StartupError(
                f"The database {_name(connection)} has a table named {min(taken)} that Balanza did not make. "
                "Give Balanza a database of its own."
            )
        else:
            create(connection)


def create(connection: Connection) -> None:
    """Makes all tables in a database that has none of them; the result is that of all migrations."""
    if connection.dialect.name == "postgresql":
        _say_what_partial_indexes_hold()
    metadata.create_all(connection, checkfirst=False)
    _VERSION.create(connection, checkfirst=False)
    connection.execute(insert(_VERSION).values(version_num=HEAD))


def _say_what_partial_indexes_hold() -> None:
    """To PostgreSQL too; said in `tables` it would load that dialect, 35 ms, in programs that use SQLite alone."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if "sqlite_where" in index.dialect_kwargs:
                index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs["sqlite_where"]


def migrate(connection: Connection, revision: str | None, target: str = "head") -> None:
    """Runs the migrations after `revision` (None: all of them) up to `target`."""
    from alembic import command  # noqa: PLC0415 - see HEAD
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    try:
        if revision is not None:
            ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError as error:
        raise StartupError(
            f"The database {_name(connection)} was made by a newer version of Balanza: its schema is {revision}, and "
            f"this version knows those up to {HEAD}. Install that version, or use another database."
        ) from error
    command.upgrade(config, target)


def _name(connection: Connection) -> str:
    return connection.engine.url.render_as_string(hide_password=True)
