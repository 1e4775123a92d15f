"""Looking for files in somebody's library: by a part of the name, by kind, in the order that was asked for."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from balanza.model import Media, Probe
from balanza.store.tables import MEDIA, media

Kind = Literal["audio", "video"]


class Sort(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    LARGEST = "largest"
    LONGEST = "longest"


@dataclass(frozen=True, slots=True)
class Question:
    """Which files, in which order."""

    search: str = ""
    """A part of the name; upper and lower case and accents do not matter."""
    kind: Kind | None = None
    sort: Sort = Sort.NEWEST


# What comes first, and whether the greatest does; files that are alike in it come newest first.
_ORDERS: dict[Sort, tuple[ColumnElement[Any], bool]] = {
    Sort.NEWEST: (media.c.seq, True),
    Sort.OLDEST: (media.c.seq, False),
    Sort.NAME: (media.c.folded_name, False),
    Sort.LARGEST: (media.c.size_bytes, True),
    Sort.LONGEST: (func.coalesce(media.c.duration_seconds, 0.0), True),
}
LISTED = and_(media.c.deleted_at.is_(None), media.c.trashed_at.is_(None), media.c.derived_from.is_(None))
"""In the library: neither in the trash nor deleted, nor made of another file."""


EVERYTHING = Question()


def list_media(
    tx: Connection, question: Question = EVERYTHING, *, owner_id: str, before: str | None, limit: int
) -> list[Media]:
    """Those of somebody's library that answer the question; `before` is the id of the last one of the page before."""
    query: Select[*tuple[Any, ...]] = select(*MEDIA).where(media.c.owner_id == owner_id, LISTED).limit(limit)
    if question.search:
        query = query.where(media.c.folded_name.contains(folded(question.search), autoescape=True))
    if question.kind is not None:
        query = query.where(media.c.kind == question.kind)
    key, greatest_first = _ORDERS[question.sort]
    if before is not None:
        query = query.where(_follows(key, before, greatest_first=greatest_first))
    order = key.desc() if greatest_first else key.asc()
    alike = [] if key is media.c.seq else [media.c.seq.desc()]
    return [Media(*row) for row in tx.execute(query.order_by(order, *alike))]


def _follows(key: ColumnElement[Any], before: str, *, greatest_first: bool) -> ColumnElement[bool]:
    """The row comes after that one in the order of `key`."""
    last_key, last_seq = (select(one).where(media.c.id == before).scalar_subquery() for one in (key, media.c.seq))
    beyond = key < last_key if greatest_first else key > last_key
    if key is media.c.seq:
        return beyond
    return or_(beyond, and_(key == last_key, media.c.seq < last_seq))


def folded(name: str) -> str:
    """As it is looked for: without case and accents (Unicode: NFKD, without marks, case folded)."""
    apart = unicodedata.normalize("NFKD", name)
    return "".join(character for character in apart if not unicodedata.combining(character)).casefold()


def searched(name: str, probe: Probe) -> dict[str, Any]:
    """What is kept of a file to find it by."""
    kind: Kind = "video" if probe.video else "audio"
    return {"folded_name": folded(name), "kind": kind, "duration_seconds": probe.duration_seconds}
