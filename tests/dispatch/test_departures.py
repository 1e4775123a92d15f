"""What becomes of the jobs and files of whoever is disabled or deleted, on each database."""

from contextlib import closing
from dataclasses import replace

import pytest

from balanza.dispatch.accounts import Accounts, Newcomer
from balanza.dispatch.derived import Derivations
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.library import Library
from balanza.errors import LeaseLost, LoginNeeded
from balanza.lifecycle import JobStatus
from balanza.media.probe import Prober
from balanza.model import JobKind, Role, User
from balanza.store import jobs
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


def test_more_jobs_than_fit_into_one_transaction_are_cancelled(
    world: World, accounts: Accounts, ana: User, eva: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.departures._JOBS_AT_ONCE", 2)
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
        with pytest.raises(LoginNeeded):
            late.finish()

    assert world.stored() == {song.storage_key}
