"""How a worker asks its server over HTTP."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from balanza.errors import BalanzaError, CallerError, InvalidRequest, ServerUnreachable, StartupError
from balanza.protocol import (
    PACE_HEADER,
    PROTOCOL,
    PROTOCOL_HEADER,
    Completion,
    Completions,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseRequest,
    Problem,
    Refused,
    Registered,
    Registration,
    StoredObject,
)
from balanza.worker.load import Traffic
from balanza.worker.threads import in_thread

Answer = TypeVar("Answer", bound=BaseModel)

PIECE_BYTES = 1024 * 1024
CONNECT_SECONDS = 2.0
CALL_SECONDS = 10.0
HEARTBEAT_SECONDS = 2.0
"""Less than half of the time after which a silent worker is offline: one lost heartbeat leaves room for another."""
TRANSFER_SECONDS = 30.0
"""Between two pieces of a file, not for the whole of it."""
STORING_SECONDS = 300.0
"""From the last byte of a result until the server has flushed it to its disk; many gigabytes take minutes."""
LEAVE_SECONDS = 3.0
"""A busy server takes a while to flush it to its disk, and a lease that it does not get back counts as an attempt."""
IDLE_CONNECTION_SECONDS = 4.0
"""Our server closes idle connections after 75 s, a proxy before it perhaps after 5 s: be first, or a request meets a
connection that is just being closed. The heartbeats, one a second, keep theirs open all the same."""
_ABOUT_JOBS = re.compile(r"/leases/|/complete$")
_PERHAPS_LATER = frozenset({404, 408, 425, 429})
"""Of the 4xx that are not our server's, those that may pass: a proxy whose server is being started says 404 too."""


class HttpFleetClient:
    """A FleetClient over HTTP. Connections are kept open; a proxy of the environment is not used on the own machine."""

    def __init__(self, server: str, fleet_token: str | None = None) -> None:
        self.server = server.rstrip("/")
        self.traffic = Traffic()
        self._http = httpx2.AsyncClient(
            base_url=f"{self.server}/fleet/",
            timeout=_timeout(CALL_SECONDS),
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=IDLE_CONNECTION_SECONDS),
            trust_env=not _is_loopback(self.server),
            verify=self.server.startswith("https:"),
            headers={"Authorization": f"Bearer {fleet_token}"} if fleet_token else {},
        )

    async def register(self, registration: Registration) -> Registered:
        try:
            response = await self._post("register", registration)
        except InvalidRequest as error:  # the worker's settings were checked when it was started
            raise StartupError(f"{self._refusal} It says: {error.sentence}") from error
        spoken = response.headers.get(PROTOCOL_HEADER, "")
        if not spoken.isascii() or not spoken.isdigit() or int(spoken) < PROTOCOL:
            with suppress(BalanzaError):
                await self.leave(registration.worker_id, registration.instance)
            raise StartupError(self._refusal)
        return _parsed(Registered, response)

    @property
    def _refusal(self) -> str:
        return (
            f"The server {self.server} is older than this worker and would not understand it. "
            "Upgrade the server first, then its workers."
        )

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        response = await self._post("heartbeat", heartbeat, seconds=HEARTBEAT_SECONDS)
        return _parsed(HeartbeatReply, response).model_copy(update={"heartbeat_seconds": _pace_in(response)})

    async def lease(self, request: LeaseRequest) -> LeaseGrant | None:
        response = await self._post("lease", request, seconds=request.wait_seconds + CALL_SECONDS)
        return None if response.status_code == httpx2.codes.NO_CONTENT else _parsed(LeaseGrant, response)

    async def fetch_source(self, token: str, target: Path) -> None:
        with _reachable(self.server):
            async with self._http.stream(
                "GET",
                f"leases/{token}/source",
                timeout=_timeout(TRANSFER_SECONDS),
                headers={"Accept-Encoding": "identity"},
            ) as response:
                if not response.is_success:
                    await response.aread()
                    _raise_problem(response)
                async with _opened(target, "wb") as file:
                    async for piece in response.aiter_raw(PIECE_BYTES):
                        self.traffic.received_bytes += len(piece)
                        await in_thread(file.write, piece)

    async def send_result(self, token: str, result: Path) -> StoredObject:
        return await self._put(f"leases/{token}/result", result)

    async def send_piece(self, token: str, number: int, piece: Path) -> StoredObject:
        return await self._put(f"leases/{token}/pieces/{number}", piece)

    async def _put(self, path: str, content: Path) -> StoredObject:
        size = (await in_thread(content.stat)).st_size
        async with _opened(content, "rb") as file:
            with _reachable(self.server):
                response = await self._http.put(
                    path,
                    content=_pieces(file, self.traffic),
                    headers={"Content-Length": str(size), "Content-Type": "application/octet-stream"},
                    timeout=httpx2.Timeout(TRANSFER_SECONDS, connect=CONNECT_SECONDS, read=STORING_SECONDS),
                )
        return _parsed(StoredObject, _checked(response))

    async def complete(self, token: str, completion: Completion) -> None:
        await self._post(f"leases/{token}/complete", completion)

    async def complete_several(self, completions: Mapping[str, Completion]) -> Mapping[str, BalanzaError]:
        response = await self._post("complete", Completions(completions=dict(completions)))
        refused = _parsed(Refused, response).refused
        return {token: _error_of(problem) for token, problem in refused.items()}

    async def fail(self, token: str, failure: Failure) -> None:
        await self._post(f"leases/{token}/fail", failure)

    async def release(self, token: str) -> None:
        await self._post(f"leases/{token}/release", seconds=LEAVE_SECONDS)

    async def leave(self, worker_id: str, instance: str) -> None:
        await self._post("leave", _Leaving(worker_id=worker_id, instance=instance), seconds=LEAVE_SECONDS)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _post(
        self, path: str, message: BaseModel | None = None, *, seconds: float = CALL_SECONDS
    ) -> httpx2.Response:
        with _reachable(self.server):
            response = await self._http.post(
                path,
                content=message.model_dump_json() if message else None,
                headers={"Content-Type": "application/json"} if message else None,
                timeout=_timeout(seconds),
            )
        return _checked(response)


class _Leaving(BaseModel):
    worker_id: str
    instance: str


def _timeout(seconds: float) -> httpx2.Timeout:
    return httpx2.Timeout(seconds, connect=CONNECT_SECONDS)


def _is_loopback(server: str) -> bool:
    host = httpx2.URL(server).host
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


@contextmanager
def _reachable(server: str) -> Iterator[None]:
    """Turns what can go wrong on the way into ServerUnreachable."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise ServerUnreachable(f"The server {server} did not answer in time.") from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise ServerUnreachable(f"The server {server} cannot be reached: {why}.") from error


def _checked(response: httpx2.Response) -> httpx2.Response:
    if not response.is_success:
        _raise_problem(response)
    return response


def _raise_problem(response: httpx2.Response) -> NoReturn:
    """Raises the error that the server raised; what is no problem document did not come from a Balanza server."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError as error:
        raise _stranger(response) from error
    raise _error_of(problem)


def _error_of(problem: Problem) -> BalanzaError:
    slug = re.split(r"[:/]", problem.type)[-1]
    return _BY_SLUG.get(slug, BalanzaError)(problem.detail)


def _stranger(response: httpx2.Response) -> BalanzaError:
    """What an answer means that no Balanza server gave. The job's history will show it: without the lease token."""
    host, status = response.url.host, f"{response.status_code} {response.reason_phrase}".strip()
    is_about_jobs = _ABOUT_JOBS.search(response.url.path) is not None
    if is_about_jobs and response.is_client_error and response.status_code not in _PERHAPS_LATER:
        what = response.url.path.rpartition("/")[2]
        return CallerError(
            f"{host} answered {status} to {response.request.method} {what}, which Balanza does not: does a proxy in "
            "between refuse it?"
        )
    return ServerUnreachable(f"{host} answered {status}: is a Balanza server there?")


def _pace_in(response: httpx2.Response) -> float | None:
    """None from an older server."""
    try:
        seconds = float(response.headers.get(PACE_HEADER, "0"))
    except ValueError:
        return None
    return seconds if 0 < seconds < inf else None


def _parsed(model: type[Answer], response: httpx2.Response) -> Answer:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise ServerUnreachable(
            f"{response.url.host} gave an answer that cannot be understood; do server and worker have the same version?"
        ) from error


def _kinds(root: type[BalanzaError]) -> Iterator[type[BalanzaError]]:
    """Depth first: of a class and a subclass with the same slug, the class comes last."""
    for kind in root.__subclasses__():
        yield from _kinds(kind)
    yield root


_BY_SLUG = {kind.slug: kind for kind in _kinds(BalanzaError)}


@asynccontextmanager
async def _opened(path: Path, mode: Literal["rb", "wb"]) -> AsyncIterator[BinaryIO]:
    file = await in_thread(path.open, mode)
    try:
        yield file
    finally:
        await in_thread(file.close)


async def _pieces(file: BinaryIO, traffic: Traffic) -> AsyncIterator[bytes]:
    while piece := await in_thread(file.read, PIECE_BYTES):
        yield piece
        traffic.sent_bytes += len(piece)
