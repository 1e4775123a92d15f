"""The pieces of a preview on their way in, each seen as soon as it is whole."""

from balanza.dispatch.desk import Desk
from balanza.dispatch.messages import lease_lost
from balanza.errors import Conflict
from balanza.model import JobKind, Lease, piece_key
from balanza.protocol import StoredObject
from balanza.store import jobs


class PieceWriter:
    """Writes one piece for the holder of a lease; sent again, it takes the place of what it was."""

    def __init__(self, desk: Desk, token: str, number: int) -> None:
        """Raises LeaseLost; Conflict when the job has no pieces, or none was stored before this one."""
        self._desk = desk
        self._token = token
        lease = self._held()
        if lease.job.kind is not JobKind.PREVIEW:
            raise Conflict(f"Job {lease.job.id} is no preview: its result is sent in one piece.")
        if number and desk.storage.size(piece_key(lease.output_key, number - 1)) is None:
            raise Conflict(f"Piece {number} of job {lease.job.id} came before piece {number - 1}.")
        self._key = piece_key(lease.output_key, number)
        self._writer = desk.storage.writer(self._key)
        self.write = self._writer.write
        self.abort = self._writer.abort

    def finish(self) -> StoredObject:
        """Raises LeaseLost when it was lost meanwhile: then nothing is kept."""
        stored = self._writer.commit()
        try:
            self._held()
        except BaseException:
            self._desk.discard(self._key)
            raise
        return stored

    def _held(self) -> Lease:
        lease = self._desk.database.read(lambda tx: jobs.held(tx, self._token))
        if lease is None:
            raise lease_lost()
        return lease
