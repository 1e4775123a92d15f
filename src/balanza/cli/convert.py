"""`balanza convert`: what was asked for, checked; then done here, or by a running server."""

import logging
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from balanza.cli import FAILED, INTERRUPTED
from balanza.cli.inputs import Input, Wanted, collect, printable
from balanza.cli.outputs import Outputs
from balanza.cli.report import Report, display_for
from balanza.cli.workspace import workspace
from balanza.errors import InvalidRequest, StartupError
from balanza.media.formats import format_named, parse_options
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.settings import Settings


@dataclass(frozen=True, slots=True)
class Way:
    """How to convert: where results go, and who does the work."""

    target: Path | None = None
    """A folder, or for one source a file; None puts results beside their sources."""
    force: bool = False
    server: str | None = None
    as_json: bool = False


def convert(files: Sequence[str], wanted: Wanted, way: Way, settings: Settings) -> int:
    """Converts every file it can; returns the exit code.

    Raises UnknownFormat, InvalidOption, StartupError, and InvalidRequest for what only a server knows.
    """
    _refuse_what_needs_a_server(wanted, way)
    wanted = replace(wanted, format_name=format_named(wanted.format_name).name)
    parse_options(wanted.format_name, wanted.options)
    sources, absent = collect(files, leave_out=way.target)
    outputs = Outputs(way.target, wanted.format_name, sources, force=way.force)
    _refuse_binary_on_a_terminal(sources, way)
    with display_for(sources) as display:
        report = Report(display)
        for argument in absent:
            report.absent(argument.argument, argument.sentence)
        interrupted_by = _carry_out(sources, wanted, way, settings, outputs, report) if sources else None
        report.summarize(len(sources) + len(absent), interrupted=interrupted_by is not None)
    if way.as_json:
        report.print_json()
    if interrupted_by is not None:
        return INTERRUPTED
    return FAILED if report.failed else 0


def options_from(quality: str | None, pairs: Sequence[str]) -> dict[str, object]:
    """`name=value` pairs as options. Raises InvalidRequest."""
    options: dict[str, object] = {} if quality is None else {"quality": quality}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"{pair!r} is no option; write it like bitrate=192k.")
        options[name.strip()] = value
    return options


def _carry_out(
    sources: list[Input], wanted: Wanted, way: Way, settings: Settings, outputs: Outputs, report: Report
) -> int | None:
    """The signal that interrupted it, if one did."""
    with ExitStack() as stack:
        folder = stack.enter_context(workspace(_folders(sources, outputs)))
        # Either way imports what the other does not need.
        if way.server is not None:
            from balanza.cli.remote import RemoteRun  # noqa: PLC0415

            return RemoteRun(way.server, folder, wanted, outputs, report).run(sources)
        # Only what is wrong with the program is said; what fails is in the report.
        logging.getLogger("balanza").setLevel(logging.ERROR)
        # Both wait for processes of their own, while the store and the worker are imported.
        prober = stack.enter_context(closing(Prober()))
        program = stack.enter_context(ThreadPoolExecutor(1)).submit(find_program, settings.ffmpeg)
        from balanza.cli.local import Kit, LocalRun  # noqa: PLC0415

        kit = Kit(folder, program.result(), prober, settings)
        return LocalRun(kit, wanted, outputs, report).run(sources)


def _folders(sources: Sequence[Input], outputs: Outputs) -> list[Path]:
    """Where the workspace may be, best first: on the disk of the results, so that these only have to be moved."""
    if outputs.folder is not None:
        try:
            outputs.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartupError(
                f"The folder {printable(str(outputs.folder))} cannot be made: {error.strerror}."
            ) from error
        return [outputs.folder]
    return list(dict.fromkeys(source.path.parent for source in sources if source.path and not source.is_stream))


def _refuse_what_needs_a_server(wanted: Wanted, way: Way) -> None:
    if way.server is None and (wanted.priority is not None or wanted.goal is not None):
        raise InvalidRequest("--priority and --goal say whose turn it is on a server; name one with --server.")


def _refuse_binary_on_a_terminal(sources: Sequence[Input], way: Way) -> None:
    if way.target is not None or all(source.path is not None for source in sources):
        return
    if sys.stdout.isatty():
        raise StartupError("The result would be written to the terminal; send it to a file with > or with -o.")
    if way.as_json:
        raise StartupError(
            "Standard output cannot take both the result and JSON; name a folder for the result with -o."
        )
