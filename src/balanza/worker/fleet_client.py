"""What a worker asks of its server, whatever the way between them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from balanza.errors import BalanzaError
from balanza.protocol import (
    Completion,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseRequest,
    Registered,
    Registration,
    StoredObject,
)


class FleetClient(Protocol):
    """Every call raises Retryable when it may be tried again.

    Those about a job raise LeaseLost when it is gone, CallerError when something on the way refuses them for good.
    """

    async def register(self, registration: Registration) -> Registered: ...

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        """Raises WorkerUnknown when the server forgot this worker, WorkerReplaced when another has its id."""

    async def lease(self, request: LeaseRequest) -> LeaseGrant | None:
        """None when there was no job for `wait_seconds`."""

    async def fetch_source(self, token: str, target: Path) -> None: ...

    async def send_result(self, token: str, result: Path) -> StoredObject: ...

    async def send_piece(self, token: str, number: int, piece: Path) -> StoredObject:
        """Of a preview, in order from 0; sent again, it takes the place of what it was."""

    async def complete(self, token: str, completion: Completion) -> None: ...

    async def complete_several(self, completions: Mapping[str, Completion]) -> Mapping[str, BalanzaError]:
        """Those that were refused, by token, with what `complete` would have raised; the others are published."""

    async def fail(self, token: str, failure: Failure) -> None: ...

    async def release(self, token: str) -> None: ...

    async def leave(self, worker_id: str, instance: str) -> None: ...

    async def aclose(self) -> None: ...
