"""What a test needs beyond Python packages: missing at home it is skipped, missing in CI it fails."""

import os

import pytest


def need(present: bool, sentence: str) -> None:
    """Returns when `present`; otherwise skips the test, or fails it when the variable CI is set."""
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)
