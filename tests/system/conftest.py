from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import Live
from tests.support.songs import make_long_song
from tests.system.crew import Crew, crew


@pytest.fixture(scope="session")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_long_song(tmp_path_factory.mktemp("long") / "long.flac")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as running:
        yield running


@pytest.fixture
def workers(live: Live, tmp_path: Path) -> Iterator[Crew]:
    """Starts workers one by one; what is left of them at the end is killed."""
    with crew(live, tmp_path) as started:
        yield started
