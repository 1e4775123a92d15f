"""Writes docs/api.md, the reference of the HTTP API, from what the server itself says of it.

python -m scripts.api_reference
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast, get_args

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from balanza.server import auth
from balanza.server.app import create_app
from balanza.server.main import opened
from balanza.settings import Settings
from scripts.api_examples import MORE, PATH_VARIABLES, VARIABLES, Example, in_curl, in_powershell
from scripts.api_shapes import Schema, anchor, fields_of, is_listed, name_in, shape_of, type_of

DOCUMENT = Path(__file__).parents[1] / "docs" / "api.md"
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")

_TOKEN, _FLEET = "token", "fleet_token"
_READ = "whoever has logged in, or shows a token of any scope"
_CONVERT = "whoever has logged in, or shows a token with the scope `convert` or `admin`"
_ADMIN = "administrators who have logged in, or show a token with the scope `admin`"
WHO: Mapping[object, tuple[str, str | None]] = {
    get_args(annotated)[1].dependency: (said, secret)
    for annotated, said, secret in (
        (auth.Reader, _READ, _TOKEN),
        (auth.Converter, _CONVERT, _TOKEN),
        (auth.Admin, _ADMIN, _TOKEN),
        (auth.StatsReader, "administrators; everybody where the statistics are public", _TOKEN),
        (auth.Monitor, "administrators, and Prometheus with the secret of the workers", _FLEET),
        (auth.WorkerParts, "workers, with their secret", _FLEET),
        (auth.Asking, "whoever has logged in", _TOKEN),
        (auth.AskingPerhaps, "everybody; it tells who one is", _TOKEN),
    )
}
"""By what an endpoint depends on: who may call it where there are accounts, and the secret that is shown."""
_EVERYBODY = ("everybody", None)

_EVERYWHERE = frozenset({"401", "403", "422", "503"})
"""Statuses that any call can answer with."""
_WITH_JSON = frozenset({"400", "413", "415"})
"""And any that takes JSON."""

_SUCCESS = "Successful Response"
_SAID_OF_SUCCESS = {"204": "Done; there is no body.", "303": "On to another address."}


@dataclass(frozen=True)
class Call:
    """One method of one address."""

    method: str
    path: str
    described: Schema
    who: str
    example: Example

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def reference(app: FastAPI) -> str:
    """The whole document."""
    schema = app.openapi()
    shapes: Schema = schema["components"]["schemas"]
    calls = sorted(calls_of(app), key=lambda call: "fleet" in call.described["tags"])  # what people ask comes first
    by_tag: dict[str, list[Call]] = {}
    for call in calls:
        by_tag.setdefault(call.described["tags"][0], []).append(call)
    parts = [_INTRODUCTION.format(variables=_variables(), curl=_assignments(), powershell=_powershell_assignments())]
    parts.append("## All calls\n\n| call | |\n|---|---|\n" + "\n".join(map(_row, calls)))
    for tag, found in by_tag.items():
        parts.append(f"## {tag[0].upper()}{tag[1:]}")
        parts += [_section(call, shapes) for call in found]
    parts.append("## Shapes\n\nA field that may be `null` says so. Times are ISO 8601 in UTC.")
    parts += [shape_of(name, shape) for name, shape in sorted(shapes.items()) if is_listed(name, shape)]
    return "\n\n".join(parts) + "\n"


def calls_of(app: FastAPI) -> list[Call]:
    """Every call that the API describes, with its example, in the order of the routes."""
    schema = app.openapi()
    routes = {(method, route.path): route for route in _routes(app) for method in route.methods or ()}
    return [
        _call(method.upper(), path, described, routes[method.upper(), path], schema["components"]["schemas"])
        for path, methods in schema["paths"].items()
        for method, described in methods.items()
        if method in METHODS
    ]


def _routes(app: FastAPI) -> Iterator[APIRoute]:
    yield from (route for route in app.state.routes if isinstance(route, APIRoute))


def _call(method: str, path: str, described: Schema, route: APIRoute, shapes: Schema) -> Call:
    who, secret = _who(route.dependant)
    typed = path
    for parameter, variable in PATH_VARIABLES.items():
        typed = typed.replace(parameter, variable)
    more: dict[str, Any] = {"shows_headers": method == "HEAD", **MORE.get(f"{method} {path}", {})}
    body = described.get("requestBody", {}).get("content", {})
    if "application/json" in body and "json_body" not in more:
        more["json_body"] = json.dumps(_own_example(f"{method} {path}", body["application/json"]["schema"], shapes))
    return Call(
        method, path, described, who, Example(method, re.sub(r"\{(\w+)\}", r"$\1", typed), secret=secret, **more)
    )


def _who(dependant: Dependant) -> tuple[str, str | None]:
    return next((WHO[one.call] for one in dependant.dependencies if one.call in WHO), _EVERYBODY)


def _own_example(name: str, schema: Schema, shapes: Schema) -> object:
    examples = _resolved(schema, shapes).get("examples")
    if not examples:
        raise LookupError(f"{name} has no example: give its schema one, or write it into scripts/api_examples.py.")
    return examples[0]


def _resolved(schema: Schema, shapes: Schema) -> Schema:
    return cast(Schema, shapes[name_in(schema)]) if "$ref" in schema else schema


# --- One call


def _row(call: Call) -> str:
    summary = call.described["summary"]
    return f"| `{call.name}` | [{summary}](#{anchor(call.name)}) |"


def _section(call: Call, shapes: Schema) -> str:
    described = call.described
    said = [f"### {call.name}", f"**{described['summary']}**", f"For {call.who}."]
    if "description" in described:
        said.append(described["description"])
    if parameters := described.get("parameters"):
        rows = [_parameter(one) for one in parameters]
        said.append("| parameter | in | type | |\n|---|---|---|---|\n" + "\n".join(rows))
    said += _body(described.get("requestBody", {}), shapes)
    said.append(_answers(described["responses"]))
    said.append(f"```sh\n{in_curl(call.example)}\n```")
    said.append(f"```powershell\n{in_powershell(call.example)}\n```")
    return "\n\n".join(said)


def _parameter(one: Schema) -> str:
    schema = one.get("schema", {})
    needed = " (required)" if one.get("required") and one["in"] != "path" else ""
    default = f" Default: `{json.dumps(schema['default'])}`." if schema.get("default") not in (None, "") else ""
    text = one.get("description", schema.get("description", ""))
    return f"| `{one['name']}` | {one['in']}{needed} | {type_of(schema)} | {text}{default} |"


def _body(body: Schema, shapes: Schema) -> list[str]:
    if not body:
        return []
    said = []
    for media_type, content in body["content"].items():
        schema = _resolved(content["schema"], shapes)
        named = "$ref" in content["schema"] and media_type == "application/json"
        shape = f", [{schema['title']}](#{anchor(schema['title'])})" if named else ""
        said.append(f"Body: `{media_type}`{shape}")
        if media_type == "application/x-www-form-urlencoded":
            said.append(fields_of(schema))
    return [*([body["description"]] if "description" in body else []), *said]


def _answers(responses: Schema) -> str:
    lines = []
    usual = _EVERYWHERE | (_WITH_JSON if responses.keys() >= _WITH_JSON else frozenset())
    for status, response in responses.items():
        if status in usual:
            continue
        content = response.get("content", {})
        kinds = [
            type_of(one["schema"]) if media_type == "application/json" else f"`{media_type}`"
            for media_type, one in content.items()
            if media_type not in {"application/problem+json", "*/*"}
        ]
        text = _SAID_OF_SUCCESS.get(status, "") if response["description"] == _SUCCESS else response["description"]
        lines.append(" ".join(filter(None, [f"- **{status}**", ", ".join(kinds), text])))
    return "Answers:\n\n" + "\n".join(lines)


# --- The introduction


def _variables() -> str:
    return "\n".join(f"| `${name}` | {meaning} |" for name, (_, meaning) in VARIABLES.items())


def _assignments() -> str:
    return "\n".join(f"{name}='{VARIABLES[name][0]}'" for name in ("server", "token"))


def _powershell_assignments() -> str:
    return "\n".join(f"${name} = '{VARIABLES[name][0]}'" for name in ("server", "token"))


_INTRODUCTION = """\
# The HTTP API

<!-- written by scripts/api_reference.py from the server's own description; change that, not this -->

A running server shows the same at `/docs`, and gives it to programs at `/openapi.json`. Fields may be added to answers;
none goes away and none changes its meaning.

- **Who asks.** Without accounts (`balanza up` on one computer) everybody may call everything, and a token that is shown
  does not matter. With accounts a program shows an API token as `Authorization: Bearer …`; people make one in
  *Settings*. `POST /auth/login` gives a token as well, the secret of a session, which may do what its owner may do. A
  page shows its session in a cookie, and with it changes things only from pages of this server.
- **Whose it is.** Files, jobs, links, uploads and events belong to whoever made them. Those of others are answered like
  those that do not exist: 404.
- **Errors** are problem documents (RFC 9457, `application/problem+json`): `type` is fit for programs, `detail` is a
  sentence for people. Besides the answers listed with a call, each can answer 401 (log in first), 403 (not allowed),
  422 (a value is not valid) and 503 (not now; try again after `Retry-After`); one that takes JSON also 400 (the body
  cannot be read), 413 (it is too large) and 415 (it is not JSON).
- **Lists** come in pages: hand `next_cursor` of one as `cursor` of the next, until it is `null`.

The examples are for a POSIX shell with curl, and for PowerShell 5.1 and newer. They run as they stand once the
variables in them have values, and `song.wav` is a file in the folder. Those with curl are run by the tests; those for
PowerShell are not.

```sh
{curl}
```

```powershell
{powershell}
```

| variable | |
|---|---|
{variables}"""


def main() -> None:
    with TemporaryDirectory() as data, opened(Settings(data=Path(data))) as parts:
        DOCUMENT.write_text(reference(create_app(parts)))


if __name__ == "__main__":
    main()
