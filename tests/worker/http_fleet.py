"""The server in memory behind a real HTTP server, which can be stopped and started again on the same port."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from balanza.errors import BalanzaError
from balanza.protocol import (
    PACE_HEADER,
    PROTOCOL,
    PROTOCOL_HEADER,
    Completion,
    Completions,
    Failure,
    Heartbeat,
    LeaseRequest,
    Problem,
    Refused,
    Registration,
)
from tests.support.waiting import eventually
from tests.worker.fleet import Fleet


class Leaving(BaseModel):
    worker_id: str
    instance: str


class HttpFleet:
    """Serves `fleet` at `url` between `start` and `stop`."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.answer_instead: Response | None = None
        """Given to every request in place of the real answer."""
        self.protocol: str | None = str(PROTOCOL)
        """What it says that it speaks; an old server says nothing."""
        self.pace: str | None = None
        self.delay_seconds = 0.0
        self.cut_source_after: int | None = None
        """Breaks the connection after so many bytes of a source, `cuts` times."""
        self.cuts = 1
        self.answer_to_results: Response | None = None
        """Given to every result in place of storing it."""
        self.connections: set[tuple[str, int]] = set()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        config = uvicorn.Config(_app(self), host="127.0.0.1", port=self.port, log_config=None, lifespan="off")
        self._socket.close()
        self._server = server = uvicorn.Server(config)
        self._thread = threading.Thread(target=server.run)
        self._thread.start()
        eventually(lambda: server.started)

    def stop(self) -> None:
        """As a crash: connections are cut, long polls unanswered."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)
            assert not self._thread.is_alive()
            self._server = None


def _app(http: HttpFleet) -> FastAPI:
    app = FastAPI()
    fleet = http.fleet

    @app.exception_handler(BalanzaError)
    async def problem(_request: Request, error: BalanzaError) -> Response:
        return JSONResponse(_told(error).model_dump(), error.status, media_type="application/problem+json")

    @app.middleware("http")
    async def misbehave(request: Request, proceed: Any) -> Response:
        assert request.client is not None
        http.connections.add((request.client.host, request.client.port))
        await asyncio.sleep(http.delay_seconds)
        answer: Response = http.answer_instead or await proceed(request)
        return answer

    @app.post("/fleet/register")
    async def register(registration: Registration, response: Response) -> Any:
        if http.protocol is not None:
            response.headers[PROTOCOL_HEADER] = http.protocol
        return await fleet.register(registration)

    @app.post("/fleet/heartbeat")
    async def heartbeat(heartbeat: Heartbeat, response: Response) -> Any:
        response.headers.update({PACE_HEADER: http.pace} if http.pace else {})
        return await fleet.heartbeat(heartbeat)

    @app.post("/fleet/lease")
    async def lease(request: LeaseRequest) -> Any:
        return await fleet.lease(request) or Response(status_code=204)

    @app.post("/fleet/leave", status_code=204)
    async def leave(leaving: Leaving) -> None:
        await fleet.leave(leaving.worker_id, leaving.instance)

    @app.get("/fleet/leases/{token}/source")
    async def source(token: str) -> Response:
        grant = fleet.held(token)

        async def pieces() -> AsyncIterator[bytes]:
            sent = 0
            for piece in fleet.storage.read(grant.source.storage_key):
                if http.cut_source_after is not None and sent + len(piece) > http.cut_source_after:
                    http.cuts -= 1
                    http.cut_source_after = http.cut_source_after if http.cuts else None
                    raise ConnectionResetError("cut on purpose")
                yield piece
                sent += len(piece)

        return StreamingResponse(pieces(), headers={"Content-Length": str(grant.source.size_bytes)})

    @app.put("/fleet/leases/{token}/result")
    async def result(token: str, request: Request) -> Any:
        if http.answer_to_results:
            return http.answer_to_results
        writer = fleet.storage.writer(fleet.held(token).output_key)
        async for piece in request.stream():
            writer.write(piece)
        return writer.commit()

    @app.post("/fleet/leases/{token}/complete", status_code=204)
    async def complete(token: str, completion: Completion) -> None:
        await fleet.complete(token, completion)

    @app.post("/fleet/complete")
    async def complete_several(several: Completions) -> Refused:
        refused = await fleet.complete_several(several.completions)
        return Refused(refused={token: _told(error) for token, error in refused.items()})

    @app.post("/fleet/leases/{token}/fail", status_code=204)
    async def fail(token: str, failure: Failure) -> None:
        await fleet.fail(token, failure)

    @app.post("/fleet/leases/{token}/release", status_code=204)
    async def release(token: str) -> None:
        await fleet.release(token)

    return app


def _told(error: BalanzaError) -> Problem:
    return Problem(
        type=f"urn:balanza:problem:{error.slug}", title=error.title, status=error.status, detail=error.sentence
    )
