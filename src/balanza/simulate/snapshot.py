"""A simulated worker as the rules of the server know workers."""

from datetime import UTC, datetime

from balanza.model import Worker
from balanza.simulate.machines import Machine

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def worker_of(machine: Machine) -> Worker:
    """With its live counts; what a simulation knows nothing of is unremarkable."""
    return Worker(
        id=machine.id,
        instance="simulated",
        slots=machine.slots,
        cpus=float(machine.slots),
        memory_total_mb=None,
        encoders=frozenset(),
        tags=frozenset(),
        metrics_address=None,
        registered_at=_NOW,
        seen_at=_NOW,
        cpu_load=None,
        memory_mb=None,
        scratch_free_bytes=None,
        draining=False,
        drain_until=None,
        leaving=False,
        offline=machine.is_offline,
        chosen_at=None,
        assigned_jobs=len(machine.queue),
        running_jobs=machine.running,
        conversions_success=0,
        conversions_failed=0,
        faults=0,
        succeeded_at=None,
        blamed_at=None,
        quarantines=0,
        quarantined_until=None,
        quarantine_reason=None,
    )
