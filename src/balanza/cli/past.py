"""The scenario of `balanza simulate --from-history`: read out of the server's database, which may be in use."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from balanza.errors import InvalidRequest, StartupError
from balanza.settings import Settings
from balanza.simulate.past import PastJob, apart, arrivals_in, speeds_in
from balanza.simulate.scenario import MOST_WORKERS, Scenario, scenario_from
from balanza.simulate.workload import Arrival
from balanza.store import workers
from balanza.store.database import Database
from balanza.store.past import Ran, ran

MOST_JOBS = 100_000
"""The newest are taken."""


def past(settings: Settings) -> tuple[Scenario, Sequence[Arrival]]:
    """The fleet that did them, and the jobs as they came. Raises StartupError, InvalidRequest."""
    if isinstance(settings.database, Path) and not settings.database.exists():
        raise StartupError(
            f"There is no database {settings.database}. Run this where the server runs, or name its folder with --data."
        )
    with closing(Database.open(settings.database, checkpoints=False)) as database:
        found = database.read(lambda tx: ran(tx, MOST_JOBS))
        slots = {worker.id: worker.slots for worker in database.read(workers.list_workers)}
    if not found:
        raise InvalidRequest("This server has completed no conversion yet, so there is no history to simulate.")
    jobs = apart([_job(one) for one in found])
    speeds = speeds_in(jobs)
    fleet = [{"speed": speed, "slots": slots.get(name, 1)} for name, speed in speeds.items()][:MOST_WORKERS]
    scenario = scenario_from(
        {
            "workers": fleet,
            "jobs": {"count": len(jobs)},
            "policy": settings.policy,
            "order": settings.order,
            "pausing": settings.pausing,
            "speeds_known": True,
        }
    )
    return scenario, arrivals_in(jobs, speeds)


def _job(one: Ran) -> PastJob:
    return PastJob(
        at_seconds=one.created_at.timestamp(),
        run_seconds=one.run_seconds,
        worker_id=one.worker_id,
        guess_seconds=one.guess_seconds,
        kind=one.work,
        owner=one.owner_id,
        priority=one.priority,
        process=f"{one.worker_id} {one.started_at.isoformat()}" if one.predicted_seconds is None else "",
    )
