"""The player: it goes on through the library, remembers how somebody listens, and takes orders from keys."""

import io
import wave
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from scripts import vendor
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import LIBRARY, SCENES
from tests.web.stage import Stage
from tests.web.test_accessibility import RULES

FIRST, LAST = "Alegrías de Cádiz (en directo).flac", "voice memo 12.m4a"
SONGS = [FIRST, "entrevista", "Alegrías de Cádiz (en directo).wav", LAST]
"""Those of the library, in the order shown, or how their names begin; there are films between them."""
_AXE = (vendor.TESTS / "axe-core/axe.min.js").read_text()
_BACK_ONLINE = """
async () => {
  const { connection } = await import(new URL('web/store.js', document.baseURI));
  for (const state of ['unreachable', 'live']) connection.value = state;
}
"""
REFUSED = "Failed to load resource"


def silence(*, rate_hz: int = 8000, seconds: int = 40) -> bytes:
    """A song: long enough that a test decides when it ends."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(rate_hz)
        sound.writeframes(b"\x80" * rate_hz * seconds)
    return out.getvalue()


_SILENCE = silence()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(SCENES["completed"]) as started:
        yield started


class Player:
    """The bar, or the stage, of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.bar = page.get_by_role("region", name="Player")

    def start(self, name: str) -> None:
        self.page.locator(".row").get_by_role("button", name=f"Play {name}").first.click()
        eventually(lambda: self.bar.count() and self.element("!element.paused && element.currentTime > 0"))

    def button(self, name: str) -> Locator:
        return self.bar.get_by_role("button", name=name, exact=True)

    def plays(self, name: str) -> None:
        expect(self.bar.locator(".name")).to_contain_text(name)
        eventually(lambda: self.element("!element.paused && element.readyState > 2"))

    def element(self, expression: str) -> object:
        return self.bar.locator("audio, video").evaluate(f"element => {expression}")

    def end(self) -> None:
        """Goes to where the song is about to end."""
        self.element("element.currentTime = element.duration - 0.1")


def opened(open_page: OpenPage, stage: Stage, **more: object) -> Player:
    page = open_page(stage.address, **more)
    page.route("**/media/m*", answer_in_parts)
    expect(page.locator(".row").first).to_be_visible()
    return Player(page)


def answer_in_parts(route: Route) -> None:
    answer_with(_SILENCE, route)


def answer_with(song: bytes, route: Route) -> None:
    """In parts, as the server does; seeking needs it."""
    start = int(route.request.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
    part = {"Content-Range": f"bytes {start}-{len(song) - 1}/{len(song)}", "Accept-Ranges": "bytes"}
    route.fulfill(status=206, headers=part, content_type="audio/wav", body=song[start:])


def complaints(page: Page) -> object:
    """What axe says of the player; of the lists a bar may cover half a button, which is scrolled to."""
    page.evaluate(_AXE)
    return page.evaluate("rules => axe.run('.player', { runOnly: rules }).then(({ violations }) => violations)", RULES)


def test_the_playlist_goes_on_through_the_songs_and_stops_after_the_last(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage)
    player.start(SONGS[2])
    player.end()
    player.plays(LAST)
    expect(player.page.locator(".row.playing")).to_contain_text(LAST)
    player.end()
    eventually(lambda: player.element("element.ended"))
    expect(player.button("Play")).to_be_visible()
    player.button("Next").click()
    player.plays(FIRST)
    player.button("Previous").click()
    player.plays(LAST)
    player.page.context.close()


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_the_playlist_goes_on_beyond_what_the_page_shows_of_the_library(
    open_page: OpenPage, stage: Stage, is_shuffled: bool
) -> None:
    songs = [{**LIBRARY[3], "id": f"m{number}", "name": f"song {number}.wav"} for number in range(1, 9)]

    def answer(route: Route) -> None:
        more = "cursor=" in route.request.url
        route.fulfill(json={"media": songs[2:] if more else songs[:2], "next_cursor": None if more else "2"})

    page = open_page("about:blank")
    page.add_init_script(f"localStorage['balanza.player'] = '{{\"isShuffled\": {str(is_shuffled).lower()}}}'")
    page.route("**/media/m*", answer_in_parts)
    page.route("**/media?*limit=50*", answer)
    page.goto(stage.address)
    rows = page.locator(".row")
    expect(rows).to_have_count(2)
    player = Player(page)
    player.start("song 1.wav")
    expect(rows).to_have_count(2)
    player.end()
    player.plays("song 2.wav")
    expect(rows).to_have_count(8)
    heard = []
    for _ in songs[2:]:
        player.button("Next").click()
        heard.append(player.bar.locator(".name").inner_text())
    assert sorted(heard) == [song["name"] for song in songs[2:]]
    page.context.close()


def test_the_next_song_is_loaded_before_this_one_ends(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage)
    asked: list[str] = []
    player.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    player.start(FIRST)
    assert "m7" not in asked
    player.element("element.currentTime = element.duration - 10")
    eventually(lambda: player.page.evaluate("0") == 0 and "m7" in asked)
    before = len(asked)
    player.end()
    player.plays(SONGS[1])
    assert asked[before:] == []
    player.page.context.close()


_HEAR = """
() => {
  const [Own, elements, spans] = [window.Audio, [], new Map()];
  window.Audio = function () {
    const made = new Own();
    elements.push(made);
    return made;
  };
  setInterval(() => {
    for (const { src, currentTime, duration, paused, playbackRate } of elements) {
      if (paused || currentTime < 0.15 || currentTime >= duration) continue; // until it is heard, its clock stands
      const now = performance.now();
      const span = spans.get(src) ?? { begin: now - (1000 * currentTime) / playbackRate };
      spans.set(src, { ...span, end: now + (1000 * (duration - currentTime)) / playbackRate });
    }
  }, 4);
  window.gaps = () => [...spans.values()].map(({ end }, at, all) => all[at + 1]?.begin - end).slice(0, -1);
}
"""
"""Notes when the sound of each song began and ended, by the clock of its element, which follows what is heard."""


def test_the_next_song_is_heard_as_this_one_ends_at_any_speed(open_page: OpenPage, stage: Stage) -> None:
    """Measured: 110 ms when the next one waited for the end of this one, now -6 to 24 ms; sound goes out by 23 ms."""
    player = opened(open_page, stage)
    song = silence(rate_hz=44_100, seconds=8)  # of a slower rate Chromium takes larger pieces
    player.page.route("**/media/m*", lambda route: answer_with(song, route))
    player.page.evaluate(_HEAR)
    player.start(FIRST)
    player.element("element.currentTime = element.duration - 1")
    player.plays(SONGS[1])
    eventually(lambda: player.element("element.currentTime > 0.3"))
    player.bar.get_by_role("combobox", name="Speed").select_option("1.5")
    player.element("element.currentTime = element.duration - 0.3")
    player.element("element.currentTime = 5")  # before it has ended, as the next one is about to begin
    player.element("element.currentTime = element.duration - 1.5")
    player.plays(SONGS[2])
    eventually(lambda: player.element("element.currentTime > 0.3"))
    gaps = player.page.evaluate("gaps()")
    assert len(gaps) == 2
    assert min(map(abs, gaps)) < 50  # one may be late, on a machine that is busy with other tests
    player.page.context.close()


def test_the_list_or_one_song_is_repeated_and_shuffled_songs_all_come_once(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage)
    player.start(LAST)
    player.button("Repeat: off").click()
    player.end()
    player.plays(FIRST)
    player.button("Repeat: the list").click()
    player.end()
    eventually(lambda: player.element("!element.paused && element.currentTime < 5"))
    player.plays(FIRST)
    player.button("Shuffle").click()
    expect(player.button("Shuffle")).to_have_attribute("aria-pressed", "true")
    heard = [player.bar.locator(".name").inner_text()]
    for _ in SONGS[1:]:
        player.button("Next").click()
        expect(player.bar.locator(".name")).not_to_have_text(heard[-1])
        heard.append(player.bar.locator(".name").inner_text())
    assert len(set(heard)) == len(SONGS)
    player.page.context.close()


def test_the_systems_keys_and_lock_screen_know_what_plays(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage)
    player.page.evaluate(
        """() => {
          window.orders = {};
          const own = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession);
          navigator.mediaSession.setActionHandler = (action, order) => { orders[action] = order; own(action, order); };
        }"""
    )
    player.start(FIRST)
    session = "(({ metadata, playbackState }) => [metadata?.title, playbackState])(navigator.mediaSession)"
    eventually(lambda: player.page.evaluate(session) == [FIRST, "playing"])
    player.page.evaluate("orders.seekto({ seekTime: 15 })")
    eventually(lambda: player.element("element.currentTime >= 15"))
    player.page.evaluate("orders.pause()")
    eventually(lambda: player.page.evaluate(session) == [FIRST, "paused"])
    player.page.evaluate("orders.play(); orders.nexttrack()")
    player.plays(SONGS[1])
    player.start("holiday.mkv")
    eventually(lambda: player.page.evaluate(session) == ["holiday.mkv", "playing"])
    assert player.page.evaluate("orders.nexttrack") is None
    player.button("Close the player").click()
    eventually(lambda: player.page.evaluate(session) == [None, "none"])
    player.page.context.close()


def test_keys_steer_the_player_that_has_the_focus_and_are_not_taken_from_inputs(
    open_page: OpenPage, stage: Stage
) -> None:
    player = opened(open_page, stage)
    player.start(FIRST)
    keyboard = player.page.keyboard
    keyboard.press("n")
    player.plays(FIRST)
    player.bar.focus()
    keyboard.press("Space")
    eventually(lambda: player.element("element.paused"))
    player.element("element.currentTime = 20")
    keyboard.press("ArrowRight")
    assert player.element("element.currentTime") == 25
    player.bar.get_by_role("slider", name="Position").focus()
    keyboard.press("ArrowLeft")
    assert player.element("element.currentTime") == 20
    keyboard.press("k")
    keyboard.press("m")
    eventually(lambda: player.element("!element.paused && element.muted"))
    keyboard.press("n")
    player.plays(SONGS[1])
    keyboard.press("p")
    player.plays(FIRST)
    player.bar.get_by_role("combobox", name="Speed").focus()
    keyboard.press("n")
    player.button("Pause").focus()
    keyboard.press("Space")
    player.button("Play").wait_for()
    expect(player.bar.locator(".name")).to_have_text(FIRST)
    player.page.context.close()


def test_the_seek_bar_says_and_changes_where_the_song_is(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage, language="es-ES", width=360)
    player.bar = player.page.get_by_role("region", name="Reproductor")
    player.page.get_by_role("button", name=f"Reproducir {FIRST}").first.click()
    way = player.bar.get_by_role("slider", name="Posición")
    expect(way).to_be_enabled()
    way.fill("22")
    eventually(lambda: player.element("element.currentTime >= 22"))
    player.button("Pausa").click()
    expect(player.bar.locator(".facts")).to_have_text("0:22 / 0:40")
    expect(way).to_have_attribute("aria-valuetext", "0:22 de 0:40")
    player.page.context.close()


def test_speed_and_volume_are_remembered(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage)
    player.start(FIRST)
    player.bar.get_by_role("combobox", name="Speed").select_option("1.5")
    player.bar.get_by_role("slider", name="Volume").fill("0.4")
    assert player.element("[element.playbackRate, element.volume]") == [1.5, 0.4]
    player.page.reload()
    for name in (FIRST, "holiday.mkv"):
        player.start(name)
        assert player.element("[element.playbackRate, element.volume]") == [1.5, 0.4]
    expect(player.bar.get_by_role("combobox", name="Speed")).to_have_value("1.5")
    player.page.context.close()


def test_a_song_that_cannot_be_played_is_passed_over_unless_somebody_chose_it(
    open_page: OpenPage, stage: Stage
) -> None:
    player = opened(open_page, stage, expected=REFUSED)
    player.page.route("**/media/m7", lambda route: route.fulfill(body="no sound", content_type="audio/wav"))
    for gone in ("**/media/m6", "**/media/m7/preview"):
        player.page.route(gone, lambda route: route.fulfill(status=404, json={"status": 404}))
    player.start(FIRST)
    player.button("Next").click()
    player.plays(LAST)
    expect(player.page.locator(".notice").first).to_contain_text("no preview of it could be made.")
    expect(player.page.locator(".notice").last).to_contain_text("was skipped: it has been deleted.")
    player.page.get_by_role("button", name=f"Play {SONGS[1]}").click()
    expect(player.bar.get_by_role("alert")).to_contain_text("This browser cannot play this kind of file, and")
    expect(player.bar.get_by_role("alert").get_by_role("button", name="Convert")).to_be_visible()
    assert complaints(player.page) == []
    player.button("Previous").click()
    player.plays(FIRST)
    player.page.context.close()


def test_a_song_goes_on_once_the_server_is_back(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage, expected=REFUSED)
    player.start(FIRST)
    for name, back in (
        (SONGS[1], lambda: player.button("Play").click()),
        (SONGS[2], lambda: player.page.evaluate(_BACK_ONLINE)),
    ):
        player.page.route("**/media/m*", lambda route: route.abort())
        player.button("Next").click()
        expect(player.bar.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        player.page.unroute("**/media/m*")
        player.page.route("**/media/m*", answer_in_parts)
        back()
        player.plays(name)
    player.page.context.close()


def test_a_film_has_full_screen_and_picture_in_picture(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage)
    player.start("holiday.mkv")
    assert complaints(player.page) == []
    player.button("Full screen").click()
    eventually(lambda: player.page.evaluate("document.fullscreenElement?.localName") == "video")
    player.page.evaluate("document.exitFullscreen()")
    has_window = player.page.evaluate("Boolean(document.pictureInPictureEnabled)")
    expect(player.button("Picture in picture")).to_have_count(int(has_window))
    player.page.context.close()


def test_the_bar_covers_nothing_and_takes_two_rows_at_most(open_page: OpenPage, stage: Stage) -> None:
    player = opened(open_page, stage, height=640)
    player.start(FIRST)
    for width, most in ((360, 120), (1440, 64)):
        player.page.set_viewport_size({"width": width, "height": 640})
        player.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        main, bar = (player.page.locator(one).bounding_box() for one in ("main", ".player"))
        assert main
        assert bar
        assert bar["height"] <= most
        assert main["y"] + main["height"] <= bar["y"] + 0.5
    player.page.context.close()
