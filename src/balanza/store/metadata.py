"""What all tables belong to: how their indexes and constraints are named."""

from sqlalchemy import Index, MetaData, TextClause, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def partial(name: str, *columns: str | TextClause, where: str, unique: bool = False) -> Index:
    """An index over the rows that satisfy `where`. A query uses it when it says the same, with constants, not binds."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where))
