from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.deploy import dockerfile


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The environment of a part, `api` or `worker`, built by the image's own steps in an empty folder."""
    return cache(lambda part: dockerfile.build(part, tmp_path_factory.mktemp(part)))
