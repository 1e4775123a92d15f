"""Asking a running server over its public API."""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx2

from balanza.errors import (
    BalanzaError,
    Conflict,
    EmptyFile,
    Gone,
    InTrash,
    InvalidOption,
    InvalidRequest,
    MissingStream,
    NotFound,
    NotMedia,
    QuotaExceeded,
    ServerUnreachable,
)

ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 5.0
LAST_PORT = 65535
WHOLE_ID = 36
"""The characters of a UUID."""
PAGE = 500
"""As many jobs as the server lists at once."""
TIMEOUT = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)

_TOLD_APART = (Conflict, EmptyFile, Gone, InTrash, InvalidOption, MissingStream, NotFound, NotMedia, QuotaExceeded)
KINDS = {kind.slug: kind for kind in _TOLD_APART}
"""The errors that callers tell apart, by the last part of their problem type."""


class Api:
    """One server. Raises ServerUnreachable when it does not answer, BalanzaError with the sentence it answers."""

    def __init__(self, server: str) -> None:
        self._server = base_of(server)
        self._http = httpx2.Client(
            base_url=self._server, timeout=TIMEOUT, trust_env=not is_own(self._server), headers=credentials()
        )

    def get(self, path: str, **parameters: str | int | None) -> Any:
        given = {name: value for name, value in parameters.items() if value is not None}
        with reachable(self._server):
            return answer_of(self._http.get(path, params=given))

    def post(self, path: str) -> Any:
        with reachable(self._server):
            return answer_of(self._http.post(path))

    def job_id(self, typed: str) -> str:
        """The whole id that `typed` begins; `typed` itself when there is none. Raises InvalidRequest for several."""
        if not typed or len(typed) >= WHOLE_ID:
            return typed
        found = [job_id for job_id in self._job_ids() if job_id.startswith(typed)]
        if len(found) > 1:
            raise InvalidRequest(f"{typed} begins the ids of {len(found)} jobs, {found[0]} for one; write more of it.")
        return found[0] if found else typed

    def _job_ids(self) -> Iterator[str]:
        cursor: str | None = None
        while True:
            page = self.get("/jobs", limit=PAGE, cursor=cursor)
            yield from (str(one["job_id"]) for one in page["jobs"])
            if (cursor := page["next_cursor"]) is None:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.close()


def base_of(server: str) -> str:
    """The address as people write it, with or without `http://`. Raises ServerUnreachable when it is none."""
    address = (server if "://" in server else f"http://{server}").rstrip("/")
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise _no_address(server) from error
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > LAST_PORT:
        raise _no_address(server)
    return address


def credentials() -> dict[str, str]:
    """What a server with accounts asks for: the API token of BALANZA_TOKEN, if there is one."""
    token = os.environ.get("BALANZA_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def is_own(server: str) -> bool:
    """Whether the server is on this computer: a proxy of the environment is then not to be used."""
    host = httpx2.URL(server).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def reachable(server: str) -> Iterator[None]:
    """Turns what goes wrong on the way into one sentence."""
    try:
        yield
    except httpx2.ConnectError as error:
        raise ServerUnreachable(
            f"No server answers at {server}; start one with `balanza up`, or name another with --server."
        ) from error
    except httpx2.HTTPError as error:
        why = str(error).rstrip(".") or type(error).__name__
        raise ServerUnreachable(f"The connection to {server} failed: {why}.") from error


def answer_of(response: httpx2.Response) -> Any:
    """The JSON of an answer. Raises BalanzaError with the sentence of a problem document."""
    try:
        answer = response.json()
    except ValueError as error:
        raise ServerUnreachable(
            f"{response.url} answered {response.status_code} without JSON: is a Balanza server there?"
        ) from error
    if response.is_success:
        return answer
    problem = answer if isinstance(answer, dict) else {}
    kind = KINDS.get(str(problem.get("type")).rpartition(":")[2], BalanzaError)
    raise kind(problem.get("detail") or f"{response.url} answered {response.status_code} {response.reason_phrase}.")


def _no_address(server: str) -> ServerUnreachable:
    return ServerUnreachable(f"{server!r} is no address of a server; write it like http://127.0.0.1:8000.")
