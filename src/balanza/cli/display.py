"""How `balanza convert` shows its files on the way: what a display is, and the one without a terminal."""

import sys
from contextlib import AbstractContextManager
from typing import Protocol

from balanza.cli.inputs import Input


class Display(AbstractContextManager["Display"], Protocol):
    """Shows how the files get on. Used by several threads."""

    def show(self, source: Input, stage: str, percent: float, speed: float | None = None) -> None:
        """One file is at that stage of its way."""

    def end(self, source: Input, line: str) -> None:
        """It is done, or failed: what the line says."""

    def say(self, line: str) -> None: ...


class Lines(Display):
    """One line for each file that ended."""

    def __exit__(self, *_exc: object) -> None:
        sys.stderr.flush()

    def show(self, source: Input, stage: str, percent: float, speed: float | None = None) -> None:
        """Nothing: only the end of a file is a line."""

    def end(self, source: Input, line: str) -> None:
        if line:
            self.say(line)

    def say(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
