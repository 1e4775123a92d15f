from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from balanza.model import Share
from balanza.store import library, shares
from balanza.store.tables import media
from tests.store.scene import START, Scene, a_media
from tests.store.test_races import together

AN_HOUR = timedelta(hours=1)


def a_share(
    share_id: str = "share",
    *,
    media_id: str = "song",
    at: datetime = START,
    most: int | None = None,
    password_hash: str | None = None,
) -> Share:
    return Share(
        id=share_id,
        token_hash=share_id.rjust(64, "0"),
        media_id=media_id,
        created_at=at,
        expires_at=at + AN_HOUR,
        password_hash=password_hash,
        most_downloads=most,
    )


def shared(scene: Scene, **more: Any) -> Share:
    share = a_share(**more)
    scene.do(shares.insert, share)
    return share


def trash(tx: Connection) -> None:
    tx.execute(update(media).where(media.c.id == "song").values(trashed_at=START))


def delete(tx: Connection) -> None:
    library.mark_deleted(tx, "song", START)


def revoke(tx: Connection) -> None:
    shares.revoke(tx, "share", START)


def nothing(_: Connection) -> None:
    """Time alone."""


def test_a_share_opens_its_file_and_comes_out_as_it_went_in(scene: Scene) -> None:
    share = shared(scene, most=3, password_hash="$argon2id$…")

    assert scene.see(shares.opened, share.token_hash, START) == (share, a_media("song"))
    assert scene.see(shares.get, "share") == share
    assert scene.see(shares.get, "nothing") is None


@pytest.mark.parametrize(
    ("happens", "later"),
    [(revoke, 0), (delete, 0), (trash, 0), (nothing, 3600)],
    ids=["revoked", "deleted", "trashed", "expired"],
)
def test_a_share_that_has_ended_opens_nothing_more(
    scene: Scene, happens: Callable[[Connection], None], later: float
) -> None:
    share = shared(scene)
    now = START + timedelta(seconds=later)
    scene.database.write(happens)

    assert scene.see(shares.opened, share.token_hash, now) is None
    assert scene.see(shares.opened, "0" * 64, now) is None


def test_the_shares_of_one_file_are_listed_newest_first_page_by_page(scene: Scene) -> None:
    scene.do(library.insert, a_media("film"))
    shared(scene, share_id="of the film", media_id="film")
    for number in range(5):
        shared(scene, share_id=f"share {number}", at=START + timedelta(seconds=number // 2))

    first = scene.see(shares.list_shares, "song", before=None, limit=3)
    second = scene.see(shares.list_shares, "song", before=first[-1].id, limit=3)

    assert [share.id for share in first + second] == ["share 4", "share 3", "share 2", "share 1", "share 0"]
    assert scene.see(shares.list_shares, "nothing", before=None, limit=3) == []


def test_a_share_is_revoked_once(scene: Scene) -> None:
    shared(scene)

    assert scene.do(shares.revoke, "share", START)
    with scene.unchanged():
        assert not scene.do(shares.revoke, "share", START + AN_HOUR)
        assert not scene.do(shares.revoke, "nothing", START)


def test_downloads_are_counted_up_to_what_is_allowed(scene: Scene) -> None:
    shared(scene, most=2)

    assert [scene.do(shares.count_download, "share", START) for _ in range(4)] == [True, True, False, False]
    found = scene.see(shares.get, "share")
    assert found is not None
    assert (found.downloads, found.is_used_up) == (2, True)


def test_without_a_limit_every_download_is_counted_and_none_refused(scene: Scene) -> None:
    shared(scene)

    assert all(scene.do(shares.count_download, "share", START) for _ in range(4))
    found = scene.see(shares.get, "share")
    assert found is not None
    assert (found.downloads, found.is_used_up) == (4, False)


@pytest.mark.parametrize(("happens", "later"), [(revoke, 0), (nothing, 3600)], ids=["revoked", "expired"])
def test_a_share_that_has_ended_counts_nothing(
    scene: Scene, happens: Callable[[Connection], None], later: float
) -> None:
    shared(scene)
    scene.database.write(happens)

    with scene.unchanged():
        assert not scene.do(shares.count_download, "share", START + timedelta(seconds=later))
        assert not scene.do(shares.count_download, "nothing", START)


def test_of_many_downloads_at_once_no_more_than_allowed_are_counted(scene: Scene) -> None:
    for number in range(5):
        share = shared(scene, share_id=f"share {number}", most=3)
        counted = together(*(partial(scene.do, shares.count_download, share.id, START) for _ in range(8)))

        assert sum(counted) == 3
        assert scene.see(shares.get, share.id) == replace(share, downloads=3)


def test_shares_are_forgotten_a_while_after_they_ended(scene: Scene) -> None:
    shared(scene, share_id="old", at=START - 3 * AN_HOUR)
    shared(scene, share_id="young")
    shared(scene, share_id="revoked")
    scene.do(shares.revoke, "revoked", START - 2 * AN_HOUR)

    assert scene.do(shares.prune, START - AN_HOUR) == 2
    assert [share.id for share in scene.see(shares.list_shares, "song", before=None, limit=9)] == ["young"]


@pytest.mark.parametrize(
    "broken",
    [{"most_downloads": 0}, {"downloads": -1}, {"most_downloads": 2, "downloads": 3}, {"media_id": "nothing"}],
)
def test_the_database_refuses_shares_that_cannot_be(scene: Scene, broken: dict[str, Any]) -> None:
    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.do(shares.insert, replace(a_share(), **broken))


def test_no_two_shares_have_one_token(scene: Scene) -> None:
    share = shared(scene)
    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.do(shares.insert, replace(share, id="another"))
