"""What the documentation says of the code is what the code says, and it says the same in both languages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from balanza.cli.app import app as command_line
from balanza.server import app as server
from balanza.server.pages import PAGES
from balanza.settings import Settings
from scripts.lifecycle_doc import DOCUMENT, redrawn
from tests.web.pictures import FOLDER as PICTURES
from tests.web.pictures import file_names

ROOT = Path(__file__).parents[1]
MANUAL = ROOT / "docs/manual"
MANUALS = ("user.md", "administrator.md")
TEXTS = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md")])

ELSEWHERE = {"SERVER", "WORKER_ID", "SLOTS", "TAGS", "GRACE_SECONDS", "METRICS_PORT", "METRICS_HOST"}
"""Variables that options of the command line read besides those of the settings."""

CODE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
PICTURE = re.compile(r'(?:src|srcset)="([^"]+)"')


def test_the_lifecycle_page_is_drawn_from_the_transition_table() -> None:
    text = DOCUMENT.read_text()
    assert text == redrawn(text), "run: python scripts/lifecycle_doc.py"


@pytest.mark.parametrize("name", MANUALS)
def test_both_manuals_have_the_same_parts(name: str) -> None:
    english, spanish = ((MANUAL / language / name).read_text() for language in ("en", "es"))
    assert shape_of(english) == shape_of(spanish)
    assert code_of(english) == code_of(spanish)
    assert set(settings_in(english)) == set(settings_in(spanish))


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_readme_lists_every_setting(name: str) -> None:
    table = "\n".join(line for line in (ROOT / name).read_text().splitlines() if line.startswith("| `BALANZA_"))
    assert set(settings_in(table)) == {field.upper() for field in Settings.model_fields}


def test_both_readmes_have_the_same_pictures_and_settings() -> None:
    english, spanish = ((ROOT / name).read_text() for name in ("README.md", "README.es.md"))
    assert PICTURE.findall(english) == PICTURE.findall(spanish)
    assert settings_in(english) == settings_in(spanish)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_exists(path: Path) -> None:
    text = path.read_text()
    known = {field.upper() for field in Settings.model_fields} | ELSEWHERE
    assert set(settings_in(text)) - known == set()
    assert [command for command in commands_in(text) if not is_command(command)] == []
    assert list(missing_links(path, text)) == []


def test_every_route_in_a_text_is_one_of_the_server() -> None:
    paths = (getattr(route, "path", "") for router in server.ROUTERS for route in router.routes)
    routes = {*(re.sub(r"\{\w+\}", "X", path) for path in paths), *PAGES, "/openapi.json"}
    for path in TEXTS:
        named = re.findall(r"`(?:GET|HEAD|POST|PUT|PATCH|DELETE) (/[^`?\s]*)", CODE.sub("", path.read_text()))
        unknown = [name for name in named if re.sub(r"\{\w+\}|\b(?:ID|JOB)\b|<\w+>", "X", name) not in routes]
        assert (path.name, unknown) == (path.name, [])


def test_the_pictures_are_those_that_are_taken() -> None:
    there = {str(path.relative_to(PICTURES)) for path in PICTURES.rglob("*.png")}
    assert there == file_names(), "run: python -m tests.web.pictures"


def shape_of(text: str) -> list[str]:
    """The headings by their depth, the pictures by their names, lists and tables by their length."""
    lines = CODE.sub("```", text).splitlines()
    return [part for line in lines if (part := _part(line))]


def _part(line: str) -> str:
    if heading := re.match(r"#+ ", line):
        return heading[0]
    if picture := re.match(r"!\[.+\]\(\.\./\.\./images/\w+/(\w+)\.png\)", line):
        return picture[1]
    found = re.match(r"\d\. |- |\||```", line)
    return found[0] if found else ""


def code_of(text: str) -> list[str]:
    """The blocks of code without their comments."""
    return [re.sub(r"\s*#.*", "", block) for block in CODE.findall(text)]


def settings_in(text: str) -> list[str]:
    return re.findall(r"\bBALANZA_([A-Z_]*[A-Z])\b", text)


def commands_in(text: str) -> Iterator[list[str]]:
    """What follows `balanza` where it is typed."""
    for typed in re.findall(r"(?:`|\.venv/bin/|api )balanza ((?:[a-z]+ ?)+)", text):
        yield typed.split()


def is_command(words: list[str]) -> bool:
    """Whether the words are a command, with arguments after it."""
    group = typer.main.get_command(command_line)
    for word in words:
        below = getattr(group, "commands", None)
        if below is None:
            return True
        if word not in below:
            return False
        group = below[word]
    return True


def missing_links(path: Path, text: str) -> Iterator[str]:
    """Files and headings that are linked and are not there, and pictures."""
    for target, heading in LINK.findall(CODE.sub("", text)):
        file = path.parent / target if target else path
        if not file.exists():
            yield target
        elif heading and heading not in {_anchor(title) for title in headings_of(file)}:
            yield f"{target}#{heading}"
    yield from (picture for picture in PICTURE.findall(text) if not (path.parent / picture).exists())


def headings_of(file: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", CODE.sub("", file.read_text()), re.MULTILINE)


def _anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
