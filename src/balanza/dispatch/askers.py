"""Workers that wait for a job, in a long poll: the transaction that makes one answers whoever it is for, where it can.

The job is in a worker's hands a third sooner than when the worker is woken, and plans and leases in a transaction of
its own. It is a shortcut and no more: a question that is not answered so is looked at again when the bell rings. Docs:
docs/leases.md.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from balanza.protocol import LeaseGrant, LeaseRequest


class Asker:
    """A worker's open question for a job, and the answer once there is one."""

    def __init__(self, request: LeaseRequest) -> None:
        self.request = request
        self.grant: LeaseGrant | None = None
        self.is_promised = False
        """A transaction may be about to answer it."""
        self.is_gone = False
        """Nobody would hear the answer."""


class Askers:
    """Of one server. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, list[Asker]] = {}

    @contextmanager
    def open(self, request: LeaseRequest) -> Iterator[Asker]:
        """It can be promised an answer until it is closed, and be answered until the end of the block."""
        asker = Asker(request)
        with self._lock:
            self._open.setdefault(request.worker_id, []).append(asker)
        try:
            yield asker
        finally:
            self.close(asker)
            with self._lock:
                asker.is_gone = True

    def close(self, asker: Asker) -> None:
        """From now on it is promised nothing; what was promised before may still come."""
        worker_id = asker.request.worker_id
        with self._lock:
            if left := [one for one in self._open.get(worker_id, ()) if one is not asker]:
                self._open[worker_id] = left
            else:
                self._open.pop(worker_id, None)

    @contextmanager
    def promising(self) -> "Iterator[Promise]":
        """For one transaction, however often it is run."""
        promise = Promise(self)
        try:
            yield promise
        finally:
            promise.drop()

    def take(self, worker_id: str) -> Asker | None:
        """One that asks for a free slot of this worker and that nobody else has promised anything: it is now."""
        with self._lock:
            # The newest first: an older one may be of a connection that broke unheard.
            for asker in reversed(self._open.get(worker_id, ())):
                if not asker.is_promised and asker.grant is None and asker.request.pauses is None:
                    asker.is_promised = True
                    return asker
        return None

    def settle(self, asker: Asker, grant: LeaseGrant | None) -> bool:
        """Ends the promise. Whether the asker hears of the grant, if there is one."""
        with self._lock:
            if not asker.is_gone:
                asker.grant = grant
            asker.is_promised = False  # at last: who sees that looks for the grant
            return not asker.is_gone


class Promise:
    """What one transaction promises, to one asker at most. It is kept after the commit, or dropped."""

    def __init__(self, askers: Askers) -> None:
        self._askers = askers
        self._asker: Asker | None = None

    def make(self, worker_id: str) -> LeaseRequest | None:
        """What the worker asks for; None when it does not wait. An earlier promise is dropped: the transaction runs
        anew."""
        self.drop()
        self._asker = self._askers.take(worker_id)
        return None if self._asker is None else self._asker.request

    def keep(self, grant: LeaseGrant) -> bool:
        """Whether the worker hears of it."""
        asker, self._asker = self._asker, None
        return asker is not None and self._askers.settle(asker, grant)

    def drop(self) -> None:
        asker, self._asker = self._asker, None
        if asker is not None:
            self._askers.settle(asker, None)
