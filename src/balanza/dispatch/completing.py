"""Publishing results: what workers say they have made is checked, then completed in one write transaction."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from balanza.dispatch import quotas
from balanza.dispatch.assignment import Move
from balanza.dispatch.desk import Desk
from balanza.dispatch.messages import lease_lost, result_of
from balanza.dispatch.predictions import Ran, learn
from balanza.dispatch.trust import judge
from balanza.errors import BalanzaError, Conflict
from balanza.model import Job, Lease, Outcome, result_key
from balanza.protocol import Completion
from balanza.store import jobs, workers
from balanza.store.jobs import Done


def complete(desk: Desk, completions: Mapping[str, Completion]) -> dict[str, Job | BalanzaError]:
    """By lease token: the result is published and the job completed, both or neither; said again, it answers the same.

    One that is refused keeps no other from being published: LeaseLost when the lease is no longer live, and what came
    under it is removed; Conflict when the storage does not hold what the worker says.
    """
    held = desk.database.read(lambda tx: jobs.held_of(tx, list(completions)))
    answers: dict[str, Job | BalanzaError] = {}
    done: dict[str, Done] = {}
    now = desk.clock()
    for token, lease in held.items():
        try:
            done[token] = _done(desk, lease, completions[token], now)
        except BalanzaError as error:
            answers[token] = error
    if done:
        published, moves = desk.database.write(
            partial(_publish, desk=desk, held=held, done=done, said=completions, now=now)
        )
        for job in published.values():
            desk.ended(job)
        desk.moved(moves)
        answers |= published
        for owner_id in {job.owner_id for job in published.values() if job.kind.is_listed}:
            quotas.keep(desk, owner_id)
    return answers | {token: _completed_before(desk, token) for token in completions if token not in answers}


def _done(desk: Desk, lease: Lease, completion: Completion, now: datetime) -> Done:
    stored = desk.storage.size(lease.output_key)
    if stored != completion.size_bytes:
        if desk.database.read(lambda tx: jobs.held(tx, lease.token)) is None:
            raise lease_lost()  # cancelled a moment ago, the job has taken its bytes with it
        raise Conflict(f"The result of job {lease.job.id} should have {completion.size_bytes} bytes, not {stored}.")
    return Done(
        token=lease.token,
        result=result_of(lease, completion, now),
        log_tail=completion.log_tail,
        paused_seconds=completion.paused_seconds,
        transfer_seconds=completion.transfer_seconds,
    )


def _publish(
    tx: Connection,
    *,
    desk: Desk,
    held: Mapping[str, Lease],
    done: Mapping[str, Done],
    said: Mapping[str, Completion],
    now: datetime,
) -> tuple[dict[str, Job], list[Move]]:
    if any(held[token].job.attempts > 1 for token in done):
        workers.lock_all(tx)  # somebody may be to blame
    else:
        workers.lock(tx, {held[token].job.worker_id or "" for token in done})
    completed = jobs.complete(tx, list(done.values()), now=now)
    learn(tx, (Ran(*one, said[token].run_seconds) for token, one in completed.items()))
    published = {token: job for token, (job, _) in completed.items()}
    listed = [job for job in published.values() if job.kind.is_listed]
    return published, judge(tx, desk.chooser, desk.settings, listed, now=now)


def _completed_before(desk: Desk, token: str) -> Job | BalanzaError:
    """The job, when the attempt under this token has published its result and only the answer was lost.

    Otherwise what the attempt stored is removed, and the answer is that the lease is over.
    """
    attempt = desk.database.read(lambda tx: jobs.attempts_under(tx, [token])).get(token)
    if attempt is None:
        return lease_lost()
    job = desk.database.read(lambda tx: jobs.get(tx, attempt.job_id))
    if job is None or attempt.outcome is not Outcome.COMPLETED:
        desk.discard(result_key(attempt.job_id, attempt.number))
        return lease_lost()
    return job
