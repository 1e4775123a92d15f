"""Running `balanza` as a person does, in a process of its own."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from unittest.mock import patch

import psutil

from balanza.cli import main
from balanza.media.program import find_program

SECONDS = 60.0


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "balanza", *map(str, arguments)]


def balanza(
    *arguments: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    feed: bytes = b"",
) -> "subprocess.CompletedProcess[bytes]":
    """Runs the command in `folder` to its end; `feed` is its standard input."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=os.environ | (environment or {}),
        input=feed,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def balanza_here(
    *arguments: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    feed: bytes = b"",
) -> "subprocess.CompletedProcess[bytes]":
    """The same in this process, at a third of the processor time, where nothing is tested that only a process has."""
    argv = list(map(str, arguments))
    out, told = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    thresholds = gc.get_threshold()
    code: object = 0
    with (
        patch.object(sys, "argv", ["balanza", *argv]),
        chdir(folder or Path.cwd()),
        _standard_input(feed),
        patch.dict(os.environ, environment or {}),
        redirect_stdout(out),
        redirect_stderr(told),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        finally:
            gc.set_threshold(*thresholds)
    return subprocess.CompletedProcess(argv, _code(code), _written(out), _written(told))


@contextmanager
def _standard_input(data: bytes) -> Iterator[None]:
    """Data comes from descriptor 0, as from a pipe or a file."""
    before = os.dup(0)
    with TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)
    try:
        with open(0, closefd=False, encoding="utf-8") as same, patch.object(sys, "stdin", same):
            yield
    finally:
        os.dup2(before, 0)
        os.close(before)


def _code(code: object) -> int:
    """As sys.exit says it."""
    return code if isinstance(code, int) else 0 if code is None else 1


def _written(stream: TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, BytesIO)
    return buffer.getvalue()


def said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """What it wrote on standard error, which must be no traceback."""
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    return text


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run: one that has ended, and that nobody has waited for yet, does not."""
    return [process for process in processes if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def write_ffmpeg(path: Path, conversions: str) -> dict[str, str]:
    """The environment of a worker whose ffmpeg answers questions as the real one, and converts by that shell script.

    In it `$ffmpeg` is the real one.
    """
    ffmpeg = find_program(None).path
    script = f'ffmpeg={ffmpeg}\ncase "$*" in *-progress*)\n{conversions}\n;; esac\nexec $ffmpeg "$@"\n'
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return {"BALANZA_FFMPEG": str(path)}
