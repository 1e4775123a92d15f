"""Two processes that call themselves the same."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.clips import clip
from tests.support.commands import write_ffmpeg
from tests.support.live import Live


def test_a_worker_whose_id_another_process_takes_stays_down_and_the_other_one_works(tmp_path: Path) -> None:
    held = write_ffmpeg(tmp_path / "ffmpeg", "exec sleep 60")
    with Live(tmp_path / "data", environment=held) as live:
        command = [sys.executable, "-m", "balanza", "worker", "--server", live.address, "--id", "worker_a"]
        newcomer = subprocess.Popen(
            [*command, "--scratch", str(tmp_path / "scratch"), "--grace", "0"],
            env=os.environ | held,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            assert "Another process is registered as worker_a" in live.logged("is registered as worker_a now")
            live.logged("stays down: another process works under its name")
            song = live.upload(clip("song.wav"))
            # Both run at once: each has a worker of its own.
            running = [live.until(job_id, "processing") for job_id in [live.convert(song, "opus") for _ in range(2)]]
            assert {job["worker_id"] for job in running} == {"worker_a", "worker_b"}
        finally:
            newcomer.send_signal(signal.SIGINT)
            assert newcomer.wait(20) == 0
