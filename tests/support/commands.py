"""Running `balanza` as a person does, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

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
