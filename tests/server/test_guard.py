"""Who may ask what in single-user mode."""

import pytest
from starlette.datastructures import Headers

from balanza.errors import StartupError
from balanza.server.addresses import allowed_names
from balanza.server.guard import why_not
from balanza.settings import is_loopback


def ask(method: str, *, allowed: str = "", **headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return why_not(method, "http", Headers(named), allowed_names(allowed))


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
        {"origin": "null", "sec_fetch_site": "cross-site"},
        {"origin": "null", "sec_fetch_site": "none"},
        {"origin": "http://evil.example", "sec_fetch_site": "same-origin"},
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
        # Of a form in a page that is to send no referrer, as ours are, not every browser tells the origin.
        {"origin": "null", "sec_fetch_site": "same-origin"},
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


@pytest.mark.parametrize(
    "host", ["api", "api:8000", "API:8000", "balanza.lan:80", "192.168.1.5:8000", "[fd00::5]:8000"]
)
def test_a_name_that_was_allowed_may_ask(host: str) -> None:
    allowed = "api, balanza.lan,192.168.1.5, [FD00::5]"
    assert ask("GET", host=host, allowed=allowed) is None
    assert ask("POST", host=host, allowed=allowed) is None
    assert ask("GET", host="localhost:8000", allowed=allowed) is None
    assert ask("GET", host=host) is not None


@pytest.mark.parametrize("host", ["evil.example", "api.evil.example", "evil-api", "ap", "api.", "0.0.0.0", ""])
def test_only_the_very_names_that_were_allowed_may_ask(host: str) -> None:
    for method in ("GET", "POST"):
        assert ask(method, host=host, allowed="api,balanza.lan") is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8000"},
        {"origin": "https://api:8000"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_an_allowed_name_lets_no_other_sites_page_change_anything(headers: dict[str, str]) -> None:
    assert ask("POST", host="api:8000", allowed="api", **headers) is not None
    assert ask("POST", host="api:8000", allowed="api", origin="http://api:8000") is None


@pytest.mark.parametrize(
    "names",
    ["*", "*.example.org", "api,", ",", "api:8000", "http://api", "a b", "-api", "api-", "a..b", "0.0.0.0", "::", "é"],
)
def test_what_cannot_be_a_hosts_name_is_refused_in_one_sentence(names: str) -> None:
    with pytest.raises(StartupError, match=r"^BALANZA_ALLOWED_HOSTS .* api,balanza\.lan\.$"):
        allowed_names(names)


def test_without_allowed_names_there_are_none() -> None:
    assert allowed_names("") == allowed_names("  ") == frozenset()
