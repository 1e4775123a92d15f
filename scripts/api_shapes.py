"""The shapes of the API as Markdown: their fields, types, and what the code says of each."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import balanza

Schema = Mapping[str, Any]


def is_listed(name: str, shape: Schema) -> bool:
    return ("properties" in shape or "enum" in shape) and not name.startswith("Body_")


def shape_of(name: str, shape: Schema) -> str:
    said = [f"### {name}"]
    if text := shape.get("description"):
        said.append(text.partition("\n\n")[0].replace("\n", " "))
    said.append(fields_of(shape, name) if "properties" in shape else f"One of {type_of(shape)}.")
    return "\n\n".join(said)


def fields_of(shape: Schema, name: str = "") -> str:
    required = set(shape.get("required", ()))
    rows = []
    for field, schema in shape["properties"].items():
        text = schema.get("description") or _said_of(name, field)
        default = f" Default: `{json.dumps(schema['default'])}`." if schema.get("default") not in (None, "", []) else ""
        optional = "" if field in required or "const" in schema else ", optional"
        rows.append(f"| `{field}` | {type_of(schema)}{optional} | {text}{default} |")
    return "| field | type | |\n|---|---|---|\n" + "\n".join(rows)


def type_of(schema: Schema) -> str:
    match schema:
        case {"$ref": str(target)} if target.endswith("/JsonValue"):
            return "any"
        case {"$ref": _}:
            return f"[{name_in(schema)}](#{anchor(name_in(schema))})"
        case {"anyOf": several}:
            return " or ".join(map(type_of, several))
        case {"type": "array"}:
            return f"list of {type_of(schema.get('items', {}))}"
        case {"additionalProperties": Mapping() as values}:
            return f"object of {type_of(values)}"
    return _plaintype_of(schema)


def _plaintype_of(schema: Schema) -> str:
    match schema:
        case {"const": value}:
            return f"`{json.dumps(value)}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"format": "date-time" | "binary" as form}:
            return {"date-time": "time", "binary": "bytes"}[form]
    return str(schema.get("type", "any")) + _bounds(schema)


_NOTABLE = 10**9
"""Bounds above only keep numbers storable."""


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    most = None if most is not None and most > _NOTABLE else most
    if least is None and most is None:
        return ""
    return f" {'' if least is None else f'{least:,}'}…{'' if most is None else f'{most:,}'}"


def _said_of(shape: str, field: str) -> str:
    """What the code says of a field in the string below it, which is not in the schema: reading it takes too long for
    every start of the server."""
    return _docstrings().get((shape, field), _docstrings().get((_BASES.get(shape, ""), field), ""))


_BASES = {"MediaInfo": "MediaOut", "JobDetail": "JobOut", "TokenMade": "TokenOut"}


@cache
def _docstrings() -> Mapping[tuple[str, str], str]:
    found = {}
    for path in Path(balanza.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found.update({(node.name, field): text for field, text in _belowfields_of(node)})
    return found


def _belowfields_of(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for one, below in zip(node.body, node.body[1:], strict=False):
        match one, below:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                yield field, " ".join(text.split())


def anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def name_in(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]
