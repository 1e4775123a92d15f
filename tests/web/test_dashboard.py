"""The fleet dashboard: what it shows, what can be done there, and that it stays quick with a large fleet."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from balanza.server.auth import COOKIE
from scripts import vendor
from tests.server.people import FLEET_TOKEN, town
from tests.server.stand import Hand, Stand, running, wav
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.crowd import Crowd, changing, name_of, settle
from tests.web.screenshots import Scheme
from tests.web.test_accessibility import RULES
from tests.web.test_layout import BEYOND

_AXE = (vendor.TESTS / "axe-core/axe.min.js").read_text()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A server with eight workers and an hour behind it, in which nothing happens by itself."""
    with running(tmp_path_factory.mktemp("crowd")) as server:
        settle(server, Crowd(minutes=20))
        yield server


@pytest.fixture
def own_stand(tmp_path: Path) -> Iterator[Stand]:
    with running(tmp_path / "data") as server:
        yield server


def dashboard(stand: Stand) -> str:
    return f"{stand.address}/dashboard.html"


def card(page: Page, worker_id: str) -> Any:
    return page.locator(f".worker[data-worker={worker_id}]")


def test_it_shows_the_whole_fleet(stand: Stand, open_page: OpenPage) -> None:
    page = open_page(dashboard(stand))
    expect(page.locator(".worker")).to_have_count(8)
    expect(page.locator(".figure").first).to_contain_text("7 / 8")
    expect(card(page, "worker_001")).to_contain_text("Draining")
    expect(card(page, "worker_002")).to_contain_text("It failed at 3 jobs that others completed.")
    expect(card(page, "worker_003")).to_contain_text("Offline")
    expect(card(page, "worker_003")).to_contain_text("Last seen")
    busy = card(page, "worker_004")
    expect(busy.get_by_role("meter", name="Load score of worker_004")).to_be_visible()
    expect(busy.locator("progress")).to_have_count(1)
    page.locator("#charts").scroll_into_view_if_needed()
    expect(page.locator("#charts canvas")).to_have_count(3)
    expect(page.locator(".decision").first).to_contain_text("moves from")
    expect(page.locator(".queue").first).to_contain_text("general queue")
    page.get_by_role("button", name="ES · Español").click()
    expect(card(page, "worker_003")).to_contain_text("Desconectado")
    expect(page.locator("#timeline-title")).to_have_text("Los últimos 15 minutos")
    expect(page).to_have_title("Balanza · la flota")


_SHIFTS = """
new PerformanceObserver((list) => {
  for (const { value } of list.getEntries()) window.shifted = (window.shifted ?? 0) + value;
}).observe({ type: 'layout-shift', buffered: true });
"""


def test_what_is_seen_first_is_whole_and_stays_in_its_place(stand: Stand, open_page: OpenPage) -> None:
    page = open_page("about:blank", width=412)
    page.add_init_script(_SHIFTS)
    page.route("**/workers/stats", lambda route: late.append(route))  # noqa: PLW0108 - needs a Python function
    page.route("**/workers/history?*", lambda route: None)
    page.route("**/web/*/i18n/*/decisions.js", lambda route: None)
    late: list[Any] = []
    page.goto(dashboard(stand))
    expect(page.locator("#workers")).to_contain_text("Waiting for the first news of the fleet")
    eventually(lambda: page.evaluate("0") == 0 and late)  # a route is heard only while the browser is asked
    late[0].continue_()
    expect(card(page, "worker_001")).to_contain_text("CPU")
    expect(card(page, "worker_001")).to_contain_text("heartbeat")
    expect(page.locator("#workers")).not_to_contain_text("Waiting for the first news")
    assert page.evaluate("window.shifted ?? 0") < 0.01


def test_the_two_pages_lead_to_each_other(stand: Stand, open_page: OpenPage) -> None:
    page = open_page(stand.address)
    page.get_by_role("link", name="Fleet").click()
    expect(page.locator("#workers")).to_be_visible()
    page.get_by_role("link", name="Library").click()
    expect(page.locator("#library")).to_be_visible()


def test_the_timeline_says_in_words_what_it_draws(stand: Stand, open_page: OpenPage) -> None:
    page = open_page(dashboard(stand))
    expect(page.locator(".worker")).to_have_count(8)
    page.get_by_text("As a table").click()
    bars = stand.get("/workers/timeline")["bars"]
    row = page.locator("#timeline tbody tr").nth(3)
    expect(row.locator("th")).to_have_text(name_of(3))
    done = sum(bar["worker_id"] == name_of(3) and bar["outcome"] == "completed" for bar in bars)
    expect(row.locator("td").nth(1)).to_have_text(str(done))
    running_bar = next(bar for bar in bars if bar["worker_id"] == name_of(3) and bar["outcome"] is None)
    lanes = page.locator(".lanes")
    lanes.scroll_into_view_if_needed()
    box = lanes.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 14, box["y"] + 24 + 3.5 * 24)
    expect(page.locator(".lane-detail")).to_contain_text(running_bar["input_file"])


@pytest.mark.parametrize(("width", "language", "scheme"), [(360, "es-ES", "dark"), (1440, "en-GB", "light")])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(
    stand: Stand, open_page: OpenPage, width: int, language: str, scheme: Scheme
) -> None:
    page = open_page(dashboard(stand), width=width, language=language, color_scheme=scheme)
    expect(page.locator(".worker")).to_have_count(8)
    page.locator("#charts").scroll_into_view_if_needed()
    expect(page.locator("#charts canvas")).to_have_count(3)
    page.evaluate(_AXE)
    found = page.evaluate("rules => axe.run(document, { runOnly: rules })", RULES)
    assert [(one["id"], node["html"][:200]) for one in found["violations"] for node in one["nodes"]] == []
    assert page.evaluate(BEYOND) == []


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_in_a_card_moves_when_its_numbers_grow(stand: Stand, open_page: OpenPage, width: int) -> None:
    def tell(bytes_per_second: float, memory_mb: float) -> None:
        fleet = stand.get("/workers/stats")
        fleet["workers"][3] |= {
            "received_bytes_per_second": bytes_per_second,
            "sent_bytes_per_second": bytes_per_second,
            "memory_mb": memory_mb,
        }
        page.unroute_all()
        page.route("**/workers/stats", lambda route: route.fulfill(json=fleet))
        page.evaluate("dispatchEvent(new Event('online'))")

    def boxes() -> object:
        parts = card(page, name_of(3)).locator(":is(.running, .card-actions)")
        return [part.bounding_box() for part in parts.all()]

    page = open_page(dashboard(stand), width=width)
    card(page, name_of(3)).scroll_into_view_if_needed()
    tell(0, 9)
    expect(card(page, name_of(3))).to_contain_text("↓ 0 B/s ↑ 0 B/s")
    before = boxes()
    tell(123_456_789, 888)
    expect(card(page, name_of(3))).to_contain_text("↓ 123 MB/s ↑ 123 MB/s")
    assert boxes() == before
    page.unroute_all()


def test_nothing_is_asked_while_nothing_changes(stand: Stand, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(dashboard(stand))
    expect(page.locator(".worker")).to_have_count(8)

    def quiet() -> bool:
        before = len(asked)
        page.wait_for_timeout(800)
        return len(asked) == before

    eventually(quiet)
    assert any("workers/stats" in address for address in asked)


def test_a_worker_is_drained_and_resumed_by_keyboard(own_stand: Stand, open_page: OpenPage) -> None:
    hand = Hand.register(own_stand.client, "worker_k")
    page = open_page(dashboard(own_stand))
    drain = page.get_by_role("button", name="Drain worker_k")
    drain.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text("It takes nothing new")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(drain).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("dialog select").select_option("60")
    page.get_by_role("button", name="Drain", exact=True).press("Enter")
    expect(card(page, "worker_k")).to_contain_text("Draining")
    expect(page.locator(".notice")).to_contain_text("worker_k takes nothing new")
    page.get_by_role("button", name="Resume worker_k").press("Enter")
    expect(card(page, "worker_k")).not_to_contain_text("Draining")
    hand.beat()
    expect(card(page, "worker_k")).to_contain_text("Idle")
    hand.leave()


def test_a_fleet_of_nobody_says_what_to_do_and_what_will_be_here(own_stand: Stand, open_page: OpenPage) -> None:
    page = open_page(dashboard(own_stand))
    expect(page.locator("#workers")).to_contain_text("Press “Add a worker” and run the command it shows")
    expect(page.locator("#timeline")).to_contain_text("What is converted is drawn here")
    expect(page.locator(".figure", has_text="Average CPU")).to_contain_text("–")
    Hand.register(own_stand.client, "worker_a")
    expect(page.locator(".worker")).to_have_count(1)
    expect(page.locator("#timeline .lane-detail")).to_contain_text("Nothing was converted in these minutes")
    expect(page.locator(".figure", has_text="Average CPU")).to_contain_text("%")


def test_workers_come_and_go_as_it_is_watched_and_one_that_left_can_be_removed(
    own_stand: Stand, open_page: OpenPage
) -> None:
    page = open_page(dashboard(own_stand))
    expect(page.locator("#workers .empty")).to_contain_text("No worker yet")
    hand = Hand.register(own_stand.client, "worker_x")
    expect(card(page, "worker_x")).to_contain_text("Idle")
    hand.leave()
    expect(card(page, "worker_x")).to_contain_text("Offline")
    page.get_by_role("button", name="Remove worker_x from the list").click()
    expect(card(page, "worker_x")).to_have_count(0)
    Hand.register(own_stand.client, "worker_x")
    expect(card(page, "worker_x")).to_contain_text("Idle")


def test_a_worker_that_is_killed_goes_offline_before_ones_eyes_and_its_job_waits_again(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with running(tmp_path / "data", offline_after_seconds=1.5, lease_seconds=3.0) as stand:
        hand = Hand.register(stand.client, "worker_d")
        stand.convert(stand.upload("tango.wav")["id"], "wav")
        hand.grant()
        page = open_page(dashboard(stand))
        expect(card(page, "worker_d").locator(".running")).to_contain_text("tango.wav → WAV")
        expect(card(page, "worker_d")).to_contain_text("Offline")  # it never beats again
        expect(page.locator(".queue")).to_contain_text("tango.wav")
        page.get_by_text("As a table").click()
        expect(page.locator("#timeline tbody tr td").nth(2)).to_have_text("1")
        page.context.close()


def test_what_cannot_be_done_is_said(own_stand: Stand, open_page: OpenPage) -> None:
    hand = Hand.register(own_stand.client, "worker_y")
    hand.leave()
    page = open_page(dashboard(own_stand), expected="Failed to load resource")
    remove = page.get_by_role("button", name="Remove worker_y from the list")
    expect(remove).to_be_visible()
    page.route("**/workers/stats", lambda route: route.abort())  # it does not hear that it is back
    page.route("**/events", lambda route: route.abort())
    Hand.register(own_stand.client, "worker_y")
    remove.click()
    expect(page.locator(".notice.error")).to_contain_text("worker_y is online.")
    page.context.close()


def test_a_conversion_is_followed_from_its_decision_to_its_bar(own_stand: Stand, open_page: OpenPage) -> None:
    hand = Hand.register(own_stand.client, "worker_z")
    page = open_page(dashboard(own_stand))
    expect(card(page, "worker_z")).to_be_visible()
    own_stand.convert(own_stand.upload("tango.wav")["id"], "wav")
    expect(page.locator(".decision").first).to_contain_text("tango.wav → WAV goes to worker_z")
    expect(page.locator("#queues")).to_contain_text("tango.wav")
    grant = hand.grant()
    hand.beat({"token": grant["token"], "progress": 42.0})
    expect(card(page, "worker_z").locator(".running")).to_contain_text("42%")
    hand.store(grant["token"], wav())
    hand.complete(grant, wav())
    expect(page.locator(".figure.completed dd")).to_have_text("1")
    expect(page.locator("#queues")).to_contain_text("Nothing waits.")


_SEEN = """
([part, text]) => new Promise((seen) => {
  const start = performance.now();
  const look = () => {
    if (document.querySelector(part)?.innerText.includes(text)) seen((performance.now() - start) / 1000);
    else if (performance.now() - start > 5000) seen(Infinity);
    else setTimeout(look, 10);
  };
  look();
})
"""
"""In how many seconds a part of the page says something, if within five."""


def test_what_happens_is_seen_within_a_second(
    monkeypatch: pytest.MonkeyPatch, own_stand: Stand, open_page: OpenPage
) -> None:
    monkeypatch.setattr("balanza.server.live.LOOK_AGAIN_SECONDS", 30.0)  # so that only what is told is seen
    hands = {name: Hand.register(own_stand.client, name, slots=8) for name in ("worker_a", "worker_b")}
    page = open_page(dashboard(own_stand))
    expect(card(page, "worker_b")).to_be_visible()
    took: dict[str, list[float]] = {"assignment": [], "progress": [], "load": [], "move": []}

    def seen(what: str, part: str, text: str) -> None:
        took[what].append(page.evaluate(_SEEN, [part, text]))
        page.wait_for_timeout(300)  # not only the first of several

    for number in range(1, 4):
        for hand in hands.values():
            hand.beat()
        song = own_stand.upload(f"tango {number}.wav")["id"]
        worker = own_stand.convert(song, "wav")["assigned_worker"]
        seen("assignment", ".decision", f"tango {number}.wav → WAV goes to {worker}")
        grant = hands[worker].grant()
        hands[worker].beat({"token": grant["token"], "progress": 30.0 + number})
        seen("progress", f"[data-worker={worker}] .running", f"{30 + number}%")
        hands[worker].beat(cpu_load=0.5 + number / 100)
        seen("load", f"[data-worker={worker}] .measures", f"{50 + number}%")
        hands[worker].store(grant["token"], wav())
        hands[worker].complete(grant, wav())
        worker = own_stand.convert(song, "flac")["assigned_worker"]
        own_stand.client.post(f"/workers/{worker}/drain")
        seen("move", ".decision", f"tango {number}.wav → FLAC moves from {worker}")
        own_stand.client.post(f"/workers/{worker}/resume")
    print("\nseconds until it is seen:", took)
    assert {what: median(all_) < 1 for what, all_ in took.items()} == dict.fromkeys(took, True)


def test_an_administrator_watches_the_jobs_of_others_without_their_names(tmp_path: Path, open_page: OpenPage) -> None:
    with town(tmp_path / "data") as there:
        hand = Hand.register(there.worker, "worker_q")
        page = open_page("about:blank")
        page.context.add_cookies([{"name": COOKIE, "value": there.log_in("ana"), "url": there.stand.address}])
        page.goto(dashboard(there.stand))
        expect(card(page, "worker_q")).to_contain_text("Converts nothing now")
        media = there.berta.post("/upload", params={"name": "secret tango.wav"}, content=wav()).json()["id"]
        there.berta.post("/convert", json={"input_file": media, "output_format": "wav"})
        expect(page.locator(".figure.pending dd")).to_have_text("1")
        grant = hand.grant()
        expect(card(page, "worker_q")).to_contain_text("1 job of other people")
        expect(page.locator(".decision").first).to_contain_text("someone’s file → WAV goes to worker_q")
        hand.store(grant["token"], wav())
        hand.complete(grant, wav())
        expect(page.locator(".figure.completed dd")).to_have_text("1")
        page.get_by_role("button", name="ES · Español").click()
        lanes = page.locator(".lanes")
        lanes.scroll_into_view_if_needed()
        box = lanes.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 36)
        expect(page.locator(".lane-detail")).to_contain_text("archivo de otra persona → WAV")
        page.get_by_role("button", name="Añadir un worker").click()
        expect(page.locator(".command")).to_have_text(
            f"BALANZA_FLEET_TOKEN=TOKEN balanza worker --server {there.stand.address} --id worker_a"
        )
        expect(page.get_by_role("dialog")).to_contain_text("fleet-token")
        assert not any(secret in page.content() for secret in ("tango", FLEET_TOKEN))
        page.context.close()


def test_the_command_that_adds_a_worker_names_this_server_and_a_free_id(stand: Stand, open_page: OpenPage) -> None:
    page = open_page(dashboard(stand))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stand.address)
    page.get_by_role("button", name="Add a worker").click()
    command = f"balanza worker --server {stand.address} --id worker_a"
    expect(page.locator(".command")).to_have_text(command)
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("dialog")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command


_FRAMES = """
(milliseconds) => new Promise((done) => {
  const frames = [];
  const start = performance.now();
  let last = start;
  const step = (now) => {
    frames.push(now - last);
    last = now;
    if (now - start < milliseconds) requestAnimationFrame(step);
    else done(frames.sort((a, b) => a - b));
  };
  requestAnimationFrame(step);
})
"""
_SCRIPT_SHARE = 0.2
"""Of one core. Nothing else slows frames down on a machine that can draw; this one draws without a graphics card."""


def test_it_holds_its_frames_with_200_workers_and_5000_jobs(browser: Browser, tmp_path: Path) -> None:
    crowd = Crowd(workers=200, jobs=5_000, minutes=3)
    with running(tmp_path / "data") as stand:
        settle(stand, crowd)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(dashboard(stand))
        expect(page.locator(".worker")).to_have_count(crowd.workers)
        page.locator("#charts").scroll_into_view_if_needed()
        expect(page.locator("#charts canvas")).to_have_count(3)
        card(page, name_of(150)).scroll_into_view_if_needed()
        expect(card(page, name_of(150)).locator(".gauge")).to_be_visible()
        expect(card(page, name_of(5)).locator(".gauge")).to_have_count(0)
        devtools = context.new_cdp_session(page)
        devtools.send("Performance.enable")

        def scripted() -> float:
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            return float(next(one["value"] for one in metrics if one["name"] == "ScriptDuration"))

        with changing(stand, crowd):
            changes = "document.querySelector('.worker-cards').innerText"
            shown = page.evaluate(changes)
            eventually(lambda: page.evaluate(changes) != shown)
            before = scripted()
            frames = page.evaluate(_FRAMES, 2_000)
            share = (scripted() - before) / 2
        median, late = frames[len(frames) // 2], frames[int(len(frames) * 0.95)]
        elements = page.evaluate("document.querySelectorAll('*').length")
        print(
            f"\n{crowd.workers} workers, {crowd.jobs} jobs: median frame {median:.1f} ms, 95 of 100 within "
            f"{late:.1f} ms, scripts {share:.0%} of a core, {elements} elements"
        )
        context.close()
        assert median < 20
        assert share < _SCRIPT_SHARE
        assert elements < 5_000
