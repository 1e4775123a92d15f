from pathlib import Path

import pytest

from tests.support.clips import clip


@pytest.fixture(scope="session")
def long_song() -> Path:
    return clip("long.flac")
