"""The conformance suite runs over both databases: a test that takes `database` or `scene` runs once on each."""

import pytest

from balanza.store.database import Database
from tests.store.scene import Scene


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)
