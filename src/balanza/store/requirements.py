"""What jobs require of workers: each combination once, because thousands of jobs differ in a handful of them."""

import json
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, insert, select

from balanza.model import Needs, Requirement
from balanza.store.tables import REQUIREMENT, requirements

_BY_NAME = select(requirements.c.id).where(requirements.c.name == bindparam("this_name"))
_INSERT = insert(requirements).returning(requirements.c.id)
_ALL = select(*REQUIREMENT).order_by(requirements.c.id)


def id_of(tx: Connection, needs: Needs) -> int | None:
    """The requirement with these encoders and tags, made if it is new; None when any worker will do."""
    if not needs.encoders and not needs.tags:
        return None
    name = json.dumps([sorted(needs.encoders), sorted(needs.tags)])
    found: int | None = tx.execute(_BY_NAME, {"this_name": name}).scalar()
    if found is not None:
        return found
    # Two at once: the second INSERT is refused, and Database.write runs the operation again.
    values = {"encoders": needs.encoders, "tags": needs.tags, "name": name}
    made: int = tx.execute(_INSERT, values).scalar_one()
    return made


def list_requirements(tx: Connection) -> list[Requirement]:
    return [Requirement(*row) for row in tx.execute(_ALL)]


def needs_of(known: Iterable[Requirement], requirement_id: int | None, scratch_bytes: int) -> Needs:
    """What a job with this requirement asks of a worker."""
    for one in known:
        if one.id == requirement_id:
            return Needs(one.encoders, one.tags, scratch_bytes)
    return Needs(scratch_bytes=scratch_bytes)
