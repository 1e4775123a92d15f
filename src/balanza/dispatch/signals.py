"""Telling who waits that something was committed. A signal carries no truth: whoever hears it reads the rows."""

import threading
from collections.abc import Callable

EVENTS = "events"
"""Rows were added to the events."""
PROGRESS = "progress"
"""A heartbeat changed the progress of jobs or the load of a worker."""
ANY_WORK = "work:*"
"""A job is pending that any worker may take."""

Listener = Callable[[str], None]


def work_for(worker_id: str | None) -> str:
    """The topic of a job that became pending in the own queue of `worker_id`, or in the general one."""
    return ANY_WORK if worker_id is None else f"work:{worker_id}"


class Signals:
    """Listeners are called in the emitting thread, whichever it is, and must return at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """From now on `listener` hears every topic, until the returned function is called."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    def emit(self, *topics: str) -> None:
        for listener in self._listeners:
            for topic in topics:
                listener(topic)
