"""A short job does not wait behind long ones that hold every worker: the issue's real run, with shorter long ones."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import clip
from tests.support.commands import write_ffmpeg
from tests.support.live import Live
from tests.system.crew import Crew, crew

LONG_SECONDS = 8
"""What a long conversion takes here."""
SHORT_WITHIN_SECONDS = 5


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("pausing") / "data", workers=0) as running:
        yield running


@pytest.fixture
def workers(live: Live, tmp_path: Path) -> Iterator[Crew]:
    with crew(live, tmp_path) as started:
        slow = write_ffmpeg(tmp_path / "slow-ffmpeg", 'exec $ffmpeg -readrate 1 -readrate_initial_burst 0.1 "$@"')
        for worker_id in ("worker_a", "worker_b"):
            started.start(worker_id, environment=slow)
        yield started


def test_a_short_clip_is_done_at_once_while_long_conversions_hold_both_workers(
    live: Live, workers: Crew, long_song: Path
) -> None:
    long_media, short_media = live.upload(long_song), live.upload(clip("song.wav"))
    longs = [live.convert(long_media, "flac", end=LONG_SECONDS) for _ in range(2)]
    for job_id in longs:
        live.until(job_id, "processing")

    asked_at = time.monotonic()
    short = live.until(live.convert(short_media, "mp3"), "completed")
    assert time.monotonic() - asked_at < SHORT_WITHIN_SECONDS

    worker_id = short["worker_id"]
    done = [live.until(job_id, "completed") for job_id in longs]
    assert all(job["attempts"] == 1 for job in done)
    assert len({live.api.get(f"/media/{job['output_id']}").content for job in done}) == 1
    assert "⏸️ Pausa por un trabajo corto: " in workers.said(worker_id)
    assert "▶️ Sigue tras la pausa: " in workers.said(worker_id)
