from collections.abc import Iterator

import pytest

from tests.server.stand import Stand, running


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One server for the tests of a module: each makes its own files and jobs."""
    with running(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def own_stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A server for one test alone."""
    with running(tmp_path_factory.mktemp("data")) as server:
        yield server
