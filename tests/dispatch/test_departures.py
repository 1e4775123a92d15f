"""What becomes of the jobs and files of whoever is disabled or deleted, on each database."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from balanza.dispatch import signals
from balanza.dispatch.accounts import Accounts, Newcomer
from balanza.dispatch.derived import Derivations
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.endings import Ended
from balanza.dispatch.library import Library
from balanza.dispatch.login import Caller, Login
from balanza.dispatch.sharing import Sharing, Terms
from balanza.dispatch.uploads import Uploads
from balanza.errors import Conflict, LeaseLost, LoginNeeded, NotFound, WrongLogin
from balanza.lifecycle import JobStatus
from balanza.media.probe import Prober
from balanza.model import LOCAL_USER, JobKind, Role, User, piece_key, result_key
from balanza.store import accounts as store
from balanza.store import departed, jobs
from balanza.store.accounts import Usage
from balanza.store.database import Database
from balanza.store.metadata import metadata
from tests.dispatch.conftest import World
from tests.dispatch.test_accounts import accounts
from tests.server.stand import wav
from tests.store import invariants

__all__ = ["accounts"]
PASSWORD = "a word after another"


@pytest.fixture
def ana(accounts: Accounts) -> User:
    """The first administrator, to whom all belongs that is in the world."""
    return accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)


@pytest.fixture
def eva(accounts: Accounts, ana: User) -> User:
    """Another one, so that Ana may go."""
    return accounts.add(Newcomer("eva", PASSWORD), Role.ADMIN)


@pytest.fixture
def uploads(world: World) -> Iterator[Uploads]:
    with closing(Prober()) as prober:
        yield Uploads(world.desk, Library(world.desk, prober))


def test_whoever_is_disabled_keeps_no_worker_busy(world: World, accounts: Accounts, ana: User, eva: User) -> None:
    world.join("a")
    song = world.song()
    running, *pending = [world.submit(song.id) for _ in range(4)]
    assert world.desk.database.read(lambda tx: jobs.live_jobs_of_owner(tx, ana.id, 2)) == [running.id, pending[0].id]
    grant = world.granted("a")
    Derivations(world.desk).get(song.id, JobKind.WAVEFORM, {})

    after, used = accounts.change(ana.id, disabled=True)

    assert after.disabled_at is not None
    assert used.live_jobs == 0
    assert {world.job(job.id).status for job in (running, *pending)} == {JobStatus.CANCELLED}
    assert world.desk.database.read(lambda tx: jobs.live_jobs_of_owner(tx, ana.id, 10)) == []
    assert (world.worker("a").running_jobs, world.worker("a").assigned_jobs) == (0, 0)
    with pytest.raises(LeaseLost):
        world.finish(grant)
    invariants.check(world.desk.database)


def test_what_was_stored_of_a_running_preview_goes_with_whoever_is_disabled(
    world: World, accounts: Accounts, ana: User, eva: User
) -> None:
    song = world.song()
    world.join("a", encoders=["libx264", "aac"])
    Derivations(world.desk).preview(song.id)
    grant = world.granted("a")
    piece = world.desk.storage.writer(piece_key(grant.output_key, 0))
    piece.write(b"sound")
    piece.commit()
    world.heard.clear()

    accounts.change(ana.id, disabled=True)

    assert world.stored() == {song.storage_key}
    assert signals.EVENTS in world.heard


def test_which_jobs_ended_with_an_account_is_told(world: World, accounts: Accounts, ana: User, eva: User) -> None:
    settled: list[Ended] = []
    world.join("a")
    running = world.submit()
    world.granted("a")

    Accounts(world.desk.database, world.desk.settings, world.clock, settled.append).change(ana.id, disabled=True)

    assert [(job.id, job.status) for ended in settled for job in ended.jobs] == [(running.id, JobStatus.CANCELLED)]


def test_more_jobs_than_fit_into_one_transaction_are_cancelled(
    world: World, accounts: Accounts, ana: User, eva: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.endings.CANCELLED_AT_ONCE", 2)
    song = world.song().id
    made = [world.submit(song) for _ in range(4)]

    accounts.change(ana.id, disabled=True)

    assert {world.job(job.id).status for job in made} == {JobStatus.CANCELLED}


def test_what_was_asked_just_before_one_was_disabled_brings_nothing_new(
    world: World, accounts: Accounts, ana: User, eva: User
) -> None:
    desk = replace(world.desk, settings=world.desk.settings.model_copy(update={"auth": "on"}))
    song = world.song()
    with closing(Prober()) as prober:
        late = Library(desk, prober).receive("late.wav")
        late.write(wav())
        accounts.change(ana.id, disabled=True)

        with pytest.raises(LoginNeeded):
            Dispatcher(desk).submit(Submission(song.id, "mp3", {}))
        for kind in (JobKind.WAVEFORM, JobKind.PREVIEW):
            with pytest.raises(LoginNeeded):
                Derivations(desk).get(song.id, kind, {})
        with pytest.raises(LoginNeeded):
            late.finish()

    assert world.stored() == {song.storage_key}
    assert world.desk.database.read(lambda tx: jobs.live_derivations_of(tx, song.id)) == []


@pytest.mark.parametrize("rows_at_once", [1, 1000])
def test_of_whoever_is_deleted_nothing_is_left(
    world: World,
    accounts: Accounts,
    uploads: Uploads,
    ana: User,
    eva: User,
    rows_at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("balanza.dispatch.departures.ROWS_AT_ONCE", rows_at_once)
    world.join("a")
    song = world.song("the diary of ana.wav")
    completed, failed, running = (world.submit(song.id) for _ in range(3))
    world.finish(world.granted("a"))
    while world.job(failed.id).status is not JobStatus.FAILED:
        world.fail_once("a", "the diary of ana.wav is broken")
    grant = world.granted("a")
    share, token = Sharing(world.desk).share(song.id, Terms(60))
    upload = uploads.begin("the diary of ana.wav", 5, "ana")
    invited, _ = accounts.invite(Role.USER, timedelta(hours=1), ana.id)

    unfinished = accounts.remove(ana.id)

    assert unfinished == [upload.id]
    assert world.stored() == {song.storage_key, result_key(completed.id, 1)}
    world.let_pass(1)
    assert world.stored() == set()
    with pytest.raises(LeaseLost):
        world.finish(grant)
    invariants.check(world.desk.database)
    assert "diary" not in dump(world.desk.database)
    assert accounts.list_users() == [(eva, Usage())]
    assert world.job(running.id).status is JobStatus.CANCELLED
    assert share.id not in dump(world.desk.database)
    assert invited.id not in dump(world.desk.database)
    with pytest.raises(NotFound):
        Sharing(world.desk).look(token)


def test_an_account_that_is_enabled_again_meanwhile_is_not_deleted(
    world: World, accounts: Accounts, ana: User, eva: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    song, forget_jobs = world.song(), departed.forget_jobs

    def enable_first(tx: Connection, *arguments: Any) -> int:
        store.change(tx, ana.id, disabled_at=None)
        return forget_jobs(tx, *arguments)

    monkeypatch.setattr(departed, "forget_jobs", enable_first)

    with pytest.raises(Conflict, match="enabled again"):
        accounts.remove(ana.id)

    assert accounts.look(ana.id)[1].files == 1
    assert world.stored() == {song.storage_key}


def test_whoever_logs_in_while_they_are_deleted_is_in_no_session(
    world: World, accounts: Accounts, ana: User, eva: User
) -> None:
    login = Login(world.desk.database, accounts, world.clock)
    user = login.log_in("ana", PASSWORD, Caller("127.0.0.1"))
    accounts.change(ana.id, disabled=True)

    with pytest.raises(WrongLogin):
        login.start_session(user, Caller("127.0.0.1"))
    accounts.remove(ana.id)
    with pytest.raises(WrongLogin):
        login.start_session(user, Caller("127.0.0.1"))


def test_whoever_becomes_the_first_administrator_again_gets_nothing_of_the_one_before(
    world: World, accounts: Accounts, ana: User, eva: User
) -> None:
    job = world.submit(world.song().id)
    accounts.remove(ana.id)

    again = accounts.add(Newcomer("ana", PASSWORD), Role.ADMIN)

    assert again.id == ana.id == LOCAL_USER
    assert accounts.look(again.id)[1] == Usage()
    with pytest.raises(NotFound):
        world.dispatcher.retry(job.id)


def test_the_sweep_removes_what_was_not_removed_at_once(
    world: World, accounts: Accounts, ana: User, eva: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.upkeep.PURGED_AT_ONCE", 2)
    for number in range(5):
        world.song(f"{number}.wav")
    accounts.remove(ana.id)

    left = []
    for _ in range(3):
        world.let_pass(1)
        left.append(len(world.stored()))

    assert left == [3, 1, 0]  # what leases wait for meanwhile is never more than that


def test_the_last_administrator_is_not_deleted(world: World, accounts: Accounts, ana: User) -> None:
    song = world.song()

    with pytest.raises(Conflict):
        accounts.remove(ana.id)

    assert accounts.look(ana.id)[0] == ana
    assert world.stored() == {song.storage_key}


def dump(database: Database) -> str:
    """All that the database knows, as text."""
    return database.read(lambda tx: repr([tx.execute(select(table)).all() for table in metadata.sorted_tables]))
