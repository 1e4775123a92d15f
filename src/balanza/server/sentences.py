"""What the framework found wrong with a request, said as a sentence."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

SHOWN_ERRORS = 3
SHOWN_CHARACTERS = 60

_Error = Mapping[str, Any]

_SECRETS = frozenset({"password", "current", "new", "token", "invitation"})
"""Fields of bodies whose value no answer repeats."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The members of a problem document."""

    status: int
    slug: str
    title: str
    detail: str
    more: dict[str, Any] = field(default_factory=dict)


def of_validation(error: RequestValidationError, path: str) -> Refusal:
    """A body that is no JSON is 400, another content type 415, an address that cannot be 404, all else 422."""
    errors = error.errors()
    first = errors[0]
    if first["type"] == "json_invalid":
        return _malformed(first)
    if first["loc"][0] == "path":
        return Refusal(404, "not-found", "Not found", f"There is nothing at {path}: {shown(first['input'])} is no id.")
    if isinstance(error.body, bytes) and error.body:
        return Refusal(415, "unsupported-media-type", "Not JSON", _NEEDS_JSON)
    said = [_sentence(one) for one in errors[:SHOWN_ERRORS]]
    more = {"errors": [{"field": _dotted(one["loc"][1:]), "detail": _sentence(one)} for one in errors]}
    return Refusal(422, "invalid-request", "A value is not valid", " ".join(said), more)


def of_http(error: HTTPException, *, method: str, path: str, allowed: str) -> Refusal:
    """`detail` where whoever raised it gave one, else the sentence for this status."""
    status = HTTPStatus(error.status_code)
    detail = error.detail
    if detail in {status.phrase, _UNREADABLE}:
        detail = _HTTP.get(status, f"{status.phrase}.").format(method=method, path=path, allowed=allowed)
    title = _TITLES.get(status, status.phrase.capitalize())
    return Refusal(status, title.lower().replace(" ", "-"), title, detail)


_NEEDS_JSON = "This address takes JSON. Send the body as JSON with the header Content-Type: application/json."

_UNREADABLE = "There was an error parsing the body"
"""What FastAPI says of a body that is not even text."""

_HTTP = {
    HTTPStatus.BAD_REQUEST: "The body cannot be read as JSON in UTF-8.",
    HTTPStatus.NOT_FOUND: "There is nothing at {path}. See /docs for what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "{method} is not possible at {path}; possible: {allowed}.",
}


_TITLES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large", HTTPStatus.REQUEST_TIMEOUT: "Stalled"}


def _malformed(error: _Error) -> Refusal:
    reason, position = error["ctx"]["error"], error["loc"][-1]
    detail = f"The body is not valid JSON: {reason} at character {position}."
    return Refusal(400, "bad-request", "The body is not valid JSON", detail)


def _sentence(error: _Error) -> str:
    name = _field(error["loc"])
    say = _SAID.get(error["type"], _say_what_was_expected)
    return say(name, error)


def _say_missing(name: str, _: _Error) -> str:
    return f"{name} is missing."


def _say_unknown(name: str, _: _Error) -> str:
    return f"{name} is not known here."


def _say_object(name: str, error: _Error) -> str:
    return f"{name} should be a JSON object{_as_given(error)}."


def _say_pattern(name: str, error: _Error) -> str:
    return f"{name} may not be {shown(error['input'])}: it does not match {error['ctx']['pattern']}."


def _as_given(error: _Error) -> str:
    """What was sent instead, unless it is a secret: answers are kept and shown in places that requests are not."""
    return "" if _SECRETS.intersection(error["loc"][1:]) else f"; it is {shown(error['input'])}"


def _say_value_error(name: str, error: _Error) -> str:
    return f"{name}: {str(error['ctx']['error']).rstrip('.')}."


def _say_what_was_expected(name: str, error: _Error) -> str:
    expected = error["msg"].removeprefix("Input ").removeprefix("String ").rstrip(".")
    return f"{name} {expected}{_as_given(error)}."


_SAID: dict[str, Callable[[str, _Error], str]] = {
    "missing": _say_missing,
    "extra_forbidden": _say_unknown,
    "model_attributes_type": _say_object,
    "model_type": _say_object,
    "dict_type": _say_object,
    "string_pattern_mismatch": _say_pattern,
    "value_error": _say_value_error,
}

_PLACES = {"query": "The query parameter", "header": "The header", "body": "The field"}


def _field(location: Sequence[str | int]) -> str:
    """`The field 'options.bitrate'`, `The query parameter 'limit'`, `The body`."""
    place, *inside = location
    if not inside:
        return f"The {place}"
    return f"{_PLACES.get(str(place), 'The value')} '{_dotted(inside)}'"


def _dotted(parts: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in parts)


def shown(value: object) -> str:
    """A caller's own value, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
