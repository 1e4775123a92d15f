"""Running `balanza` as a person does, in a process of its own."""

import gc
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import psutil

from balanza.cli import main

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


def balanza_here(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[bytes]":
    """The same in this process, at a tenth of the processor time: for those that ask one question after another."""
    out, told = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    thresholds = gc.get_threshold()
    code: object = 0
    with (
        patch.object(sys, "argv", ["balanza", *arguments]),
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
    return subprocess.CompletedProcess(arguments, _code(code), _written(out), _written(told))


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
