"""Who may ask what in single-user mode."""

import pytest
from starlette.datastructures import Headers

from balanza.server.guard import is_loopback, why_not


def ask(method: str, **headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return why_not(method, "http", Headers(named))


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000", "[::1]"]
)
def test_this_computers_own_names_may_ask(host: str) -> None:
    assert ask("GET", host=host) is None
    assert ask("POST", host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5:8000",
        "[2001:db8::1]",
        "0.0.0.0",
        "localhost@evil.example",
        "127.0.0.1:8000:9000",
        "2130706433",
        "",
    ],
)
def test_a_foreign_host_name_is_refused_whatever_the_method(host: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        said = ask(method, host=host)
        assert said is not None
        assert "not one of this computer's own" in said


def test_a_request_without_a_host_or_with_two_is_refused() -> None:
    assert ask("GET") is not None
    two = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    assert why_not("GET", "http", two) is not None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9000"},
        {"origin": "https://localhost:8000"},
        {"origin": "http://127.0.0.1:8000"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_another_sites_page_may_not_change_anything(method: str, headers: dict[str, str]) -> None:
    assert ask(method, host="localhost:8000", **headers) is not None
    assert ask("GET", host="localhost:8000", **headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost:8000", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_the_own_page_and_programs_may_change_things(headers: dict[str, str]) -> None:
    assert ask("POST", host="localhost:8000", **headers) is None


def test_loopback_is_only_what_always_means_this_computer() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")
    assert not is_loopback("example.org")
