"""What was measured of the workers last: by Prometheus when there is one, otherwise by their own heartbeats.

Every sample has an age, which is the server's time minus its own; one that is too old says nothing any more. So nobody
has to be told when Prometheus is lost: what it said grows old by itself, and the heartbeats stand in.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from balanza.dispatch.pace import Pace
from balanza.model import MetricsSource, Sample, Worker
from balanza.settings import Settings

FRESH_INTERVALS = 3
"""How many scrapes, or heartbeats, a sample lasts: two in a row may go missing."""
AHEAD_INTERVALS = 1
"""How far the clock of Prometheus may be ahead. A sample further in the future could outlast its Prometheus by as much,
so it says nothing either."""


class Measurements:
    """The last samples that Prometheus gave. May be asked and replaced by any thread at any time; never waits."""

    def __init__(self, settings: Settings, pace: Pace) -> None:
        self._scrape = timedelta(seconds=settings.prometheus_scrape_seconds)
        self._pace = pace
        self._samples: Mapping[str, Sample] = {}

    def replace(self, samples: Mapping[str, Sample]) -> None:
        """From now on these, by worker id, are all that Prometheus is known to have measured."""
        # One assignment, and every reader reads it once: nobody sees half of the old and half of the new.
        self._samples = dict(samples)

    def sample_of(self, worker: Worker, now: datetime) -> Sample | None:
        """What Prometheus measured when it is fresh, else what the last heartbeat said when it is, else None.

        Offline workers are unknown. So is what Prometheus measured before the worker registered: that was the process
        before it.
        """
        if worker.offline:
            return None
        measured = self._samples.get(worker.id)
        if measured and measured.measured_at >= worker.registered_at and self._is_fresh(measured, now):
            return measured
        if now - worker.seen_at > FRESH_INTERVALS * timedelta(seconds=self._pace.heartbeat_seconds):
            return None
        return Sample(MetricsSource.HEARTBEAT, worker.seen_at, worker.cpu_load, worker.memory_mb)

    def source(self, now: datetime) -> MetricsSource:
        """Prometheus as long as at least one of its samples is fresh."""
        return MetricsSource.HEARTBEAT if self.age_seconds(now) is None else MetricsSource.PROMETHEUS

    def age_seconds(self, now: datetime) -> float | None:
        """The age of the newest sample of Prometheus; None when none is fresh, and heartbeats are the source."""
        fresh = [sample.measured_at for sample in self._samples.values() if self._is_fresh(sample, now)]
        return max(0.0, (now - max(fresh)).total_seconds()) if fresh else None

    def _is_fresh(self, sample: Sample, now: datetime) -> bool:
        return -AHEAD_INTERVALS * self._scrape <= now - sample.measured_at <= FRESH_INTERVALS * self._scrape
