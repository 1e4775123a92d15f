"""Logging in through an identity provider: a real one, in a process of its own."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from balanza.dispatch.accounts import Newcomer
from balanza.dispatch.oidc import ATTEMPT_SECONDS, MOST_ATTEMPTS, Attempts, admit, names_for
from balanza.errors import StartupError
from balanza.model import Role, User
from balanza.server import provider as provider_module
from balanza.server import startup
from balanza.settings import Settings
from tests.server.stand import Stand, running
from tests.support.oidc.provider import CALLBACK, CLIENT, Browser, OidcProvider, need_provider

HOME = "player.html"
PASSWORD = "a password of her own"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    """For the server of this module."""
    need_provider()
    with OidcProvider(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture(scope="module")
def stand(provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    data = tmp_path_factory.mktemp("data")
    with running(data, auth="on", oidc_issuer=provider.issuer, oidc_name="Home", **CLIENT) as stand:
        provider.start(stand.address)
        stand.parts.accounts.add(Newcomer("root", PASSWORD), Role.ADMIN)
        yield stand


@pytest.fixture
def browser(stand: Stand) -> Iterator[Browser]:
    with Browser(stand.address) as browser:
        yield browser


def invitation(stand: Stand, role: Role = Role.USER) -> str:
    return stand.parts.accounts.invite(role, timedelta(hours=1), "local")[1]


def people(stand: Stand) -> dict[str | None, User]:
    return {user.name: user for user, _ in stand.parts.accounts.list_users()}


def me(browser: Browser) -> Any:
    return browser.http.get("/auth/me").json()["user"]


def test_invitation_makes_an_account_that_is_the_same_at_the_next_log_in(stand: Stand, browser: Browser) -> None:
    assert stand.client.get("/auth/me").json()["oidc"] == {"name": "Home"}

    assert browser.log_in("Ada", invitation(stand, Role.ADMIN)) == HOME
    ada = me(browser)
    assert (ada["name"], ada["role"], ada["has_password"]) == ("ada", "admin", False)
    assert stand.parts.accounts.named("ada").subject == f"{stand.parts.desk.settings.oidc_issuer} Ada"
    ours = [name for name in browser.http.cookies if name.startswith("balanza")]
    assert ours == ["balanza_session"], "that of the attempt is gone"

    with Browser(stand.address) as elsewhere:
        assert elsewhere.log_in("Ada") == HOME
        assert me(elsewhere)["id"] == ada["id"]


def test_who_has_neither_account_nor_invitation_is_refused(stand: Stand, browser: Browser) -> None:
    before = people(stand)
    assert browser.log_in("mallory") == "login.html#problem=refused"
    assert browser.log_in("mallory", "bai_unknown") == "login.html#problem=not-found"
    assert people(stand) == before
    assert me(browser) is None


def test_an_account_is_never_taken_over_by_its_name(stand: Stand, browser: Browser) -> None:
    stand.parts.accounts.add(Newcomer("grace", PASSWORD), Role.ADMIN)
    stand.parts.accounts.add(Newcomer("grace-2@example.org", PASSWORD), Role.USER)
    assert browser.log_in("grace", invitation(stand)) == HOME
    assert (me(browser)["name"], me(browser)["role"]) == ("grace-2", "user")
    assert people(stand)["grace"].subject is None


def test_a_disabled_account_stays_out(stand: Stand, browser: Browser) -> None:
    assert browser.log_in("linus", invitation(stand)) == HOME
    stand.parts.accounts.change(me(browser)["id"], disabled=True)
    assert me(browser) is None
    assert browser.log_in("linus") == "login.html#problem=account-disabled"
    assert me(browser) is None


def test_who_comes_back_twice_at_once_has_one_account(stand: Stand) -> None:
    together, secret = threading.Barrier(2), invitation(stand)

    def wishes() -> list[str]:
        together.wait(10)  # neither had an account when it was looked for
        return ["katherine"]

    def come(_: int) -> User:
        return admit(stand.parts.accounts, "https://id.example.org 7", wishes, secret)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(come, range(2))
    assert one.id == other.id
    assert (one.name, one.role) == ("katherine", "user")


def test_who_presses_cancel_at_the_provider_is_told_so(browser: Browser) -> None:
    assert browser.come_back(browser.go(None)) == "login.html#problem=login-denied"


def test_who_logs_in_is_led_to_the_page_they_came_from(stand: Stand, browser: Browser) -> None:
    assert browser.come_back(browser.go(None, page="users.html")) == "login.html#problem=login-denied&next=users.html"
    assert browser.log_in("barbara", invitation(stand), "settings.html") == "settings.html"
    for elsewhere in ("https://evil.example/", "//evil.example/player.html", "/s/token", "player.html?x", "..", ""):
        assert browser.log_in("barbara", page=elsewhere) == HOME


def test_only_the_browser_that_began_comes_back_and_only_once(stand: Stand, browser: Browser) -> None:
    way_back = browser.go("edsger", invitation(stand))
    state = parse_qs(urlsplit(way_back).query)["state"][0]
    failed = "login.html#problem=login-failed"

    with Browser(stand.address) as victim:
        assert victim.come_back(way_back) == failed, "a log-in that somebody else began"
        assert me(victim) is None
    assert browser.come_back(way_back.replace(state, state[:8] + "x" * 35)) == failed, "another state"
    assert browser.come_back(way_back.replace("iss=", "iss=https://other.example.org&was=")) == failed, "a mix-up"
    assert browser.come_back(CALLBACK) == failed, "no state at all"
    assert "edsger" not in people(stand)

    way_back = browser.go("edsger", invitation(stand))
    assert browser.come_back(way_back) == HOME
    assert browser.come_back(way_back) == failed, "a second time"


def test_a_provider_that_hangs_or_is_gone_is_named_and_all_else_goes_on(
    stand: Stand, provider: OidcProvider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = "login.html#problem=unavailable"
    invited = invitation(stand)
    way_back = browser.go("barbara", invited)
    monkeypatch.setattr(provider_module, "FRESH_SECONDS", -1)
    monkeypatch.setattr(provider_module, "ANSWER_SECONDS", 0.3)

    provider.freeze()
    assert browser.http.get("/auth/oidc/login").headers["location"].endswith(unreachable)
    assert browser.come_back(way_back) == unreachable
    provider.thaw()
    provider.kill()
    try:
        assert browser.http.get("/auth/oidc/login").headers["location"].endswith(unreachable)
        assert stand.client.get("/login.html").status_code == 200
        answer = stand.client.post("/auth/login", data={"username": "root", "password": PASSWORD})
        assert answer.status_code == 200
    finally:
        provider.start(stand.address)

    monkeypatch.setattr(provider_module, "ANSWER_SECONDS", 5)
    assert browser.log_in("barbara", invited) == HOME, "the invitation was not used up"


def test_behind_a_proxy_the_public_address_is_where_people_come_back_to(
    stand: Stand, tmp_path_factory: pytest.TempPathFactory
) -> None:
    issuer = stand.parts.desk.settings.oidc_issuer
    settings = {"auth": "on", "oidc_issuer": issuer, **CLIENT}
    public_url = "https://media.example.org/balanza/"
    with running(tmp_path_factory.mktemp("data"), public_url=public_url, **settings) as behind:
        answer = behind.client.get("/auth/oidc/login")
    asked = {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert asked["redirect_uri"] == "https://media.example.org/balanza/auth/oidc/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert {"openid", "profile", "email"} == set(asked["scope"].split())
    assert all(len(asked[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    cookie = answer.headers["set-cookie"]
    assert asked["state"] not in cookie
    assert asked["nonce"] not in cookie
    for said in ("HttpOnly", "Secure", "SameSite=lax", "Path=/balanza;", "Max-Age=600"):
        assert said in f"{cookie};"


def test_without_a_provider_there_is_no_such_log_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("data"), auth="on") as stand:
        for address in ("/auth/oidc/login", f"{CALLBACK}?code=1&state=2"):
            answer = stand.client.get(address)
            assert answer.status_code == 404
            assert "no identity provider" in answer.json()["detail"]


def test_a_server_without_a_provider_does_not_load_what_talks_to_one() -> None:
    code = "import sys, balanza.server.main; sys.exit('authlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- Attempts and names


def test_an_attempt_is_good_for_ten_minutes_and_the_oldest_give_way() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    first, secret = attempts.begin("http://here/callback", None)
    assert attempts.take(first.state, "another") is None
    assert attempts.take("another", secret) is None
    assert attempts.take(first.state, secret) == first
    assert attempts.take(first.state, secret) is None

    late, its_secret = attempts.begin("http://here/callback", None)
    now = ATTEMPT_SECONDS + 1
    assert attempts.take(late.state, its_secret) is None

    oldest, its_secret = attempts.begin("http://here/callback", None)
    for _ in range(MOST_ATTEMPTS):
        newest, newest_secret = attempts.begin("http://here/callback", None)
    assert attempts.take(oldest.state, its_secret) is None
    assert attempts.take(newest.state, newest_secret) == newest


@pytest.mark.parametrize(
    ("wishes", "name"),
    [
        (["Ada"], "ada"),
        (["Ada  Lovelace\t", "ada@example.org"], "ada-lovelace"),
        (["", " \n", "Ada@Example.org"], "ada@example.org"),
        (["\x00\u202e"], "user"),
        ([], "user"),
        (["ß" * 200], "s" * 80),
    ],
)
def test_a_name_is_made_of_what_the_provider_says(wishes: list[str], name: str) -> None:
    names = list(names_for(wishes))
    assert names[:3] == [name, f"{name}-2", f"{name}-3"]
    assert len(set(names)) == len(names)
    assert len(names[-1]) > len(name) + 10


# --- Settings


GOOD: dict[str, Any] = {"oidc_issuer": "https://id.example.org/realms/home", **CLIENT}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"oidc_client_secret": ""}, "BALANZA_OIDC_CLIENT_SECRET is missing"),
        ({"oidc_client_id": None, "oidc_client_secret": None}, "BALANZA_OIDC_CLIENT_ID and BALANZA_OIDC_CLIENT_SECRET"),
        ({"oidc_issuer": None}, "BALANZA_OIDC_ISSUER is missing"),
        ({"oidc_issuer": "http://id.example.org"}, "Without TLS"),
        ({"oidc_issuer": "id.example.org"}, "cannot be 'id.example.org'"),
        ({"oidc_issuer": "https://id.example.org?x=1"}, "cannot be"),
        ({"oidc_issuer": "https://["}, "cannot be"),
    ],
)
def test_half_or_unsafe_settings_are_refused_at_the_start(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(StartupError, match=named):
        startup.check_provider(Settings(**GOOD | changed))


@pytest.mark.parametrize("issuer", ["https://id.example.org/realms/home", "http://127.0.0.1:9000", "http://[::1]:9000"])
def test_whole_settings_or_none_are_taken(issuer: str) -> None:
    startup.check_provider(Settings(**GOOD | {"oidc_issuer": issuer}))
    startup.check_provider(Settings())
    startup.check_provider(Settings(**GOOD | dict.fromkeys(GOOD, "")))
