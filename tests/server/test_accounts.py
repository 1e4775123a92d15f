"""Logging in and out, signing up, passwords, API tokens, invitations, quotas: over HTTP, as people and programs do."""

import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from balanza.dispatch import library, login, passwords
from balanza.errors import QuotaExceeded, StartupError
from balanza.server import startup
from balanza.server.app import PASSWORD_THREADS
from balanza.server.main import invite_first
from balanza.settings import Settings
from tests.server.people import PASSWORD, Town, town
from tests.server.stand import Hand, Stand, running, wav
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("data")) as made:
        yield made


def log_in(stand: Stand, **typed: str) -> httpx2.Response:
    return stand.client.post("/auth/login", data=typed)


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(people: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def note(_: str, kept: str) -> bool:
        hashed.append(kept)
        return False

    monkeypatch.setattr(passwords, "is_right", note)

    wrong = log_in(people.stand, username="berta", password="not hers at all")
    unknown = log_in(people.stand, username="nobody-of-that-name", password="not hers at all")
    impossible = log_in(people.stand, username="two words", password="not hers at all")

    for answer in (wrong, unknown, impossible):
        assert answer.status_code == 401
        assert answer.json() == wrong.json()
        assert answer.json()["type"].endswith(":wrong-login")
    # The same time: a hash of the same cost is verified each time.
    assert len(hashed) == 3
    assert len({kept.rpartition("$")[0].rpartition("$")[0] for kept in hashed}) == 1


def test_names_are_typed_in_any_case(people: Town) -> None:
    assert log_in(people.stand, username=" BERTA ", password=PASSWORD).status_code == 200


def test_log_ins_are_limited_by_account_and_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "ATTEMPTS_OF_ACCOUNT", 3)
    monkeypatch.setattr(login, "ATTEMPTS_FROM_ADDRESS", 5)
    with town(tmp_path) as people:
        tried = [log_in(people.stand, username="berta", password=f"wrong {number}") for number in range(4)]
        right = log_in(people.stand, username="berta", password=PASSWORD)
        elsewhere = log_in(people.stand, username="nobody", password="wrong")

        assert [answer.status_code for answer in tried] == [401, 401, 401, 429]
        assert right.status_code == 429
        assert int(right.headers["retry-after"]) <= 15 * 60
        assert "Wait 15 minutes" in right.json()["detail"]
        assert elsewhere.status_code == 429
        assert log_in(people.stand, username="carla", password=PASSWORD).status_code == 429


def test_whoever_knows_a_name_cannot_keep_its_owner_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "ATTEMPTS_OF_ACCOUNT", 3)
    typed = {"username": "berta", "password": PASSWORD, "cookie": "true"}
    with town(tmp_path) as people:
        own, of_another = people.browser("berta"), people.browser("carla")
        own.post("/auth/logout").raise_for_status()

        strangers = [log_in(people.stand, username="berta", password=f"wrong {number}") for number in range(5)]
        another = of_another.post("/auth/login", data=typed)
        invented = httpx2.post(
            f"{people.stand.address}/auth/login", data=typed, cookies={"balanza_device": "bad_invented"}, timeout=30
        )
        owner = own.post("/auth/login", data=typed)
        wrong = [own.post("/auth/login", data=typed | {"password": "wrong"}) for _ in range(4)]

        assert [answer.status_code for answer in strangers] == [401, 401, 401, 429, 429]
        assert (another.status_code, invented.status_code) == (429, 429)
        assert owner.status_code == 200
        assert [answer.status_code for answer in wrong] == [401, 401, 401, 429]
        # What strangers may still try has not grown by that.
        assert log_in(people.stand, username="berta", password="wrong").status_code == 429


def test_the_browser_is_known_by_a_cookie_that_no_script_reads(people: Town) -> None:
    page = people.browser("berta")
    before = page.cookies["balanza_device"]
    typed = {"username": "carla", "password": PASSWORD, "cookie": "true"}

    kept = page.post("/auth/login", data=typed).headers.get_list("set-cookie")

    device = next(one for one in kept if one.startswith("balanza_device="))
    assert device.startswith(f"balanza_device={before};")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=31536000"} <= set(device.split("; "))
    assert page.cookies["balanza_device"] == before


def test_a_browser_gets_a_cookie_that_no_script_reads_and_no_other_site_uses(people: Town) -> None:
    page = people.browser("berta")
    answer = page.post("/auth/login", data={"username": "berta", "password": PASSWORD, "cookie": "true"})

    kept = answer.headers["set-cookie"]
    assert kept.startswith("balanza_session=bas_")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000"} <= set(kept.split("; "))
    assert "bas_" not in answer.text
    assert page.get("/auth/me").json()["user"]["name"] == "berta"
    secure = page.post(
        "/auth/login", data={"username": "berta", "password": PASSWORD, "cookie": "true"}, headers={"Origin": "null"}
    )
    assert secure.status_code == 403


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
    ],
)
def test_a_cookie_alone_changes_nothing(people: Town, headers: dict[str, str], allowed: bool) -> None:
    cookies = dict(people.browser("berta").cookies)

    answer = httpx2.post(
        f"{people.stand.address}/upload?name=a.wav", content=wav(), cookies=cookies, headers=headers, timeout=30
    )

    assert answer.status_code == (201 if allowed else 403), answer.text


def test_the_public_address_is_that_of_our_pages_behind_a_proxy(tmp_path: Path) -> None:
    with town(tmp_path, public_url="https://media.example.org/balanza") as people:
        typed = {"username": "berta", "password": PASSWORD, "cookie": "true"}
        headers = {"Origin": "https://media.example.org", "Host": "media.example.org"}

        answer = people.stand.client.post("/auth/login", data=typed, headers=headers)

        assert answer.status_code == 200
        assert {"Secure", "Path=/balanza"} <= set(answer.headers["set-cookie"].split("; "))


def test_a_trusted_proxy_tells_who_asks_and_over_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "ATTEMPTS_FROM_ADDRESS", 1)
    typed = {"username": "berta", "password": PASSWORD, "cookie": "true"}
    wrong = typed | {"password": "wrong"}
    with town(tmp_path, trusted_proxies="127.0.0.1") as people:
        first, second = ({"X-Forwarded-For": f"198.51.100.{n}", "X-Forwarded-Proto": "https"} for n in "12")

        tried = [people.anybody.post("/auth/login", data=wrong, headers=first).status_code for _ in "12"]
        answer = people.anybody.post("/auth/login", data=typed, headers=second)

        assert tried == [401, 429]
        assert answer.status_code == 200
        assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_logging_out_ends_this_session_and_everywhere_ends_all(people: Town) -> None:
    first = people.newcomer("emil")
    second, third = people.browser("emil"), people.browser("emil")
    secret = dict(first.cookies)["balanza_session"]

    assert first.post("/auth/logout").status_code == 204
    assert people.client(secret).get("/media").status_code == 401
    assert second.get("/media").status_code == 200
    assert second.post("/auth/logout?everywhere=true").status_code == 204
    assert third.get("/media").status_code == 401


def test_who_logs_in_anew_has_no_older_session_in_that_browser(people: Town) -> None:
    page, elsewhere = people.newcomer("tere"), people.browser("tere")
    before = people.client(page.cookies["balanza_session"])
    typed = {"username": "tere", "password": PASSWORD, "cookie": "true"}

    assert page.post("/auth/login", data=typed | {"password": "wrong"}).status_code == 401
    assert before.get("/media").status_code == 200
    assert page.post("/auth/login", data=typed).status_code == 200

    assert [one.get("/media").status_code for one in (before, page, elsewhere)] == [401, 200, 200]


def test_a_new_password_ends_the_other_sessions(people: Town) -> None:
    page = people.newcomer("fritz")
    other = people.browser("fritz")
    wrong = page.post("/auth/password", json={"current": "not this one", "new": "other words in a row"})
    short = page.post("/auth/password", json={"current": PASSWORD, "new": "short"})
    changed = page.post("/auth/password", json={"current": PASSWORD, "new": "other words in a row"})

    assert (wrong.status_code, short.status_code, changed.status_code) == (401, 422, 204)
    assert "10 to 200 characters; this one has 5" in short.json()["detail"]
    assert page.get("/media").status_code == 200
    assert other.get("/media").status_code == 401
    assert log_in(people.stand, username="fritz", password=PASSWORD).status_code == 401
    assert log_in(people.stand, username="fritz", password="other words in a row").status_code == 200


def test_a_token_does_what_its_scope_says_until_it_is_revoked(people: Town) -> None:
    page = people.browser("berta")
    made = page.post("/auth/tokens", json={"name": "listing", "scope": "read", "expires_days": 1}).json()
    program = people.client(made["token"])

    assert made["token"].startswith("bal_")
    assert program.get("/media").status_code == 200
    refused = program.post("/upload?name=a.wav", content=wav())
    assert refused.status_code == 403
    assert "the scope convert; the one that was shown has read" in refused.json()["detail"]
    for answer in (
        program.post("/auth/tokens", json={"name": "more"}),
        program.post("/auth/password", json={"current": PASSWORD, "new": "other words in a row"}),
        program.delete(f"/auth/tokens/{made['id']}"),
    ):
        assert answer.status_code == 403
    (listed,) = page.get("/auth/tokens").json()["tokens"]
    assert listed["used_at"] is not None
    assert "token" not in listed
    assert page.delete(f"/auth/tokens/{made['id']}").status_code == 204
    assert program.get("/media").status_code == 401
    assert page.delete(f"/auth/tokens/{made['id']}").status_code == 404


def test_nobody_makes_a_token_with_more_rights_than_they_have(people: Town) -> None:
    page = people.browser("berta")

    answer = page.post("/auth/tokens", json={"name": "all", "scope": "admin"})

    assert answer.status_code == 403
    assert "no more rights than you: convert" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("typed", "status", "sentence"),
    [
        ({"username": "gina", "password": PASSWORD}, 403, "made with an invitation here"),
        ({"username": "gina", "password": PASSWORD, "invitation": "bai_none"}, 404, "This invitation is not valid"),
        ({"username": "gi na", "password": PASSWORD, "invitation": "good"}, 422, "without spaces"),
        ({"username": "gina", "password": "short", "invitation": "good"}, 422, "10 to 200 characters"),
        ({"username": "gina@example.org", "password": "GINA@example.org", "invitation": "good"}, 422, "easily guessed"),
        ({"username": "gina", "password": "1212121212", "invitation": "good"}, 422, "easily guessed"),
        ({"username": "Berta", "password": PASSWORD, "invitation": "good"}, 409, "berta is taken"),
        ({"username": "gina", "invitation": "good"}, 422, "password"),
    ],
)
def test_what_is_wrong_with_a_sign_up_is_said(people: Town, typed: dict[str, str], status: int, sentence: str) -> None:
    made = people.admin.post("/invitations", json={}).json()
    secret = made["url"].partition("invitation=")[2]
    if typed.get("invitation") == "good":
        typed = typed | {"invitation": secret}

    answer = people.anybody.post("/auth/signup", data=typed)

    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["detail"]
    assert people.anybody.post("/auth/invitation", json={"token": secret}).status_code == 200


def test_an_invitation_is_good_once_and_can_be_taken_back(people: Town) -> None:
    first, second = (people.admin.post("/invitations", json={"role": "admin", "expires_hours": 1}).json() for _ in "12")
    secret = first["url"].partition("login.html#invitation=")[2]

    looked = people.anybody.post("/auth/invitation", json={"token": secret}).json()
    made = people.anybody.post("/auth/signup", data={"username": "hans", "password": PASSWORD, "invitation": secret})
    again = people.anybody.post("/auth/signup", data={"username": "ida", "password": PASSWORD, "invitation": secret})
    taken = people.admin.delete(f"/invitations/{second['id']}")

    assert looked["role"] == "admin"
    assert (made.status_code, made.json()["scope"]) == (201, "admin")
    assert again.status_code == 404
    assert taken.status_code == 204
    assert people.admin.delete(f"/invitations/{first['id']}").status_code == 404
    listed = {one["id"]: one["used_by"] for one in people.admin.get("/invitations").json()["invitations"]}
    assert listed[first["id"]] is not None
    assert second["id"] not in listed


@pytest.mark.parametrize(
    ("signup", "alone", "invited"), [("open", 201, 201), ("invitation", 403, 201), ("closed", 403, 403)]
)
def test_who_can_sign_up_is_a_setting(
    people: Town, monkeypatch: pytest.MonkeyPatch, signup: str, alone: int, invited: int
) -> None:
    accounts = people.stand.parts.accounts
    monkeypatch.setattr(accounts, "_settings", people.stand.parts.desk.settings.model_copy(update={"signup": signup}))

    answer = people.anybody.post("/auth/signup", data={"username": f"gina-{signup}", "password": PASSWORD})

    assert answer.status_code == alone
    assert people.admin.post("/invitations", json={}).status_code == invited


def test_the_first_administrator_comes_by_a_link_and_gets_what_was_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(tmp_path) as alone:
        before = alone.upload("before.wav")
    with running(tmp_path, auth="on", signup="closed") as stand, httpx2.Client(base_url=stand.address) as ana:
        with caplog.at_level("INFO", logger="balanza.server"):
            invite_first(stand.parts, stand.address)
            invite_first(stand.parts, stand.address)
        old, new = (line.rpartition("#invitation=")[2] for line in caplog.messages if "first administrator" in line)
        typed = {"username": "ana", "password": PASSWORD}

        assert stand.client.post("/auth/signup", data=typed | {"invitation": old}).status_code == 404
        made = stand.client.post("/auth/signup", data=typed | {"invitation": new}).json()
        listed = ana.get("/media", headers={"Authorization": f"Bearer {made['access_token']}"}).json()["media"]
        caplog.clear()
        invite_first(stand.parts, stand.address)

        assert [media["id"] for media in listed] == [before["id"]]
        assert caplog.messages == []
    with running(tmp_path) as alone:
        me = alone.get("/auth/me")["user"]
        assert (me["id"], me["name"], me["has_password"]) == ("local", None, False)
        assert [media["id"] for media in alone.get("/media")["media"]] == [before["id"]]


def test_who_is_disabled_is_out_at_once(people: Town) -> None:
    page = people.newcomer("karl")
    token = people.client(page.post("/auth/tokens", json={"name": "t"}).json()["token"])
    user_id = page.get("/auth/me").json()["user"]["id"]

    disabled = people.admin.patch(f"/users/{user_id}", json={"disabled": True})

    assert disabled.json()["disabled_at"] is not None
    assert [one.get("/media").status_code for one in (page, token)] == [401, 401]
    assert log_in(people.stand, username="karl", password=PASSWORD).status_code == 401
    assert people.admin.patch(f"/users/{user_id}", json={"disabled": False}).json()["disabled_at"] is None
    assert log_in(people.stand, username="karl", password=PASSWORD).status_code == 200
    assert page.get("/media").status_code == 401


def test_an_administrator_deletes_an_account_with_all_that_is_theirs(people: Town) -> None:
    page = people.newcomer("rosa")
    user_id = page.get("/auth/me").json()["user"]["id"]
    media_id = page.post("/upload?name=a.wav", content=wav()).json()["id"]
    link = page.post(f"/media/{media_id}/shares", json={"expires_seconds": 60}).json()["url"]
    page.post("/convert", json={"input_file": media_id, "output_format": "mp3"}).raise_for_status()
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "filename YQ=="}
    upload = page.post("/files", headers=tus).headers["location"]
    piece = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    page.patch(f"/{upload}", headers=piece, content=b"ab").raise_for_status()
    ids = (media_id, upload.rpartition("/")[2])
    assert len([name for name in people.stand.stored() if any(one in name for one in ids)]) == 2

    refused = people.carla.delete(f"/users/{user_id}")
    deleted = people.admin.delete(f"/users/{user_id}")

    assert (refused.status_code, deleted.status_code) == (403, 204)
    assert page.get("/media").status_code == 401
    assert people.anybody.get(f"{link}/info").status_code == 404
    eventually(lambda: not [name for name in people.stand.stored() if any(one in name for one in ids)])
    assert user_id not in people.admin.get("/users").text
    assert people.admin.delete(f"/users/{user_id}").status_code == 404
    assert people.newcomer("rosa").get("/media").json()["media"] == []


def test_nobody_waits_for_the_bytes_of_an_account(people: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    page = people.newcomer("noa")
    user_id = page.get("/auth/me").json()["user"]["id"]
    media_id = page.post("/upload?name=a.wav", content=wav()).json()["id"]
    go_on, purge = threading.Event(), library.purge

    def purge_later(*arguments: Any) -> None:
        assert go_on.wait(30)
        purge(*arguments)

    monkeypatch.setattr(library, "purge", purge_later)
    try:
        assert people.admin.delete(f"/users/{user_id}", timeout=10).status_code == 204
        assert any(media_id in name for name in people.stand.stored())
    finally:
        go_on.set()
    eventually(lambda: not any(media_id in name for name in people.stand.stored()))


def test_people_delete_their_own_account_with_their_password(people: Town) -> None:
    page = people.newcomer("sol")
    token = people.client(page.post("/auth/tokens", json={"name": "t"}).json()["token"])
    elsewhere = people.client(people.log_in("sol"))

    by_token = token.post("/auth/delete", json={"password": PASSWORD})
    wrong = page.post("/auth/delete", json={"password": "not the password"})
    without = page.post("/auth/delete", json={})
    gone = page.post("/auth/delete", json={"password": PASSWORD})

    assert [answer.status_code for answer in (by_token, wrong, without, gone)] == [403, 401, 401, 204]
    assert gone.headers["set-cookie"].startswith('balanza_session=""')
    assert [one.get("/media").status_code for one in (page, token, elsewhere)] == [401, 401, 401]
    assert log_in(people.stand, username="sol", password=PASSWORD).status_code == 401


def test_the_last_administrator_cannot_leave(people: Town) -> None:
    for one in people.admin.get("/users").json()["users"]:
        if one["role"] == "admin" and one["id"] != "local":
            people.admin.patch(f"/users/{one['id']}", json={"role": "user"})
    page = people.browser("ana")

    assert page.post("/auth/delete", json={"password": PASSWORD}).status_code == 409
    assert people.admin.delete("/users/local").status_code == 409
    assert page.get("/media").status_code == 200


@pytest.mark.parametrize("change", [{"disabled": True}, {"role": "user"}])
def test_the_last_administrator_stays(people: Town, change: dict[str, Any]) -> None:
    for one in people.admin.get("/users").json()["users"]:
        if one["role"] == "admin" and one["id"] != "local":
            people.admin.patch(f"/users/{one['id']}", json={"role": "user"})

    answer = people.admin.patch("/users/local", json=change)

    assert answer.status_code == 409
    assert "only administrator" in answer.json()["detail"]
    assert people.admin.get("/users").status_code == 200


def test_a_change_of_role_holds_for_sessions_that_are_open(people: Town) -> None:
    page = people.newcomer("lena")
    user_id = page.get("/auth/me").json()["user"]["id"]
    assert page.get("/users").status_code == 403

    people.admin.patch(f"/users/{user_id}", json={"role": "admin"})

    assert page.get("/users").status_code == 200


def test_nobody_stores_more_or_has_more_jobs_than_they_may(people: Town) -> None:
    page = people.newcomer("mia")
    user_id = page.get("/auth/me").json()["user"]["id"]
    content = wav()
    people.admin.patch(f"/users/{user_id}", json={"quota_bytes": 2 * len(content), "quota_jobs": 1})
    tus = {"Tus-Resumable": "1.0.0", "Upload-Metadata": "filename YS53YXY="}

    first = page.post("/upload?name=a.wav", content=content)
    begun = page.post("/files", headers=tus | {"Upload-Length": str(len(content))})
    too_much = page.post("/upload?name=b.wav", content=content)
    too_much_again = page.post("/files", headers=tus | {"Upload-Length": "10"})
    dropped = page.delete(begun.headers["location"], headers=tus)
    wanted = {"input_file": first.json()["id"], "output_format": "mp3"}
    job = page.post("/convert", json=wanted)
    one_more = page.post("/convert", json=wanted)
    me = page.get("/auth/me").json()["user"]

    assert [first.status_code, begun.status_code, dropped.status_code, job.status_code] == [201, 201, 204, 201]
    for answer in (too_much, too_much_again, one_more):
        assert answer.status_code == 403
        assert answer.json()["type"].endswith(":quota-exceeded")
    assert (me["stored_bytes"], me["live_jobs"]) == (len(content), 1)
    (listed,) = [one for one in people.admin.get("/users").json()["users"] if one["name"] == "mia"]
    assert (listed["files"], listed["stored_bytes"], listed["live_jobs"]) == (1, len(content), 1)


def test_whoever_administers_decides_whether_anybody_sees_the_load(tmp_path: Path) -> None:
    with town(tmp_path, public_stats=True) as people:
        assert people.anybody.get("/workers/stats").status_code == 200
        assert people.anybody.get("/workers/history").status_code == 401
        assert people.anybody.get("/auth/me").json()["public_stats"]


def test_without_accounts_nobody_logs_in_and_everything_is_allowed(stand: Stand) -> None:
    me = stand.get("/auth/me")

    assert (me["accounts"], me["user"]["role"], me["scope"], me["public_stats"]) == (False, "admin", "admin", True)
    for answer in (
        stand.client.post("/auth/login", data={"username": "a", "password": PASSWORD}),
        stand.client.post("/auth/signup", data={"username": "a", "password": PASSWORD}),
        stand.client.post("/auth/tokens", json={"name": "t"}),
        stand.client.post("/invitations", json={}),
    ):
        assert answer.status_code == 403
        assert "BALANZA_AUTH=on" in answer.json()["detail"]
    assert stand.get("/users") == {"users": []}


def test_a_server_with_accounts_makes_a_secret_for_its_workers_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "fleet-token"
    first = startup.with_fleet_token(Settings(data=tmp_path, auth="on")).fleet_token
    again = startup.with_fleet_token(Settings(data=tmp_path, auth="on")).fleet_token

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first == again == SecretStr(path.read_text().strip())
    path.write_text("")
    with pytest.raises(StartupError, match="fleet-token is empty"):
        startup.with_fleet_token(Settings(data=tmp_path, auth="on"))


def test_only_workers_that_show_the_secret_of_the_fleet_get_jobs(people: Town) -> None:
    Hand.register(people.worker, "worker_a")

    assert people.client("another secret").post("/fleet/lease", json={}).status_code == 401


def test_a_session_that_is_over_stops_listening(people: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.server.events.LOOK_AGAIN_SECONDS", 0.0)
    secret = people.log_in("berta")
    page = people.client(secret)
    with page.stream("GET", "/events") as answer:
        pieces = answer.iter_text()
        next(pieces)
        page.post("/auth/logout")
        people.berta.post("/upload?name=unheard.wav", content=wav())

        assert "media.created" not in "".join(pieces)


def test_who_is_no_administrator_any_more_hears_no_more_of_the_fleet(
    people: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.server.events.LOOK_AGAIN_SECONDS", 0.0)
    page = people.newcomer("nora")
    user_id = page.get("/auth/me").json()["user"]["id"]
    people.admin.patch(f"/users/{user_id}", json={"role": "admin"})
    with page.stream("GET", "/events", timeout=10) as answer:
        pieces = answer.iter_text()
        next(pieces)
        people.admin.patch(f"/users/{user_id}", json={"role": "user"})
        Hand.register(people.worker, "worker_n")

        assert "worker.registered" not in "".join(pieces)


def test_what_is_too_much_is_refused_before_it_fills_the_disk(people: Town) -> None:
    page = people.newcomer("otto")
    user_id = page.get("/auth/me").json()["user"]["id"]
    people.admin.patch(f"/users/{user_id}", json={"quota_bytes": 1000})
    upload = people.stand.parts.library.of(user_id).receive("large.wav")
    upload.write(b"x" * 1000)

    with pytest.raises(QuotaExceeded):
        upload.write(b"x")

    upload.abort()
    assert page.post("/upload?name=a.wav", content=wav()).status_code == 403


def test_links_of_whom_is_disabled_open_nothing(people: Town) -> None:
    page = people.newcomer("paul")
    user_id = page.get("/auth/me").json()["user"]["id"]
    media_id = page.post("/upload?name=a.wav", content=wav()).json()["id"]
    link = page.post(f"/media/{media_id}/shares", json={"expires_seconds": 60}).json()["url"]

    answers = []
    for disabled in (True, False):
        people.admin.patch(f"/users/{user_id}", json={"disabled": disabled})
        answers += [people.anybody.get(f"{link}{what}").status_code for what in ("/info", "/media")]

    assert answers == [404, 404, 200, 200]


def test_a_flood_of_log_ins_holds_up_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.server.turns.MOST_WAITING", 45)
    slow = threading.Event()
    with town(tmp_path, trusted_proxies="127.0.0.1") as people, ThreadPoolExecutor(60) as crowd:
        page = people.client(people.log_in("berta"))
        monkeypatch.setattr(passwords, "is_right", lambda *_: slow.wait(30) and False)

        def try_from(number: int) -> int:
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            typed = {"username": f"name{number}", "password": "wrong"}
            return people.anybody.post("/auth/login", data=typed, headers=headers).status_code

        tried = [crowd.submit(try_from, number) for number in range(60)]
        try:
            eventually(lambda: sum(one.done() for one in tried) >= 60 - 45 - PASSWORD_THREADS)
            assert page.get("/media", timeout=5).status_code == 200
        finally:
            slow.set()

        assert sorted({one.result() for one in tried}) == [401, 503]


def test_an_api_token_logs_nobody_out(people: Town) -> None:
    page = people.browser("berta")
    program = people.client(page.post("/auth/tokens", json={"name": "t", "scope": "read"}).json()["token"])

    assert [program.post(f"/auth/logout{how}").status_code for how in ("", "?everywhere=true")] == [403, 403]
    assert page.get("/media").status_code == 200


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/auth/password", {"current": "my secret" * 200, "new": ["my secret"]}),
        ("/auth/invitation", {"token": ["my secret"]}),
        ("/s/none/unlock", {"password": "my secret" * 200}),
    ],
)
def test_a_secret_that_is_refused_is_not_repeated(people: Town, path: str, typed: dict[str, Any]) -> None:
    page = people.browser("berta")
    form = page.post("/auth/login", data={"username": "berta", "password": "my secret" * 200, "grant_type": "none"})
    answer = page.post(path, json=typed)

    for one in (form, answer):
        assert one.status_code == 422
        assert "my secret" not in one.text
    assert "'password' should have at most 1000 characters" in form.json()["detail"]
