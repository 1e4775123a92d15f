"""One ffmpeg process is gone whatever happens around it."""

from pathlib import Path

import psutil
import pytest

from balanza.worker.process import FfmpegProcess
from balanza.worker.reaper import Reaper
from tests.worker.fleet import until

pytestmark = pytest.mark.anyio


async def test_a_reaper_that_cannot_watch_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_fork(_reaper: Reaper, _line: str) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Reaper, "_say", no_fork)
    process = FfmpegProcess(["sleep", "600"], tmp_path, Reaper())
    with pytest.raises(BlockingIOError):
        await process.run(lambda _output: None, lambda: False, every_seconds=1)
    pid = process.pid
    assert pid is not None
    await until(lambda: not psutil.pid_exists(pid))
