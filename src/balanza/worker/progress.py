"""How far a conversion is, from what ffmpeg says of itself. Pure: the time comes in as an argument.

All times are of a clock that stands still while the conversion is paused.
"""

from balanza.media.ffmpeg import Progress

ALMOST_DONE = 99.9
"""What remains after ffmpeg's last word: checking and publishing."""


class ProgressMeter:
    """Percent, speed and time left of one conversion; percent never goes backwards."""

    def __init__(self, *, duration_seconds: float | None, source_bytes: int, started_at: float) -> None:
        self._duration = duration_seconds
        self._source_bytes = source_bytes
        self._started_at = started_at
        self.percent = 0.0
        self.speed: float | None = None
        self.eta_seconds: float | None = None

    def update(self, progress: Progress, *, now: float, was_paused: bool = False) -> None:
        """Notes what ffmpeg reported `now`, against the duration that was asked for.

        The speed that ffmpeg tells is its mean since it was started, so it counts pauses.
        """
        converted = progress.out_time_seconds
        if converted is None or converted <= 0:
            return
        elapsed = now - self._started_at
        told = None if was_paused else progress.speed
        self.speed = told or (converted / elapsed if elapsed > 0 else None)
        if self._duration:
            self._raise_to(100 * converted / self._duration)
            if self.speed:
                self.eta_seconds = max(0.0, self._duration - converted) / self.speed

    def update_from_input(self, position_bytes: int, *, now: float) -> None:
        """Where the duration is unknown: how much of the source has been read stands for how much is done."""
        if self._duration or position_bytes <= 0 or self._source_bytes <= 0:
            return
        self._raise_to(100 * min(1.0, position_bytes / self._source_bytes))
        self.eta_seconds = self.remaining_by_input(position_bytes, now=now)

    def remaining_by_input(self, position_bytes: int, *, now: float) -> float | None:
        """Seconds left by how much of the source has been read; None before anything has."""
        if position_bytes <= 0 or self._source_bytes <= 0:
            return None
        share = min(1.0, position_bytes / self._source_bytes)
        return (now - self._started_at) * (1 - share) / share

    @property
    def needs_input_position(self) -> bool:
        return not self._duration

    def _raise_to(self, percent: float) -> None:
        self.percent = max(self.percent, min(ALMOST_DONE, percent))
