"""What the media tests share: one prober, and conversions made as a worker makes them."""

from collections.abc import Iterator

import pytest

from balanza.media.probe import Prober
from tests.media.conversion import Converter


@pytest.fixture(scope="session")
def prober() -> Iterator[Prober]:
    with Prober() as prober:
        yield prober


@pytest.fixture
def convert(prober: Prober, tmp_path_factory: pytest.TempPathFactory) -> Converter:
    return Converter(prober, tmp_path_factory.mktemp("conversion"))
