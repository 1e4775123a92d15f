from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from balanza.store import library
from balanza.store.search import list_media
from tests.store.scene import START, Scene, a_media


def test_media_come_out_as_they_went_in(scene: Scene) -> None:
    media = a_media("film", name="película 🎬.mkv", at=START + timedelta(microseconds=1))
    scene.do(library.insert, media)

    assert scene.see(library.get, "film") == media
    assert scene.do(library.get, "film", lock=True) == media
    assert scene.see(library.get, "nothing") is None


def test_two_media_never_share_an_id_or_their_bytes(scene: Scene) -> None:
    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.do(library.insert, a_media("song"))


def test_equal_names_are_told_apart_by_their_ids(scene: Scene) -> None:
    scene.do(library.insert, a_media("another"))
    scene.do(library.insert, a_media("film", name="film.mkv"))

    assert [media.id for media in scene.see(library.by_name, "song.mp3", owner_id="local")] == ["song", "another"]
    scene.do(library.mark_deleted, "song", START)
    assert [media.id for media in scene.see(library.by_name, "song.mp3", owner_id="local")] == ["another"]
    assert scene.see(library.by_name, "SONG.MP3", owner_id="local") == []


def test_of_many_media_of_one_name_only_the_oldest_few_are_read(scene: Scene) -> None:
    for number in range(9):
        scene.do(library.insert, a_media(f"media {number}", name="same.mp3"))

    assert [media.id for media in scene.see(library.by_name, "same.mp3", owner_id="local", limit=2)] == [
        "media 0",
        "media 1",
    ]
    assert len(scene.see(library.by_name, "same.mp3", owner_id="local")) == 6


def test_a_name_with_a_nul_in_it_can_be_stored_and_found(scene: Scene) -> None:
    scene.do(library.insert, a_media("odd", name="so\0ng.mp3"))

    assert [media.name for media in scene.see(library.by_name, "so\0ng.mp3", owner_id="local")] == ["so�ng.mp3"]


def test_the_library_is_listed_newest_first_page_by_page_without_the_deleted(scene: Scene) -> None:
    for number in range(5):
        scene.do(library.insert, a_media(f"media {number}"))
    scene.do(library.mark_deleted, "media 2", START)

    first = scene.see(list_media, owner_id="local", before=None, limit=3)
    second = scene.see(list_media, owner_id="local", before=first[-1].id, limit=3)

    assert [media.id for media in first] == ["media 4", "media 3", "media 1"]
    assert [media.id for media in second] == ["media 0", "song"]
    assert scene.see(list_media, owner_id="local", before="nothing", limit=3) == []


def test_a_page_can_begin_after_media_that_were_deleted_since(scene: Scene) -> None:
    scene.do(library.insert, a_media("newer"))
    scene.do(library.mark_deleted, "newer", START)

    assert [media.id for media in scene.see(list_media, owner_id="local", before="newer", limit=3)] == ["song"]


def test_deleted_media_are_known_but_gone_and_their_bytes_go_later(scene: Scene) -> None:
    scene.do(library.insert, a_media("film"))
    assert scene.do(library.mark_deleted, "film", START + timedelta(seconds=1))
    assert scene.do(library.mark_deleted, "song", START)

    deleted = scene.see(library.get, "film")
    assert deleted is not None
    assert deleted.deleted_at == START + timedelta(seconds=1)
    assert scene.see(library.deleted_keys, 10) == [("song", "key-song"), ("film", "key-film")]
    assert scene.see(library.deleted_keys, 1) == [("song", "key-song")]
    scene.do(library.mark_purged, "song")
    assert scene.see(library.deleted_keys, 10) == [("film", "key-film")]


def test_what_is_in_the_trash_is_listed_there_alone_the_last_first(scene: Scene) -> None:
    for number in range(4):
        scene.do(library.insert, a_media(f"media {number}"))
    for seconds, number in enumerate((2, 0, 3)):
        assert scene.do(library.put_into_trash, f"media {number}", START + timedelta(seconds=seconds))

    first = scene.see(library.list_trash, owner_id="local", before=None, limit=2)
    second = scene.see(library.list_trash, owner_id="local", before=first[-1].id, limit=2)

    assert [media.id for media in first + second] == ["media 3", "media 0", "media 2"]
    assert [media.trashed_at for media in second] == [START]
    assert [media.id for media in scene.see(list_media, owner_id="local", before=None, limit=9)] == [
        "media 1",
        "song",
    ]
    assert [media.id for media in scene.see(library.by_name, "song.mp3", owner_id="local")] == ["song", "media 1"]


def test_those_put_into_the_trash_at_one_moment_are_listed_once_each(scene: Scene) -> None:
    for number in range(3):
        scene.do(library.insert, a_media(f"media {number}"))
        scene.do(library.put_into_trash, f"media {number}", START)

    first = scene.see(library.list_trash, owner_id="local", before=None, limit=2)
    second = scene.see(library.list_trash, owner_id="local", before=first[-1].id, limit=2)
    assert [media.id for media in first + second] == ["media 2", "media 1", "media 0"]


def test_media_are_restored_as_they_were_and_once(scene: Scene) -> None:
    before = scene.see(library.get, "song")
    scene.do(library.put_into_trash, "song", START)
    assert scene.do(library.restore, "song")

    assert scene.see(library.get, "song") == before
    with scene.unchanged():
        assert not scene.do(library.restore, "song")
        assert not scene.do(library.restore, "nothing")


def test_media_are_put_into_the_trash_once_and_not_when_deleted(scene: Scene) -> None:
    scene.do(library.insert, a_media("film"))
    scene.do(library.put_into_trash, "song", START)
    scene.do(library.mark_deleted, "film", START)

    with scene.unchanged():
        assert not scene.do(library.put_into_trash, "song", START + timedelta(days=1))
        assert not scene.do(library.put_into_trash, "film", START)
        assert not scene.do(library.put_into_trash, "nothing", START)


def test_what_was_deleted_from_the_trash_is_there_no_more(scene: Scene) -> None:
    scene.do(library.put_into_trash, "song", START)
    scene.do(library.mark_deleted, "song", START + timedelta(days=1))

    assert scene.see(library.list_trash, owner_id="local", before=None, limit=9) == []
    assert scene.do(library.trashed_until, START + timedelta(days=9), 9) == []
    with scene.unchanged():
        assert not scene.do(library.restore, "song")


def test_only_what_was_in_the_trash_for_long_is_to_be_deleted(scene: Scene) -> None:
    for number in range(3):
        scene.do(library.insert, a_media(f"media {number}"))
        scene.do(library.put_into_trash, f"media {number}", START + timedelta(days=number))

    assert [media.id for media in scene.do(library.trashed_until, START + timedelta(days=1), 9)] == [
        "media 0",
        "media 1",
    ]
    assert [media.id for media in scene.do(library.trashed_until, START + timedelta(days=1), 1)] == ["media 0"]
    assert scene.see(library.known_keys, ["key-media 0"]) == {"key-media 0"}


def test_media_are_deleted_once(scene: Scene) -> None:
    scene.do(library.mark_deleted, "song", START)

    with scene.unchanged():
        assert not scene.do(library.mark_deleted, "song", START + timedelta(seconds=1))
        assert not scene.do(library.mark_deleted, "nothing", START)


def test_media_that_are_not_deleted_cannot_be_purged(scene: Scene) -> None:
    with scene.unchanged():
        scene.do(library.mark_purged, "song")


def test_known_keys_are_those_of_media_that_have_bytes_and_of_running_attempts(scene: Scene) -> None:
    scene.worker()
    scene.do(library.insert, a_media("deleted"))
    scene.do(library.insert, a_media("purged"))
    scene.do(library.mark_deleted, "deleted", START)
    scene.do(library.mark_deleted, "purged", START)
    scene.do(library.mark_purged, "purged")
    scene.submit()
    scene.leased(token="first")
    scene.release("first")
    scene.leased()
    owned = {"key-song", "key-song-p12", "key-deleted", "result-job-2", "result-job-2-p0"}
    others = ["key-purged", "key-purged-p0", "result-job-1", "result-job-1-p0", "result-job-1-2", "key-song-pp"]
    keys = [*owned, *others, *map(str, range(3000))]

    assert scene.see(library.known_keys, keys) == owned
    assert scene.see(library.known_keys, []) == set()
