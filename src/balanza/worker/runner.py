"""One attempt at a job: the source in, ffmpeg, the result checked and stored, and nothing left behind."""

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from balanza.errors import AttemptFailed, BalanzaError, CallerError, LeaseLost
from balanza.model import JobKind, Probe
from balanza.protocol import Completion, LeaseGrant, LeaseReport, StoredObject
from balanza.storage import Storage, delete_whole
from balanza.worker.conversion import RESULT, SOURCE, Conversion, Tools
from balanza.worker.failures import why_not_done
from balanza.worker.fleet_client import FleetClient
from balanza.worker.kinds import RECIPES, right_conversions
from balanza.worker.link import Link
from balanza.worker.pauses import Pauses
from balanza.worker.pieces import Pieces
from balanza.worker.reaper import Reaper
from balanza.worker.threads import in_thread


class Runner:
    """Runs attempts, several at once. With a `storage` it reads and writes there, otherwise through the server."""

    def __init__(self, tools: Tools, reaper: Reaper, client: FleetClient, link: Link, storage: Storage | None) -> None:
        self.tools = tools
        self.reaper = reaper
        self._client = client
        self._link = link
        self._storage = storage

    @property
    def shares_storage(self) -> bool:
        """Whether sources need not be fetched."""
        return self._storage is not None

    async def run(self, grant: LeaseGrant, report: Callable[[LeaseReport], None], pauses: Pauses) -> Completion:
        """Afterwards the result lies in storage under the lease's output key, checked, and is to be completed.

        Raises AttemptFailed with a sentence for the job's history, LeaseLost when the server says so while bytes are
        moved. When it raises or is cancelled, ffmpeg is gone and nothing of the attempt is left.
        """
        folder = self.tools.scratch.folder_of(grant.job_id, grant.attempt)
        try:
            await in_thread(self.prepare, grant, folder / SOURCE)
            fetching_seconds = 0.0 if self.shares_storage else await self.fetch_source(grant, folder / SOURCE)
            log_tail = await self._make(grant, folder, report, pauses)
            return await self.publish(grant, folder / RESULT, log_tail, fetching_seconds)
        except (AttemptFailed, LeaseLost):
            raise
        except (OSError, BalanzaError) as error:
            raise AttemptFailed(why_not_done(error)) from error
        finally:
            await in_thread(shutil.rmtree, folder, ignore_errors=True)

    async def withdraw(self, grant: LeaseGrant) -> None:
        """Removes a stored result that will not be published. Never call it once a `complete` may have arrived."""
        if self._storage is not None:
            await in_thread(delete_whole, self._storage, grant.output_key)

    # --- The steps before and after ffmpeg

    def prepare(self, grant: LeaseGrant, source: Path) -> None:
        """Makes the folder that `source` is alone in; when storage is shared, makes that a link to it. Blocks.

        Raises AttemptFailed, OSError.
        """
        _prepare(source, self._storage.path(grant.source.storage_key) if self._storage else None, grant)

    async def fetch_source(self, grant: LeaseGrant, source: Path) -> float:
        """Into that file; how many seconds it travelled. Raises AttemptFailed, LeaseLost, OSError."""
        started_at = time.monotonic()
        await self._link.transfer("source", lambda: self._client.fetch_source(grant.token, source))
        seconds = time.monotonic() - started_at
        await in_thread(_check_received, source, grant.source.sha256)
        return seconds

    async def publish(self, grant: LeaseGrant, result: Path, log_tail: str, fetching_seconds: float) -> Completion:
        """Checks and stores a result. Raises AttemptFailed, LeaseLost, OSError, StorageError."""
        transfer_seconds = None
        try:
            if self._storage is not None:
                probe, stored = await in_thread(self._check_and_adopt, self._storage, grant, result)
            else:
                probe, stored = await in_thread(self._check_and_digest, grant, result)
                transfer_seconds = round(fetching_seconds + await self._send(grant, result, stored), 3)
        except (AttemptFailed, CallerError) as error:
            raise AttemptFailed(error.sentence, log_tail=log_tail) from error
        return Completion(
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            probe=probe,
            log_tail=log_tail,
            transfer_seconds=transfer_seconds,
        )

    def publish_several(self, made: Sequence[tuple[LeaseGrant, Path]]) -> Mapping[str, Completion]:
        """Checks the results of conversions, and stores those that are right, where storage is shared; by the tokens of
        their leases. For small files, of which each step by itself would cost more than it does. Blocks.

        Raises OSError, StorageError; then some may have been stored.
        """
        assert self._storage is not None  # noqa: S101 - asked before
        right = right_conversions(made, self.tools)
        kept = {grant.token: (grant.output_key, result) for grant, result in made if grant.token in right}
        stored = self._storage.adopt_several(dict(kept.values()))
        completions = {}
        for token, (key, _) in kept.items():
            size_bytes, sha256 = stored[key].size_bytes, stored[key].sha256
            completions[token] = Completion(size_bytes=size_bytes, sha256=sha256, probe=right[token])
        return completions

    async def _make(
        self, grant: LeaseGrant, folder: Path, report: Callable[[LeaseReport], None], pauses: Pauses
    ) -> str:
        """Runs ffmpeg, again with the next command line as long as nothing came of it; the last lines it wrote."""
        *others, last = await RECIPES[grant.kind].commands(grant, folder, self.tools, self.reaper)
        for argv in others:
            with suppress(AttemptFailed):
                log_tail = await self._convert(grant, argv, folder, report, pauses)
                if await in_thread(_holds_something, folder / RESULT):
                    return log_tail
        return await self._convert(grant, last, folder, report, pauses)

    async def _convert(
        self,
        grant: LeaseGrant,
        argv: Sequence[str],
        folder: Path,
        report: Callable[[LeaseReport], None],
        pauses: Pauses,
    ) -> str:
        conversion = Conversion(grant, argv, folder, self.tools, self.reaper, report, pauses).run()
        if grant.kind is not JobKind.PREVIEW:
            return await conversion
        return await Pieces(grant, folder, self._client, self._link, self._storage).store_during(conversion)

    def _check_and_adopt(self, storage: Storage, grant: LeaseGrant, result: Path) -> tuple[Probe, StoredObject]:
        """In one go, because each change of thread costs as much as probing a small file."""
        return self._checked(grant, result), storage.adopt(result, grant.output_key)

    def _check_and_digest(self, grant: LeaseGrant, result: Path) -> tuple[Probe, StoredObject]:
        probe = self._checked(grant, result)
        return probe, StoredObject(size_bytes=result.stat().st_size, sha256=_sha256(result))

    def _checked(self, grant: LeaseGrant, result: Path) -> Probe:
        if not result.exists():
            raise AttemptFailed("ffmpeg ended without an error but wrote no result.")
        return RECIPES[grant.kind].finish(grant, result, self.tools)

    async def _send(self, grant: LeaseGrant, result: Path, sent: StoredObject) -> float:
        """How many seconds it travelled."""
        started_at = time.monotonic()
        received = await self._link.transfer("result", lambda: self._client.send_result(grant.token, result))
        if received != sent:
            raise AttemptFailed(
                f"The result was damaged on its way to the server: {sent.size_bytes} bytes were sent, "
                f"{received.size_bytes} arrived."
            )
        return time.monotonic() - started_at


def _prepare(source: Path, stored: Path | None, grant: LeaseGrant) -> None:
    """The folder of `source`; in it, when that is `stored` at hand, a link to it."""
    source.parent.mkdir(parents=True)
    if stored is None:
        return
    try:
        found_bytes = stored.stat().st_size
    except FileNotFoundError as error:
        raise AttemptFailed("The source is missing in the storage folder; upload it again.") from error
    if found_bytes != (source_bytes := grant.source.size_bytes):
        raise AttemptFailed(f"The stored source has {found_bytes} bytes instead of {source_bytes}; upload it again.")
    source.symlink_to(stored)


def _holds_something(result: Path) -> bool:
    return result.exists() and result.stat().st_size > 0


def _check_received(source: Path, sha256: str) -> None:
    if _sha256(source) != sha256:
        raise AttemptFailed("The source was damaged on its way from the server.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
