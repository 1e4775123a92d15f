"""Column types that are the same on every database and speak the words of `model`."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Enum, Integer, Text, TypeDecorator

from balanza.model import Probe, Stream, StreamKind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""A primary key that the database counts up; SQLite does so for INTEGER alone, which has 64 bits there."""


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC, stored as microseconds since the epoch: exact, and it sorts as it is."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"The time {value!r} has no time zone; the store takes aware datetimes alone.")
        return (value - _EPOCH) // _MICROSECOND

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Without the detours of a decorator: each worker and each job that is read has some."""
        return lambda value: None if value is None else _EPOCH + timedelta(microseconds=value)


class Prose(TypeDecorator[str]):
    """Text written by people and programs: what no database takes (NUL, halves of surrogate pairs) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)


class Names(TypeDecorator[frozenset[str]]):
    """A set of names, stored as a sorted JSON list."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: frozenset[str] | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else sorted(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], frozenset[str] | None]:
        """Every choice of a worker reads the 250 encoders of each: the same text is parsed once. Some drivers parse it
        themselves."""
        return lambda value: _names(value) if isinstance(value, str) else None if value is None else frozenset(value)


class Probed(TypeDecorator[Probe]):
    """What a media file contains, stored as a JSON object with the fields of `Probe` and `Stream`."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Probe | None, dialect: Dialect) -> dict[str, Any] | None:
        if value is None:
            return None
        return _object(value) | {"streams": [_object(stream) for stream in value.streams]}

    def process_result_value(self, value: Mapping[str, Any] | None, dialect: Dialect) -> Probe | None:
        if value is None:
            return None
        streams = tuple(Stream(**{**stream, "kind": StreamKind(stream["kind"])}) for stream in value["streams"])
        return Probe(**{**value, "streams": streams})


@lru_cache(maxsize=1000)
def _names(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def word(values: type[StrEnum], name: str | None = None) -> Enum:
    """One of the values of an enumeration, as text; under a CHECK constraint when that has a name."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=name is not None,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


def _object(value: Probe | Stream) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
