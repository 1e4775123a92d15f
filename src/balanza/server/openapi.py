"""The description of the API: problem documents where an address can answer with one."""

from typing import Any

from fastapi import FastAPI

from balanza.protocol import Problem

_PROBLEM = "application/problem+json"

_EXAMPLE = {
    "type": "urn:balanza:problem:not-found",
    "title": "Not found",
    "status": 404,
    "detail": "There is no file 'song.wav'. Upload it first, or see what there is with GET /media.",
}

_MEANINGS = {
    400: "The body cannot be read.",
    401: "Log in first, or the log-in failed.",
    403: "Refused: not for you, not from here, or from another site's page.",
    404: "There is no such thing.",
    408: "The body stopped coming.",
    409: "Not possible in this state.",
    410: "It was deleted.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "The range lies outside the file.",
    422: "A value is not valid; `errors` names the fields.",
    423: "Another request is changing it.",
    429: "Tried too often; try again after Retry-After.",
    503: "Not available now; try again after Retry-After.",
    507: "The storage is full.",
}

Responses = dict[int | str, dict[str, Any]]


JSON_BODY = (400, 413, 415)
"""What can be wrong with a body before it is looked into."""


def problems(*statuses: int) -> Responses:
    """The problem documents that a route answers with, for its `responses`; some can come from any route."""
    return {status: _problem_response(_MEANINGS[status]) for status in sorted({*statuses, 401, 403, 422, 503})}


def content(media_type: str, description: str) -> dict[str, Any]:
    """A response that is no JSON."""
    schema = {"type": "string", "format": "binary"} if media_type == "*/*" else {"type": "string"}
    return {"description": description, "content": {media_type: {"schema": schema}}}


def describe_problems(app: FastAPI) -> None:
    """Puts the shape of problem documents among the schemas, where the responses of all routes point to."""
    generate = app.openapi

    def with_problems() -> dict[str, Any]:
        schema = generate()
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema() | {"examples": [_EXAMPLE]}
        return schema

    app.openapi = with_problems  # type: ignore[method-assign]


def _problem_response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {_PROBLEM: {"schema": schema}}}
