"""Which workers Prometheus is to scrape: HTTP service discovery (prometheus.io/docs/prometheus/latest/http_sd).

The answer is the whole list each time, `[]` when there is nobody. Any status but 200 lets Prometheus keep the list that
it has, which is right while the database cannot be read.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel

from balanza.model import Worker
from balanza.server.auth import Monitor
from balanza.server.openapi import problems
from balanza.store import workers

router = APIRouter(tags=["server"])

FORGOTTEN_AFTER = timedelta(days=1)
"""A worker silent for longer is not missed any more: its target, which is down, goes."""


class TargetGroup(BaseModel):
    """Addresses to scrape, and the labels that all series from there bear."""

    targets: list[str]
    labels: dict[str, str]


@router.get("/prometheus/targets", summary="The workers to scrape, for Prometheus", responses=problems())
def read_targets(parts: Monitor) -> list[TargetGroup]:
    """HTTP service discovery: use it in `http_sd_configs`, and new workers are scraped without editing a file."""
    desk = parts.desk
    return target_groups(desk.database.read(workers.list_workers), desk.clock())


def target_groups(fleet: Iterable[Worker], now: datetime) -> list[TargetGroup]:
    """By worker id. One that is lost stays a target, so that somebody is told; one that left by itself does not.

    Of several that registered one address, it is now that of the one heard of last.
    """
    by_address: dict[str, Worker] = {}
    for worker in sorted(fleet, key=lambda worker: worker.seen_at):
        if worker.metrics_address and not _is_gone(worker, now):
            by_address[worker.metrics_address] = worker
    found = sorted(by_address.items(), key=lambda item: item[1].id)
    return [TargetGroup(targets=[address], labels={"instance": worker.id}) for address, worker in found]


def _is_gone(worker: Worker, now: datetime) -> bool:
    return worker.has_left or now - worker.seen_at > FORGOTTEN_AFTER
