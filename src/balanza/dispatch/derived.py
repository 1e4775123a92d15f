"""Thumbnails, waveforms, captions and previews: made of a file by a worker when somebody first asks for them.

The request has a key of its own, which no caller can use: whoever asks, however often, there is one job for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import assignment, quotas
from balanza.dispatch.assignment import Move
from balanza.dispatch.desk import Desk
from balanza.dispatch.library import existing
from balanza.dispatch.placing import Wanted, submit
from balanza.errors import CannotBeMade
from balanza.lifecycle import JobStatus
from balanza.media.cost import derived_work
from balanza.media.derivations import derived_needs
from balanza.model import LOCAL_USER, Decision, Job, JobKind, Media, Options, Reason, result_key
from balanza.store import jobs, library, workers

PRIORITY = 60
"""Before conversions: each takes a moment, and somebody looks at where it will be."""
PREVIEW_PRIORITY = 100
"""Somebody looks at a black film."""
PREVIEWS_KEPT = timedelta(days=1)
"""They are large, and made again when somebody asks again."""
_OLD_AT_ONCE = 500
MOST_ATTEMPTS = 2
ANEW_AFTER = timedelta(days=1)
MOST_ATTEMPTS_EVER = 6
"""What failed may have been the worker's fault, a full disk for one: it is tried anew some days, and not for ever."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview as far as it is there."""

    status: JobStatus
    progress: float
    key: str | None = None
    """Where its playlist lies, and by `piece_key` its pieces, or will lie; None while no worker makes it."""


class Derivations:
    """Of one person's files. Safe to call from many threads."""

    def __init__(self, desk: Desk, owner_id: str = LOCAL_USER) -> None:
        self._desk = desk
        self._owner_id = owner_id

    def of(self, owner_id: str) -> Self:
        """The same, for that person."""
        return type(self)(self._desk, owner_id)

    def get(self, media_id: str, kind: JobKind, options: Options) -> Media | None:
        """What was made of the file; None while it is being made, which begins with the first question.

        Raises NotFound, InTrash, Gone; CannotBeMade when the file is none of which it is made, or workers failed at it.
        """
        source, job, made = self._desk.database.read(lambda tx: self._look(tx, media_id, kind, options))
        if made is not None:
            return made
        if job is None or _may_be_tried_anew(job, self._desk.clock()):
            self._make(source, kind, options)
        elif job.status is JobStatus.FAILED:
            raise CannotBeMade(f"No {kind} could be made of {source.name}: {job.error}")
        return None

    def preview(self, media_id: str) -> Preview:
        """How far the preview of the file is; the first question has it made.

        Raises what `get` does.
        """
        known = self.known_preview(media_id)
        if known is not None and known.status is not JobStatus.FAILED:
            return known
        self.get(media_id, JobKind.PREVIEW, {})
        return Preview(JobStatus.PENDING, 0)

    def known_preview(self, media_id: str) -> Preview | None:
        """The same, but nothing is made."""
        return self._desk.database.read(lambda tx: self._look_at_preview(tx, media_id))

    def _look_at_preview(self, tx: Connection, media_id: str) -> Preview | None:
        _, job, made = self._look(tx, media_id, JobKind.PREVIEW, {})
        if job is None or job.status is JobStatus.CANCELLED:
            return None
        key = made.storage_key if made else None
        if job.status is JobStatus.PROCESSING:
            key = result_key(job.id, jobs.attempts_of(tx, job.id)[-1].number)
        return Preview(job.status, job.progress, key)

    def _look(
        self, tx: Connection, media_id: str, kind: JobKind, options: Options
    ) -> tuple[Media, Job | None, Media | None]:
        source = existing(tx, media_id, self._owner_id)
        job = _known(tx, source, kind, options)
        return source, job, library.get(tx, job.result_id) if job and job.result_id else None

    def _make(self, source: Media, kind: JobKind, options: Options) -> None:
        """There is a pending job, perhaps one that another made in this moment. Raises what `get` does, and LoginNeeded
        when its owner has just been disabled."""
        needs = derived_needs(kind, source.probe, options, size_bytes=source.size_bytes)

        def operation(tx: Connection) -> tuple[list[tuple[Job, Decision]], list[Move]]:
            existing(tx, source.id, self._owner_id, lock=True)
            quotas.refuse_whoever_left(tx, self._desk.settings, self._owner_id)
            workers.lock_all(tx)
            now = self._desk.clock()
            before = _known(tx, source, kind, options)
            if before is not None:
                return [], self._again(tx, before, now)
            new = jobs.NewJob(
                id=str(uuid4()),
                source_id=source.id,
                input_file=source.name,
                input_size_bytes=source.size_bytes,
                output_format=kind.value,
                options=options,
                max_attempts=MOST_ATTEMPTS,
                idempotency_key=_key(source, kind, options),
                request_fingerprint=kind.value,
                created_at=now,
                owner_id=source.owner_id,
                kind=kind,
                priority=PREVIEW_PRIORITY if kind is JobKind.PREVIEW else PRIORITY,
            )
            wanted = Wanted(new, needs, derived_work(kind, source.probe))
            return submit(tx, self._desk, [wanted]), []

        made, moves = self._desk.database.write(operation)
        self._desk.decided(made)
        self._desk.moved(moves)

    def _again(self, tx: Connection, before: Job, now: datetime) -> list[Move]:
        """The job is pending again, unless another has asked for it in this moment."""
        if not _may_be_tried_anew(before, now):
            return []
        job = jobs.retry(tx, before.id, more_attempts=MOST_ATTEMPTS, now=now)
        return assignment.assign_anew(tx, self._desk.chooser, [job], reason=Reason.RETRIED, now=now) if job else []


def delete_old_previews(tx: Connection, now: datetime) -> None:
    """Their bytes go with those of other deleted files; the next question has a new one made."""
    for job in jobs.old_previews(tx, now - PREVIEWS_KEPT, _OLD_AT_ONCE):
        library.mark_deleted(tx, job.result_id or "", now)
        jobs.forget_key(tx, job.id)


def _known(tx: Connection, source: Media, kind: JobKind, options: Options) -> Job | None:
    found = jobs.by_idempotency_key(tx, _key(source, kind, options), owner_id=source.owner_id)
    return found[0] if found else None


def _key(source: Media, kind: JobKind, options: Options) -> str:
    """With spaces, which no header may have there."""
    return " ".join([kind.value, "of", source.id, *(f"{name} {value}" for name, value in sorted(options.items()))])


def _may_be_tried_anew(job: Job, now: datetime) -> bool:
    """It was cancelled when its file went into the trash, from which that is back; or it failed some time ago."""
    if job.status is JobStatus.CANCELLED:
        return True
    has_failed = job.status is JobStatus.FAILED and job.attempts < MOST_ATTEMPTS_EVER
    return has_failed and job.completed_at is not None and job.completed_at + ANEW_AFTER <= now
