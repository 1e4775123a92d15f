"""What `balanza convert` tells while it runs, on standard error, and at its end."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from balanza.cli.display import Display, Lines
from balanza.cli.inputs import PIECE_BYTES, Input, printable
from balanza.cli.outputs import AlreadyThere
from balanza.errors import EmptyFile, MissingStream, NotMedia

STANDARD_OUTPUT = "standard output"
PASSED_OVER = (NotMedia, EmptyFile, MissingStream, AlreadyThere)
"""What a file in a folder may be without being a failure."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source. Without an error it was converted."""

    source: str
    place: Path | None = None
    """Where the result is; None is standard output."""
    error: str | None = None
    input_size_bytes: int | None = None
    output_size_bytes: int | None = None
    seconds: float | None = None
    """How long the conversion took."""

    @property
    def output(self) -> str:
        return STANDARD_OUTPUT if self.place is None else str(self.place)

    def as_json(self) -> dict[str, object]:
        return {
            "input": self.source,
            "ok": self.error is None,
            "output": None if self.error else self.output,
            "error": self.error,
            "input_size_bytes": self.input_size_bytes,
            "output_size_bytes": self.output_size_bytes,
            "duration_seconds": self.seconds,
        }


class Report:
    """Collects the outcomes and shows them."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self.outcomes: list[Outcome] = []
        self.skipped = 0

    @property
    def failed(self) -> int:
        return sum(outcome.error is not None for outcome in self.outcomes)

    def progress(self, source: Input, stage: str, percent: float, speed: float | None = None) -> None:
        self._display.show(source, stage, percent, speed)

    def done(self, source: Input, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._display.end(source, printable(f"{outcome.source} → {outcome.output}{_sizes(outcome)}"))

    def fail(self, source: Input, error: str) -> None:
        self.outcomes.append(Outcome(source.shown, error=error))
        self._display.end(source, printable(_about(source, error)))

    def absent(self, argument: str, error: str) -> None:
        """An argument that stands for no source."""
        self.outcomes.append(Outcome(argument, error=error))
        self._display.say(printable(error))

    def skip(self, source: Input) -> None:
        """A file in a folder that is not to be converted."""
        self.skipped += 1
        self._display.end(source, "")

    def summarize(self, sources: int, *, interrupted: bool) -> None:
        """Says how many became what, of several or when it was interrupted."""
        failed, skipped = self.failed, self.skipped
        converted = len(self.outcomes) - failed
        parts = [f"{converted} converted", f"{failed} failed"]
        if skipped:
            parts.append(f"{skipped} passed over")
        if interrupted:
            parts.append(f"{max(0, sources - len(self.outcomes) - skipped)} interrupted")
        if interrupted or len(self.outcomes) + skipped != 1:
            self._display.say(", ".join(parts))

    def print_json(self) -> None:
        report = {"files": [outcome.as_json() for outcome in self.outcomes], "skipped": self.skipped}
        text = json.dumps(report, ensure_ascii=False, indent=2)
        # What is no text in a name becomes \\udcxx, which JSON reads as what Python had.
        sys.stdout.write(text.encode(errors="backslashreplace").decode() + "\n")


def display_for(sources: Sequence[Input]) -> Display:
    """Bars on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        from balanza.cli.bars import Bars  # noqa: PLC0415 - Rich takes a while to import

        return Bars(len(sources))
    return Lines()


def _about(source: Input, error: str) -> str:
    """The sentence, which says of which file it is: several may have the same name."""
    if error.startswith(source.name):
        return source.shown + error.removeprefix(source.name)
    return error if source.shown in error else f"{source.shown}: {error}"


def _sizes(outcome: Outcome) -> str:
    if not outcome.input_size_bytes or outcome.output_size_bytes is None:
        return ""
    took = "" if outcome.seconds is None else f" in {outcome.seconds:.1f} s"
    return f" ({human_bytes(outcome.input_size_bytes)} → {human_bytes(outcome.output_size_bytes)}{took})"


def human_bytes(size: float) -> str:
    """In powers of 1000, as disks and networks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def write_out(result: Path) -> None:
    """Copies a result to standard output. Raises OSError, when nobody reads it for one."""
    with result.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
