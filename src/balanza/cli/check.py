"""`balanza check`: what was found, what each format needs, and what is missing."""

import json
import platform
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from balanza.cli import FAILED
from balanza.cli.tables import console, table_of
from balanza.errors import StartupError
from balanza.media.program import Program, find_program, missing_for, needs_of
from balanza.media.table import FORMATS
from balanza.server.startup import FolderInUse, check_folder, claimed_folder
from balanza.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that Balanza uses."""

    name: str
    ok: bool
    found: str
    needed: bool = True
    """Without it nothing works; otherwise something is only weaker."""


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether one format can be made: FFmpeg's names of what that takes."""

    format: str
    encoders: list[str]
    muxers: list[str]
    filters: list[str]
    missing: list[str]


def check(settings: Settings, *, as_json: bool) -> int:
    """Prints what was found; returns the exit code."""
    program, ffmpeg = _ffmpeg(settings)
    findings = [*_machine(), ffmpeg, *_libraries(), _data_folder(settings)]
    abilities = _abilities(program) if program else []
    ok = all(finding.ok or not finding.needed for finding in findings) and not any(one.missing for one in abilities)
    if as_json:
        report = {"ok": ok, "found": [asdict(one) for one in findings], "formats": [asdict(one) for one in abilities]}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        console().print(_rendered(findings, abilities, ok=ok))
    return 0 if ok else FAILED


def _machine() -> Iterator[Finding]:
    yield Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} at {sys.executable}")


def _ffmpeg(settings: Settings) -> tuple[Program | None, Finding]:
    try:
        program = find_program(settings.ffmpeg)
    except StartupError as error:
        return None, Finding("ffmpeg", False, error.sentence)
    return program, Finding("ffmpeg", True, f"{program.version} at {program.path}")


def _libraries() -> Iterator[Finding]:
    yield _package("PyAV", "av")
    yield _package("SQLAlchemy", "sqlalchemy")
    yield Finding("SQLite", sqlite3.sqlite_version_info >= (3, 35), sqlite3.sqlite_version)
    yield _package("psycopg", "psycopg")


def _package(name: str, package: str) -> Finding:
    try:
        return Finding(name, True, version(package))
    except PackageNotFoundError:
        return Finding(name, False, f"missing: install the package {package}")


def _data_folder(settings: Settings) -> Finding:
    """Its state as `balanza up` would find it; what is missing is not made. A folder that is in use is only a note."""
    name, data = "data folder", settings.data.absolute()
    exists = settings.data.exists()
    try:
        with claimed_folder(data) if exists else nullcontext():
            for part in (data, settings.storage_folder / "objects", settings.storage_folder / "incoming"):
                check_folder(part)
    except FolderInUse as error:
        return Finding(name, False, error.sentence, needed=False)
    except StartupError as error:
        return Finding(name, False, error.sentence)
    return Finding(name, True, f"{data} {'can be used' if exists else 'will be made'}")


def _abilities(program: Program) -> list[Ability]:
    missing = missing_for(program)
    return [
        Ability(
            name, **{kind: sorted(names) for kind, names in needs_of(format_).items()}, missing=sorted(missing[name])
        )
        for name, format_ in FORMATS.items()
    ]


def _rendered(findings: list[Finding], abilities: list[Ability], *, ok: bool) -> RenderableType:
    found = table_of("", "what", "found")
    for finding in findings:
        found.add_row(_mark(finding.ok, finding.needed), finding.name, finding.found)
    formats = table_of("", "format", "encoders", "muxer", "filters", "missing")
    formats.columns[4].no_wrap = False
    for one in abilities:
        lists = (", ".join(names) for names in (one.encoders, one.muxers, one.filters, one.missing))
        formats.add_row(_mark(not one.missing, needed=True), one.format, *lists)
    end = "Everything that is needed is there." if ok else "Something that is needed is missing."
    return Group(found, formats, Text(end, style="green" if ok else "red"))


def _mark(ok: bool, needed: bool) -> Text:
    if ok:
        return Text("ok", style="green")
    return Text("missing", style="red") if needed else Text("note", style="yellow")
