from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import Live
from tests.support.songs import make_long_song


@pytest.fixture(scope="session")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_long_song(tmp_path_factory.mktemp("long") / "long.flac")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as running:
        yield running
