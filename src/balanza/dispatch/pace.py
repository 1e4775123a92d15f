"""How often workers speak. In a large fleet less often, and all that follows from silence later."""

from datetime import timedelta

from balanza.settings import Settings

MOST_BEATS = 100
"""Of all workers together, a second: a server answers some 500 requests a second on one core."""
_MOST_LOOKS = 100
"""Of all workers together, a second, at what others are about to start."""
_LEAST_LOOK_SECONDS = 0.25
_QUICKER = 0.5
"""Between two heartbeats the time between them falls at most to this part, so that all hear of the new one in time."""


class Pace:
    """Of one server; every server on a database sees the same fleet. May be asked and set by any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._times = 1.0
        self._online = 0

    def set(self, online: int) -> None:
        """To be called once a second, with how many workers are online."""
        self._online = online
        wanted = max(1.0, online / self._settings.heartbeat_seconds / MOST_BEATS)
        self._times = max(wanted, self._times * _QUICKER ** (1 / self.heartbeat_seconds))

    @property
    def heartbeat_seconds(self) -> float:
        """Between two heartbeats of a worker."""
        return self._settings.heartbeat_seconds * self._times

    @property
    def look_again_seconds(self) -> float:
        """While others have jobs that they are about to start: one that hangs does not, which makes no signal."""
        return max(_LEAST_LOOK_SECONDS, self._online / _MOST_LOOKS)

    @property
    def offline_after(self) -> timedelta:
        """Silent for this long, a worker is offline."""
        return timedelta(seconds=self._settings.offline_after_seconds * self._times)

    @property
    def lease_time(self) -> timedelta:
        """How long a lease lasts without a heartbeat."""
        return timedelta(seconds=self._settings.lease_seconds * self._times)
