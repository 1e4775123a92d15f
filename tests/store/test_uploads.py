"""What is known of uploads that are not complete yet."""

from dataclasses import replace
from datetime import timedelta

from balanza.store import library, uploads
from balanza.store.uploads import Resumable
from tests.store.scene import START, Scene, a_media

FILM = Resumable("film", "fi\0lm.mkv", 5_000_000_000, "filename ZmlsbQ==", START, START + timedelta(hours=24))
KEPT = replace(FILM, name="fi\N{REPLACEMENT CHARACTER}lm.mkv")


def test_an_upload_is_found_as_it_was_written(scene: Scene) -> None:
    scene.do(uploads.insert, FILM)

    assert scene.see(uploads.get, "film") == KEPT
    assert scene.see(uploads.get, "nothing") is None
    assert scene.see(uploads.known, ["film", "nothing"]) == {"film"}


def test_an_upload_that_goes_on_lives_longer(scene: Scene) -> None:
    scene.do(uploads.insert, FILM)
    later = START + timedelta(hours=30)

    assert scene.do(uploads.extend, "film", later)
    assert not scene.do(uploads.extend, "nothing", later)
    assert scene.see(uploads.get, "film") == replace(KEPT, expires_at=later)


def test_an_upload_is_finished_once_and_then_lives_no_longer(scene: Scene) -> None:
    scene.do(library.insert, a_media("film"))
    scene.do(uploads.insert, FILM)

    assert scene.do(uploads.finish, "film", "film")
    with scene.unchanged():
        assert not scene.do(uploads.finish, "film", "film")
        assert not scene.do(uploads.extend, "film", START + timedelta(days=9))
        assert not scene.do(uploads.finish, "nothing", "film")
    assert scene.see(uploads.get, "film") == replace(KEPT, media_id="film")


def test_an_upload_is_removed_once(scene: Scene) -> None:
    scene.do(uploads.insert, FILM)

    assert scene.do(uploads.remove, "film")
    assert not scene.do(uploads.remove, "film")
    assert scene.see(uploads.get, "film") is None


def test_the_expired_are_those_whose_time_is_over_longest_first(scene: Scene) -> None:
    for number in range(4):
        scene.do(uploads.insert, replace(FILM, id=f"u{number}", expires_at=START + timedelta(hours=4 - number)))

    assert scene.see(uploads.expired, START + timedelta(hours=3), 10) == ["u3", "u2", "u1"]
    assert scene.see(uploads.expired, START + timedelta(hours=3), 2) == ["u3", "u2"]
