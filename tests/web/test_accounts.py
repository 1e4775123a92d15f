"""Accounts in the real page: coming by one, what others do not see, and every way out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.server.people import town
from tests.server.stand import Hand, wav
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.proxy import PREFIX, behind_a_proxy
from tests.web.scenes import SCENES
from tests.web.screenshots import shown
from tests.web.stage import Scene, Stage
from tests.web.test_layout import BEYOND
from tests.web.test_resume import Line
from tests.web.words import ENGLISH, SPANISH, Screen

REFUSED = "Failed to load resource"
ANA, LUZ = "ana@example.org", "luz"
PASSWORD, NEW_PASSWORD = "three words here", "three other words"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with accounts, of which there are none yet."""
    # The statistics are public so that the tests can wait for the worker.
    accounts = {"BALANZA_AUTH": "on", "BALANZA_PUBLIC_STATS": "true"}
    with Live(tmp_path_factory.mktemp("accounts") / "data", workers=1, environment=accounts) as started:
        yield started


@pytest.fixture(scope="module")
def first_link(server: Live) -> str:
    """The link of the first administrator, as it is printed."""
    return server.logged("#invitation=").rpartition(" ")[2]


@pytest.fixture(scope="module")
def sign_up(server: Live, first_link: str) -> Iterator[Callable[[str], None]]:
    """Sees to it that there is the first administrator, and an account of that name."""
    with httpx2.Client(base_url=server.address, trust_env=False) as api:
        first = {"username": ANA, "password": PASSWORD}
        answer = api.post("/auth/login", data=first)
        if answer.status_code == 401:
            answer = api.post("/auth/signup", data=first | {"invitation": first_link.partition("=")[2]})
        api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

        def make(name: str) -> None:
            invitation = api.post("/invitations", json={}).json()["url"].partition("=")[2]
            data = {"username": name, "password": PASSWORD, "invitation": invitation}
            assert api.post("/auth/signup", data=data).status_code in {201, 409}

        yield make


@pytest.fixture
def line(server: Live) -> Iterator[Line]:
    started = Line(server.port)
    yield started
    started.close()


def log_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def open_menu(page: Page, item: str) -> None:
    page.locator(".account").click()
    page.locator(".menu").get_by_text(item, exact=True).click()


def file_of(page: Page) -> str:
    """The page's own part of its address, with what is behind the `#`."""
    return page.url.rpartition("/")[2]


def refusals(page: Page) -> list[int]:
    """Fills with the statuses of the refused requests, from now on."""
    found: list[int] = []
    page.on("response", lambda response: found.append(response.status) if response.status >= 400 else None)
    return found


def library_of(server: Live, token: str) -> int:
    """The status of a program's request for it."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{server.address}/media", headers=headers, trust_env=False).status_code


def test_people_come_by_an_account_and_see_nothing_of_each_others_files(
    server: Live, first_link: str, clips: Path, open_page: OpenPage
) -> None:
    page = open_page(f"{server.address}/users.html")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(first_link)  # from the same page to the same page: only what is behind the # is new
    expect(page.get_by_text("You are the first, and the administrator.")).to_be_visible()
    assert file_of(page) == "login.html"
    page.reload()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(ANA)
    page.keyboard.press("Tab")
    page.keyboard.type("short")
    expect(page.get_by_text("5 more characters are needed")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("5 more characters are needed")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    expect(page.get_by_text("Long enough")).to_be_visible()
    page.keyboard.press("Enter")
    hers = Screen(page, ENGLISH)
    assert file_of(page) == "player.html"
    hers.add(clips / "tono.wav")

    open_menu(page, "People")
    page.get_by_role("button", name="Create invitation").click()
    link = page.get_by_label("The link to send").input_value()
    expect(page.locator("#invitations .line")).to_have_count(1)

    other = open_page(link, language="es-ES", width=360, height=740, expected=REFUSED)
    refused = refusals(other)
    expect(other.get_by_role("heading", name="Crea tu cuenta")).to_be_visible()
    other.get_by_label("Nombre").fill(ANA.upper())
    other.get_by_label("Contraseña", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Crear la cuenta").click()
    expect(other.get_by_role("alert")).to_have_text("Ese nombre ya está en uso. Elige otro.")
    other.get_by_label("Nombre").fill(LUZ)
    other.get_by_role("button", name="Crear la cuenta").click()
    theirs = Screen(other, SPANISH)
    expect(other.get_by_text("Aún no hay nada")).to_be_visible()
    expect(other.get_by_role("link", name="Flota")).to_have_count(0)
    theirs.add(clips / "film.mp4")
    theirs.row("film.mp4").get_by_role("button", name="Convertir film.mp4").click()
    other.get_by_text("Opciones avanzadas").click()
    expect(other.get_by_label("Prioridad").get_by_role("option")).to_have_text(["Baja", "Normal"])
    other.get_by_label("Prioridad").select_option("Baja")
    other.keyboard.press("Escape")
    card = theirs.convert("film.mp4", "mp3")
    expect(card).to_contain_text("Completada", timeout=60_000)
    expect(other.locator(".row")).to_have_count(2)
    for address, said in (("dashboard.html", "se muestran a quienes administran"), ("users.html", "Las personas")):
        other.goto(f"{server.address}/{address}")
        expect(other.locator("main")).to_contain_text(said)
    assert refused == [409]

    used = open_page(link, expected=REFUSED)
    expect(used.get_by_role("heading", name="This invitation is no longer valid")).to_be_visible()
    used.get_by_role("button", name="Log in").click()
    expect(used.get_by_label("Name")).to_be_focused()

    page.reload()
    expect(page.locator(".person", has_text=LUZ)).to_contain_text("2 files")
    expect(page.locator("#invitations")).to_contain_text(f"used by {LUZ}")
    page.get_by_role("link", name="Library").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator(".card[data-job]")).to_have_count(0)
    page.goto(link)
    expect(page.get_by_role("heading", name=f"You are logged in as {ANA}")).to_be_visible()

    with behind_a_proxy(server.address) as origin:
        far = open_page(f"{origin}{PREFIX}/settings.html")
        log_in(far, LUZ, PASSWORD)
        expect(far.get_by_role("heading", name="Settings")).to_be_visible()
        open_menu(far, "Sign out")
        expect(far.get_by_label("Name")).to_be_focused()
        assert far.url == f"{origin}{PREFIX}/login.html"
        far.context.close()


def test_an_upload_goes_on_after_the_session_has_ended_and_another_log_in(
    server: Live, sign_up: Callable[[str], None], line: Line, tmp_path: Path, open_page: OpenPage
) -> None:
    song = tmp_path / "largo.wav"
    song.write_bytes(wav(500))
    sign_up("mar")
    page = open_page(f"http://127.0.0.1:{line.port}/", expected=REFUSED)
    log_in(page, "mar", PASSWORD)
    line.allowed = song.stat().st_size // 2
    Screen(page, ENGLISH).upload(song)
    eventually(lambda: sum(part.stat().st_size for part in (server.data / "storage/incoming").iterdir()) > 2_000_000)
    page.context.request.post(f"{server.address}/auth/logout?everywhere=true", headers={"Origin": server.address})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody comes back to the tab
    expect(page.get_by_label("Name")).to_be_focused()
    log_in(page, "mar", PASSWORD)
    expect(page.locator(".upload")).to_contain_text("Stopped at")
    line.allowed = 2 * song.stat().st_size
    Screen(page, ENGLISH).upload(song)
    expect(page.locator(".row")).to_contain_text("largo.wav")
    page.context.close()


def test_sessions_tokens_and_accounts_end_when_their_owner_or_an_administrator_says_so(
    server: Live, sign_up: Callable[[str], None], open_page: OpenPage
) -> None:
    sign_up(LUZ)
    page = open_page(f"{server.address}/settings.html", expected=REFUSED)
    log_in(page, LUZ, "not the password")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    log_in(page, f" {LUZ.upper()}", PASSWORD)
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    assert file_of(page) == "settings.html"
    assert page.context.cookies()[0]["httpOnly"]

    page.get_by_label("What for").fill("backup")
    page.get_by_label("It may").select_option("read")
    page.get_by_label("Valid for").select_option("does not expire")
    page.get_by_role("button", name="Create token").click()
    token = page.get_by_label("The new token “backup”").input_value()
    assert library_of(server, token) == 200
    page.reload()
    expect(page.locator("#tokens .line")).to_contain_text("last used")
    assert token not in page.content()

    evil = "https://evil.example/"
    elsewhere = open_page(f"{server.address}/login.html#next={evil}", language="es-ES", expected=REFUSED)
    expect(elsewhere.get_by_label("Nombre")).to_be_focused()
    elsewhere.keyboard.type(LUZ)
    elsewhere.keyboard.press("Tab")
    elsewhere.keyboard.type(PASSWORD)
    elsewhere.keyboard.press("Tab")
    elsewhere.keyboard.press("Space")
    expect(elsewhere.get_by_label("Contraseña", exact=True)).to_have_attribute("type", "text")
    elsewhere.keyboard.press("Tab")
    elsewhere.keyboard.press("Enter")
    Screen(elsewhere, SPANISH)
    assert file_of(elsewhere) == "player.html"

    page.get_by_label("Current password").fill("not the password")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("alert").first).to_have_text("This is not your current password.")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    elsewhere.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody comes back to the tab
    expect(elsewhere.get_by_label("Nombre")).to_be_focused()
    assert file_of(elsewhere) == "login.html"
    elsewhere.keyboard.type(LUZ)
    elsewhere.get_by_label("Contraseña", exact=True).fill(NEW_PASSWORD)
    elsewhere.keyboard.press("Enter")
    Screen(elsewhere, SPANISH)

    page.get_by_role("link", name="Library").click()
    open_menu(page, "Settings")
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.go_back()
    expect(page.get_by_label("Name")).to_be_focused()
    elsewhere.reload()
    expect(elsewhere.get_by_label("Nombre")).to_be_focused()
    assert library_of(server, token) == 200
    page.goto(f"{server.address}/settings.html")
    log_in(page, LUZ, NEW_PASSWORD)
    page.get_by_role("button", name="Revoke the token backup").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("You have none.")).to_be_visible()
    assert library_of(server, token) == 401
    page.get_by_role("link", name="Library").click()
    Screen(page, ENGLISH)

    admin = open_page(f"{server.address}/users.html", expected=REFUSED)
    log_in(admin, ANA, PASSWORD)
    admin.get_by_role("button", name=f"Change the account {ANA}").click()
    admin.get_by_role("dialog").get_by_label("Role").select_option("User")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_role("dialog")).to_contain_text("This is the only administrator.")
    admin.keyboard.press("Escape")
    admin.get_by_role("button", name=f"Change the account {LUZ}").click()
    admin.get_by_role("dialog").get_by_label("Storage, in GB").fill("0.5")
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator(".person", has_text=LUZ)).to_contain_text("of 500 MB")
    admin.get_by_role("button", name=f"Disable the account {LUZ}").click()
    admin.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(admin.locator(".person", has_text=LUZ)).to_contain_text("Disabled")
    expect(page.get_by_label("Name")).to_be_focused(timeout=30_000)  # the server looks every ten seconds
    log_in(page, LUZ, NEW_PASSWORD)
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    admin.get_by_role("button", name=f"Delete the account {LUZ}").click()
    admin.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(admin.get_by_text(f"The account {LUZ} is deleted")).to_be_visible()
    expect(admin.locator(".person", has_text=LUZ)).to_have_count(0)
    open_menu(admin, "Sign out")
    expect(admin.get_by_label("Name")).to_be_focused()


def test_people_end_their_own_account_by_keyboard_alone(
    server: Live, sign_up: Callable[[str], None], open_page: OpenPage
) -> None:
    sign_up("sol")
    page = open_page(f"{server.address}/settings.html", expected=REFUSED)
    log_in(page, "sol", PASSWORD)
    page.get_by_role("button", name="Delete account…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete the account sol?")
    expect(dialog.get_by_label("Password", exact=True)).to_be_focused()
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("This is not your password.")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_label("Name")).to_be_focused()
    assert file_of(page) == "login.html"
    log_in(page, "sol", PASSWORD)
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")


def test_what_a_browser_keeps_is_shown_to_nobody_who_uses_it_next(tmp_path: Path, open_page: OpenPage) -> None:
    log_in_as = """name => fetch('auth/login', {
      method: 'POST', body: new URLSearchParams({ username: name, password: 'a word after another', cookie: true }),
    }).then((answer) => answer.status)"""
    look = "id => fetch(`media/${id}/waveform`).then((answer) => answer.status)"
    with town(tmp_path) as people:
        hand = Hand.register(people.worker, "worker_a")
        media_id = people.berta.post("/upload", params={"name": "song.wav"}, content=wav()).json()["id"]
        people.berta.get(f"/media/{media_id}/waveform")
        grant = hand.grant()
        hand.store(grant["token"], b"peaks")
        assert hand.complete(grant, b"peaks").status_code == 204
        page = open_page(f"{people.stand.address}/login.html", expected=REFUSED)

        assert [page.evaluate(log_in_as, "berta"), page.evaluate(look, media_id)] == [200, 200]
        page.evaluate("fetch('auth/logout', { method: 'POST' })")
        assert page.evaluate(look, media_id) == 401
        assert [page.evaluate(log_in_as, "carla"), page.evaluate(look, media_id)] == [200, 404]
        page.context.close()


def test_what_the_log_in_cannot_do_is_said(open_page: OpenPage) -> None:
    scene = SCENES["login"]
    with Stage(replace(scene, problem=None)) as stage:
        page = open_page(f"{stage.address}login.html#problem=not-found&next=dashboard.html")
        expect(page.get_by_role("alert")).to_contain_text("The invitation is no longer valid.")
        expect(page.get_by_role("link", name="Log in with Keycloak")).to_have_attribute(
            "href", "auth/oidc/login?next=dashboard.html"
        )
        assert page.url == f"{stage.address}login.html"
        page.goto(f"{stage.address}login.html#problem=%3Cb%3E")
        expect(page.get_by_role("alert")).to_contain_text("Logging in with Keycloak did not work.")
        page.context.close()
        page = open_page(f"{stage.address}login.html", expected=REFUSED)
        stage.scene = replace(scene, problem={"type": "urn:balanza:too-many-attempts"}, retry_after_seconds=130)
        log_in(page, ANA, PASSWORD)
        expect(page.get_by_role("alert")).to_have_text("Too many attempts. Try again in 2 min 10 s.")
        page.route("**/auth/login", lambda route: route.abort())
        log_in(page, ANA, PASSWORD)
        expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        page.context.close()


def test_a_server_without_accounts_says_so_and_how_to_have_them(open_page: OpenPage) -> None:
    with Stage(Scene()) as stage:
        page = open_page(f"{stage.address}login.html")
        page.get_by_role("link", name="To the library").click()
        page.get_by_role("link", name="Settings").click()
        expect(page.get_by_text("BALANZA_AUTH=on balanza up")).to_be_visible()
        expect(page.locator("form, .account")).to_have_count(0)
        page.locator("#language").get_by_role("button", name="ES · Español").click()
        expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
        page.context.close()
        page = open_page("about:blank", expected=REFUSED)
        page.route("**/auth/me", lambda route: route.abort())
        page.goto(f"{stage.address}users.html")
        expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        page.unroute("**/auth/me")
        expect(page.get_by_text("This server has no accounts, so there is nobody to show.")).to_be_visible()
        page.context.close()


def test_of_an_account_the_unfinished_uploads_of_others_are_not_shown(open_page: OpenPage) -> None:
    scene = SCENES["home-in"]
    with Stage(replace(scene, unfinished_bytes=8_000_000)) as stage:
        page = open_page(stage.address)
        Screen(page, ENGLISH)
        for place, name in (("balanza.uploads", "of-nobody"), ("balanza.uploads.u1", "mine")):
            page.evaluate(
                """([place, name, url]) => localStorage.setItem(place, JSON.stringify(
                  [{ fingerprint: name, name, size: 8e6, sent: 5e6, url, at: Date.now() }]))""",
                [place, f"{name}.wav", f"{stage.address}files/1"],
            )
        page.reload()
        expect(page.locator(".upload")).to_have_count(1)
        expect(page.locator(".upload")).to_contain_text("mine.wav")
        page.context.close()


@pytest.mark.parametrize("name", ["signup", "settings-new-token", "users-invited", "menu"])
def test_nothing_is_wider_than_the_page(browser: Browser, name: str) -> None:
    with shown(browser, name, size=(320, 800), scheme="light", language="es-ES") as page:
        for width in (320, 360, 768, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert (width, page.evaluate(BEYOND)) == (width, [])
