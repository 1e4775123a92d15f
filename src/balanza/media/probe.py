"""What a media file contains, asked of a separate, limited process: the file may be made to break who reads it."""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

from balanza.errors import EmptyFile, NotMedia, StartupError
from balanza.media.inputs import FORMAT_WHITELIST, PROTOCOL_WHITELIST, STILL_PICTURES
from balanza.model import Probe, Stream, StreamKind

ANSWER_SECONDS = 15.0
"""How long one file may take: some three times what reading a large file without a header takes."""
START_SECONDS = 30.0
PROBES_PER_CHILD = 500
"""A child is replaced after so many files, whatever it may have leaked or kept of them."""
ASKED_AT_ONCE = 8
"""So many paths fit into a pipe, whatever their length: neither side ever waits for the other to read."""
MOST_CHILDREN = 3
"""So many files that hang hold up the next one; a child that has read something takes some 60 MB."""

_ENVIRONMENT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "VIRTUAL_ENV")
"""What a child needs to find Python and PyAV; passwords and keys of the server are not among it."""

_CHILD = Path(__file__).with_name("probe_child.py")
_INPUT_RULES = {"format_whitelist": FORMAT_WHITELIST, "protocol_whitelist": PROTOCOL_WHITELIST}


class Prober:
    """Looks into files in child processes that it keeps: one from the beginning, others when files come at the same
    time. May be shared by threads."""

    def __init__(self, *, answer_seconds: float = ANSWER_SECONDS, probes_per_child: int = PROBES_PER_CHILD) -> None:
        self._answer_seconds = answer_seconds
        self._probes_per_child = probes_per_child
        self._changed = threading.Condition()
        self._busy = 0
        self._idle = [_Child(answer_seconds)]
        """The last one to come back is asked first: one file after the other keeps one child warm."""

    def probe(self, path: Path) -> Probe:
        """What the file contains: at least one audio or video stream. Waits while MOST_CHILDREN files are being read.

        Raises: EmptyFile; NotMedia when it is no audio or video that we read, or nothing that can be read in time;
            StartupError when no child can be started.
        """
        (found,) = self.probe_several([path])
        if not isinstance(found, Probe):
            raise found
        return found

    def probe_several(self, paths: Sequence[Path]) -> list[Probe | EmptyFile | NotMedia]:
        """What `probe` returns or raises for each, asked of one child: for files that nobody made to break it. Where it
        breaks all the same, those after the bad one are said to be no media, too."""
        is_empty = [path.stat().st_size == 0 for path in paths]
        asked = [path for path, empty in zip(paths, is_empty, strict=True) if not empty]
        answers: list[dict[str, Any]] = []
        try:
            if asked:
                with self._borrowed() as child:
                    for answer in child.ask([os.fspath(path.absolute()) for path in asked]):
                        answers.append(answer)
        except _ChildDied as died:
            answers += [{"error": str(died)}] * (len(asked) - len(answers))
        found = map(_judged, answers)
        return [EmptyFile("The file is empty: it has 0 bytes.") if empty else next(found) for empty in is_empty]

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the children that wait for a file, the one that is asked next first."""
        with self._changed:
            return tuple(child.pid for child in reversed(self._idle))

    def close(self) -> None:
        """Ends the children, once they have answered. A later probe starts another one."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy)
            while self._idle:
                self._idle.pop().end()

    def __enter__(self) -> "Prober":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @contextmanager
    def _borrowed(self) -> Iterator["_Child"]:
        """A child that nobody else asks. It is ended when anything goes wrong, and replaced when it has read enough."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._busy < MOST_CHILDREN)
            self._busy += 1
            child = self._idle.pop() if self._idle else None
        kept: _Child | None = None
        try:
            child = child or _Child(self._answer_seconds)
            yield child
            # The next one imports while nobody waits for it.
            kept = child if child.asked < self._probes_per_child else _Child(self._answer_seconds)
        finally:
            if child is not None and kept is not child:
                child.end()
            with self._changed:
                self._busy -= 1
                self._idle += [kept] if kept else []
                self._changed.notify_all()


class _ChildDied(Exception):
    """No answer came; the message says why."""


class _Child:
    """One process of `probe_child.py`; starting it does not wait until it is ready."""

    def __init__(self, answer_seconds: float) -> None:
        self.asked = 0
        self._answer_seconds = answer_seconds
        self._is_ready = False
        self._buffer = b""
        # The child's own alarm is only for when nobody is left who would kill it.
        alarm = str(int(answer_seconds) + 5)
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD), json.dumps(_INPUT_RULES), alarm],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            cwd="/",
            bufsize=0,
        )
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, paths: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The child's answers about files, in order. Raises: _ChildDied, StartupError."""
        self._wait_until_ready()
        self.asked += len(paths)
        for start in range(0, len(paths), ASKED_AT_ONCE):
            some = paths[start : start + ASKED_AT_ONCE]
            try:
                self._requests.write(b"".join(json.dumps({"path": path}).encode() + b"\n" for path in some))
            except BrokenPipeError as error:
                raise _ChildDied("the process that reads it had ended") from error
            for _ in some:
                yield self._read(self._answer_seconds)

    def end(self) -> None:
        self._process.kill()
        self._requests.close()
        self._answers.close()
        self._process.wait()

    def _wait_until_ready(self) -> None:
        if self._is_ready:
            return
        try:
            self._is_ready = "ready" in self._read(START_SECONDS)
        except _ChildDied as died:
            raise StartupError(
                "The process that looks into media files does not start; check that the package av is installed."
            ) from died

    def _read(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise _ChildDied(f"reading it took more than {seconds:g} s")
                data = os.read(self._answers.fileno(), 1 << 16)
                if not data:
                    raise _ChildDied("the process that read it crashed")
                self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer


def _judged(answer: dict[str, Any]) -> Probe | NotMedia:
    if "error" in answer:
        return NotMedia(f"The file is not an audio or video file that can be read ({answer['error']}).")
    try:
        return _checked(_probe_of(answer["probe"]))
    except NotMedia as error:
        return error


def _probe_of(found: dict[str, Any]) -> Probe:
    streams = tuple(Stream(**(stream | {"kind": StreamKind(stream["kind"])})) for stream in found["streams"])
    return Probe(**(found | {"streams": streams}))


def _checked(probe: Probe) -> Probe:
    """The probe without what is no real stream. Raises: NotMedia when no sound and no moving picture is left."""
    if probe.container in STILL_PICTURES:
        raise NotMedia("The file is a still picture; only audio and video can be converted.")
    real = replace(probe, streams=tuple(stream for stream in probe.streams if _is_real(stream)))
    if not real.audio and not real.video:
        raise NotMedia("The file has neither sound nor moving pictures in a form that can be read.")
    return real


def _is_real(stream: Stream) -> bool:
    """False for sound without rate or channels and pictures without size: nothing of theirs could be decoded."""
    if stream.kind is StreamKind.AUDIO:
        return bool(stream.sample_rate_hz and stream.channels and stream.codec != "unknown")
    if stream.kind is StreamKind.VIDEO:
        return bool(stream.width and stream.height and stream.codec != "unknown")
    return True
