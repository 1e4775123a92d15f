"""Links to single files: who has one gets that file and nothing else, for as long and as often as was said."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from balanza.dispatch import passwords
from balanza.dispatch.sharing import ATTEMPTS, MOST_KEYS, UNLOCKED_FOR, Sharing, Terms
from balanza.dispatch.upkeep import SHARES_KEPT, SWEEP_EVERY
from balanza.errors import (
    BalanzaError,
    Gone,
    InvalidRequest,
    NotFound,
    PasswordNeeded,
    TooManyAttempts,
    UsedUp,
    WrongPassword,
)
from balanza.model import Share
from balanza.store import library, shares
from tests.dispatch.conftest import World
from tests.store.test_races import together

T = TypeVar("T")
HOUR = Terms(3600)
LOCKED = Terms(3600, password="café con leche")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm with less work: what it costs is measured nowhere here."""
    quick = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)])
    monkeypatch.setattr(passwords, "_ARGON2", quick)


@pytest.fixture
def sharing(world: World) -> Sharing:
    return Sharing(world.desk)


def sentence_of(call: Callable[[], object], kind: type[BalanzaError]) -> str:
    with pytest.raises(kind) as raised:
        call()
    assert raised.value.sentence.endswith(".")
    return raised.value.sentence


def test_a_link_opens_its_file_and_its_token_is_kept_nowhere(world: World, sharing: Sharing) -> None:
    song = world.song()
    share, token = sharing.share(song.id, HOUR)

    assert sharing.open(token, None) == (share, song)
    assert share.expires_at == world.clock.now + timedelta(hours=1)
    assert len(token) == 22
    assert token not in repr(world.desk.database.read(lambda tx: shares.get(tx, share.id)))


def test_every_link_has_a_token_of_its_own(world: World, sharing: Sharing) -> None:
    song = world.song()
    assert len({sharing.share(song.id, HOUR)[1] for _ in range(20)}) == 20


def test_what_is_not_there_cannot_be_shared(world: World, sharing: Sharing) -> None:
    song = world.song("gone.wav")
    world.desk.database.write(lambda tx: library.mark_deleted(tx, song.id, world.clock.now))

    assert "nobody" in sentence_of(lambda: sharing.share("nobody", HOUR), NotFound)
    assert "gone.wav" in sentence_of(lambda: sharing.share(song.id, HOUR), Gone)


def test_whatever_opens_nothing_is_answered_alike(world: World, sharing: Sharing) -> None:
    song, deleted = world.song("secret name.wav"), world.song("secret name.wav")
    revoked, revoked_token = sharing.share(song.id, LOCKED)
    sharing.revoke(revoked.id)
    deleted_token = sharing.share(deleted.id, HOUR)[1]
    world.desk.database.write(lambda tx: library.mark_deleted(tx, deleted.id, world.clock.now))
    expired_token = sharing.share(song.id, Terms(60, password="x"))[1]
    world.clock.pass_seconds(60)

    said = {
        sentence_of(partial(call, token, "x"), NotFound)
        for token in ("", "nothing", "ñ", "\udcff", revoked_token, deleted_token, expired_token)
        for call in (sharing.open, sharing.unlock)
    }
    assert len(said) == 1
    assert "secret" not in said.pop()


def test_a_locked_link_opens_with_the_password_alone(world: World, sharing: Sharing) -> None:
    share, token = sharing.share(world.song().id, LOCKED)
    other = sharing.share(world.song().id, LOCKED)[1]

    sentence_of(lambda: sharing.open(token, None), PasswordNeeded)
    sentence_of(lambda: sharing.open(token, "guessed"), PasswordNeeded)
    sentence_of(lambda: sharing.unlock(token, "Café con leche"), WrongPassword)
    key = sharing.unlock(token, "cafe\u0301 con leche")  # the accent as a character of its own
    assert sharing.open(token, key)[0] == share
    sentence_of(lambda: sharing.open(other, key), PasswordNeeded)
    assert "leche" not in repr(share)


def test_a_link_without_a_password_takes_any(world: World, sharing: Sharing) -> None:
    token = sharing.share(world.song().id, HOUR)[1]
    assert sharing.unlock(token, "anything") is None


def test_what_was_unlocked_stays_so_while_it_is_used_and_does_not_outlive_the_server(
    world: World, sharing: Sharing
) -> None:
    token = sharing.share(world.song().id, Terms(24 * 3600, password="x"))[1]
    key = sharing.unlock(token, "x")
    for _ in range(5):
        world.clock.pass_seconds(UNLOCKED_FOR.total_seconds())
        sharing.open(token, key)

    sentence_of(lambda: Sharing(world.desk).open(token, key), PasswordNeeded)
    world.clock.pass_seconds(UNLOCKED_FOR.total_seconds() + 1)
    sentence_of(lambda: sharing.open(token, key), PasswordNeeded)


def test_a_key_opens_nothing_once_its_link_is_revoked(world: World, sharing: Sharing) -> None:
    share, token = sharing.share(world.song().id, LOCKED)
    key = sharing.unlock(token, "café con leche")
    sharing.revoke(share.id)
    sentence_of(lambda: sharing.open(token, key), NotFound)


def test_of_too_many_keys_the_one_longest_unused_is_forgotten(
    world: World, sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.sharing.MOST_KEYS", 2)
    assert MOST_KEYS > 1000
    token = sharing.share(world.song().id, LOCKED)[1]
    first, second = (sharing.unlock(token, "café con leche") for _ in range(2))
    sharing.open(token, first)
    third = sharing.unlock(token, "café con leche")

    for key in (first, third):
        sharing.open(token, key)
    sentence_of(lambda: sharing.open(token, second), PasswordNeeded)


def test_passwords_are_tried_ten_times_a_minute_on_each_link(
    world: World, sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = world.song().id
    token, other = (sharing.share(song, LOCKED)[1] for _ in range(2))
    monkeypatch.setattr(passwords, "is_right", lambda typed, kept: typed == "right")
    for _ in range(ATTEMPTS):
        world.clock.pass_seconds(1)
        sentence_of(lambda: sharing.unlock(token, "wrong"), WrongPassword)

    with pytest.raises(TooManyAttempts) as raised:
        sharing.unlock(token, "right")
    assert raised.value.retry_after_seconds == 51
    assert "51 seconds" in raised.value.sentence
    assert sharing.unlock(other, "right")
    world.clock.pass_seconds(50.5)
    sentence_of(lambda: sharing.unlock(token, "right"), TooManyAttempts)
    world.clock.pass_seconds(0.5)
    sentence_of(lambda: sharing.unlock(token, "wrong"), WrongPassword)
    sentence_of(lambda: sharing.unlock(token, "right"), TooManyAttempts)


def test_those_who_know_the_password_do_not_keep_each_other_out(
    world: World, sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sharing.share(world.song().id, LOCKED)[1]
    monkeypatch.setattr(passwords, "is_right", lambda typed, kept: typed == "right")
    for _ in range(ATTEMPTS - 1):
        sentence_of(lambda: sharing.unlock(token, "wrong"), WrongPassword)

    assert len({sharing.unlock(token, "right") for _ in range(ATTEMPTS + 1)}) == ATTEMPTS + 1
    sentence_of(lambda: sharing.unlock(token, "wrong"), WrongPassword)
    sentence_of(lambda: sharing.unlock(token, "right"), TooManyAttempts)


def test_downloads_are_allowed_as_often_as_was_said_also_at_once(world: World, sharing: Sharing) -> None:
    share, token = sharing.share(world.song().id, Terms(3600, most_downloads=3))

    def take() -> bool:
        try:
            sharing.take_download(share)
        except UsedUp:
            return False
        return True

    assert sum(together(*[take] * 8)) == 3
    sharing.refuse_used_up(share)  # as it was before
    share, _ = sharing.open(token, None)
    assert (share.downloads, share.is_used_up) == (3, True)
    assert "(3)" in sentence_of(lambda: sharing.refuse_used_up(share), UsedUp)


def test_a_link_that_ends_while_it_is_opened_gives_no_download(world: World, sharing: Sharing) -> None:
    share, _ = sharing.share(world.song().id, HOUR)
    sharing.revoke(share.id)
    sentence_of(lambda: sharing.take_download(share), NotFound)


def test_links_are_listed_by_file_with_those_that_have_ended(world: World, sharing: Sharing) -> None:
    song, film = world.song(), world.song("film.mkv")
    made: list[Share] = []
    for _ in range(3):
        world.clock.pass_seconds(1)
        made.insert(0, sharing.share(song.id, HOUR)[0])
    other, _ = sharing.share(film.id, HOUR)
    sharing.revoke(made[0].id)

    media, found = sharing.list_shares(song.id, before=None, limit=2)
    assert media == song
    assert [share.id for share in found] == [share.id for share in made[:2]]
    assert found[0].revoked_at == world.clock.now
    assert sharing.list_shares(song.id, before=found[-1].id, limit=2)[1] == [made[2]]
    for cursor in ("nothing", other.id):
        sentence_of(partial(sharing.list_shares, song.id, before=cursor, limit=2), InvalidRequest)
    sentence_of(lambda: sharing.list_shares("nobody", before=None, limit=2), NotFound)


def test_a_link_is_revoked_for_good_however_often_it_is_asked(world: World, sharing: Sharing) -> None:
    share, token = sharing.share(world.song().id, HOUR)
    sharing.revoke(share.id)
    at = world.clock.now
    world.clock.pass_seconds(5)
    sharing.revoke(share.id)

    sentence_of(lambda: sharing.open(token, None), NotFound)
    kept = world.desk.database.read(lambda tx: shares.get(tx, share.id))
    assert kept is not None
    assert kept.revoked_at == at
    assert "nothing" in sentence_of(lambda: sharing.revoke("nothing"), NotFound)


def test_links_that_ended_are_forgotten_a_week_later(world: World, sharing: Sharing) -> None:
    share, _ = sharing.share(world.song().id, HOUR)

    def kept() -> Share | None:
        return world.desk.database.read(lambda tx: shares.get(tx, share.id))

    world.clock.pass_seconds(3600 + SHARES_KEPT.total_seconds())
    world.upkeep.run_once()
    assert kept()
    world.clock.pass_seconds(SWEEP_EVERY.total_seconds())
    world.upkeep.run_once()
    assert kept() is None
