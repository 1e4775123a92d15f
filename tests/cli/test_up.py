"""Where the processes of `balanza up` find each other."""

import pytest

from balanza.cli.up import address_of, reached_at


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_a_server_on_every_address_is_reached_on_this_computers_own(host: str, address: str) -> None:
    assert address_of(reached_at(host), 8000) == address
