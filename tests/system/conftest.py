from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import clip
from tests.support.live import Live
from tests.system.crew import Crew, crew


@pytest.fixture(scope="session")
def long_song() -> Path:
    return clip("long.flac")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as running:
        yield running


@pytest.fixture
def workers(live: Live, tmp_path: Path) -> Iterator[Crew]:
    """Starts workers one by one; what is left of them at the end is killed."""
    with crew(live, tmp_path) as started:
        yield started
