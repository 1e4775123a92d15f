"""Progress bars on a terminal: one for all files, and one for each that is on its way."""

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from balanza.cli.display import Display
from balanza.cli.inputs import Input, printable

FRAMES_PER_SECOND = 5
"""Each frame costs a few milliseconds that the conversions could use."""
LONGEST_NAME = 40


class Bars(Display):
    """Bars on standard error; what has ended becomes a line above them."""

    def __init__(self, files: int) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False, markup=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._console,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
        )
        self._files = files
        self._ended: set[Input] = set()
        self._running: dict[Input, tuple[TaskID, float]] = {}
        self._whole = self._progress.add_task("all files", total=files, visible=files > 1, detail=f"0/{files}")

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._progress.stop()

    def show(self, source: Input, stage: str, percent: float, speed: float | None = None) -> None:
        if source in self._ended:  # told by a thread that did not know yet
            return
        task, _ = self._running.get(source) or (self._add(source), 0.0)
        self._running[source] = task, percent
        detail = stage if speed is None else f"{stage} {speed:.3g}×"
        self._progress.update(task, completed=percent, detail=detail)
        self._count()

    def end(self, source: Input, line: str) -> None:
        self._ended.add(source)
        task, _ = self._running.pop(source, (None, 0.0))
        if task is not None:
            self._progress.remove_task(task)
        self._count()
        if line:
            self.say(line)

    def say(self, line: str) -> None:
        self._progress.print(line)

    def _add(self, source: Input) -> TaskID:
        shown = printable(source.shown)
        name = shown if len(shown) <= LONGEST_NAME else f"…{shown[1 - LONGEST_NAME :]}"
        return self._progress.add_task(escape(name), total=100, detail="")

    def _count(self) -> None:
        ended, running = len(self._ended), sum(percent for _, percent in list(self._running.values())) / 100
        self._progress.update(self._whole, completed=ended + running, detail=f"{ended}/{self._files}")
