"""The files that `balanza convert` was asked for: names, folders, globs and standard input, as a list of inputs."""

import glob
import mimetypes
import os
import re
import select
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STANDARD_INPUT = "-"
EMPTY_NAME = '""'
PIECE_BYTES = 1024 * 1024
LOOK_UP_SECONDS = 0.2
_STEERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, text-direction tricks, and the halves of pairs that stand for wrong bytes."""
_NO_MEDIA = ("image/", "text/", "font/")
_MEDIA_ALL_THE_SAME = frozenset({".gif", ".ts", ".mts", ".m2ts"})
"""Animations, and what some systems take for sources of TypeScript or Qt translations."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of the files."""

    format_name: str
    options: Mapping[str, object]
    jobs: int | None = None
    """How many at once; None leaves it to the machine."""
    priority: int | None = None
    """0..100 on a server, where a higher one goes first; None is the usual one."""
    goal: str | None = None
    """What the order of several on a server is for, `slowdown` or `makespan`; None leaves it to the server."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file to convert."""

    path: Path | None
    """None: standard input."""
    relative: Path
    """Where its result belongs below the output folder, under the source's name."""
    is_named: bool
    """The person named it; found in a folder otherwise, and then passed over quietly when it is no media."""
    is_stream: bool = False
    """Can be read once only: standard input, or a pipe."""
    size_bytes: int = 0

    @property
    def name(self) -> str:
        return self.relative.name

    @property
    def shown(self) -> str:
        return "standard input" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class Absent:
    """An argument that stands for no file, and why."""

    argument: str
    sentence: str


def printable(text: str) -> str:
    """`text` with escapes for what would steer a terminal, or is no text: names of files may hold anything."""
    return _STEERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def collect(arguments: Sequence[str], *, leave_out: Path | None = None) -> tuple[list[Input], list[Absent]]:
    """Every file once, the largest first; and the arguments that stand for none.

    Folders are walked, hidden files and the folder `leave_out` left out. Largest first, because a long conversion that
    starts last leaves all slots but one idle (Graham 1969, longest processing time first).
    """
    found: dict[Path | str, Input] = {}
    absent: list[Absent] = []
    for argument in arguments:
        is_any = False
        try:
            for one in _expand(argument, leave_out):
                is_any = True
                # A file that was named stays named, also when it is found in a folder before.
                if (key := _identity(one)) not in found or one.is_named:
                    found[key] = one
        except OSError as error:
            absent.append(Absent(argument, _why_not(error, argument)))
        else:
            if not is_any:
                absent.append(Absent(argument, f"There is no audio or video in {argument}."))
    return sorted(found.values(), key=lambda one: -one.size_bytes), absent


def pieces(source: Input, stopping: threading.Event) -> Iterator[bytes]:
    """The bytes of a source. Raises OSError, also when it waits for more while `stopping` is set."""
    # Not sys.stdin: its lock, held by a thread that waits, would hang the end of the interpreter.
    descriptor = 0 if source.path is None else os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            while not select.select([descriptor], [], [], LOOK_UP_SECONDS)[0]:
                if stopping.is_set():
                    raise InterruptedError(f"Reading {source.shown} was interrupted.")
            piece = os.read(descriptor, PIECE_BYTES)
            if not piece:
                return
            yield piece
    finally:
        if descriptor:
            os.close(descriptor)


def _expand(argument: str, leave_out: Path | None) -> Iterator[Input]:
    if argument == STANDARD_INPUT:
        yield Input(None, Path("stdin"), is_named=True, is_stream=True)
        return
    if not argument:  # which would be the current folder
        raise FileNotFoundError
    # A name with brackets in it is a name first, and a pattern only when there is no such file.
    matches = [] if os.path.lexists(argument) else sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - patterns may be absolute
    for path in map(Path, matches or [argument]):
        if path.is_dir():
            yield from _walk(path, leave_out)
        else:
            yield _named(path)


def _named(path: Path) -> Input:
    status = path.stat()
    if not os.access(path, os.R_OK):
        raise PermissionError(0, "its permissions do not allow it", str(path))
    is_stream = stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode)
    return Input(path, Path(path.name), is_named=True, is_stream=is_stream, size_bytes=status.st_size)


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Input]:
    """The files below `folder`; their results keep its name and structure, as `cp -r` does."""
    kept = Path(folder.resolve().name) if folder.name not in {"", ".", ".."} else Path()

    def fail(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not _is_same(here / name, leave_out)
        )
        for name in sorted(files):
            path = here / name
            if name.startswith(".") or not _may_be_media(name) or not path.is_file():
                continue
            yield Input(path, kept / path.relative_to(folder), is_named=False, size_bytes=path.stat().st_size)


def _why_not(error: OSError, argument: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{argument or EMPTY_NAME}: There is no such file."
    return f"{error.filename or argument} cannot be read: {error.strerror}."


def _may_be_media(name: str) -> bool:
    """False for what is certainly none by its name; whether the others are, only a probe can tell."""
    kind = mimetypes.guess_type(name)[0] or ""
    return not kind.startswith(_NO_MEDIA) or Path(name).suffix.lower() in _MEDIA_ALL_THE_SAME


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.samefile(other)


def _identity(one: Input) -> Path | str:
    """Its place, however it was written. Another name for the same bytes, a link, has a result of its own."""
    return STANDARD_INPUT if one.path is None else one.path.parent.resolve() / one.path.name
