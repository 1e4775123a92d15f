"""The application: routes, guard, problem documents and measurements, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

import balanza
from balanza.server import (
    accounts,
    decisions,
    derived,
    events,
    fleet,
    health,
    history,
    jobs,
    library,
    oidc,
    openapi,
    pages,
    problems,
    share,
    targets,
    tus,
    users,
    workers,
    zips,
)
from balanza.server.addresses import allowed_names, public_origin
from balanza.server.bells import Bells
from balanza.server.compression import Compressed
from balanza.server.guard import Guard
from balanza.server.live import Feed
from balanza.server.metrics import Timed
from balanza.server.parts import LoopParts, Parts
from balanza.settings import Settings

REQUEST_THREADS = 40
"""For short questions to the database. SQLite's writer commits what several of them wait for together."""
FILE_THREADS = 16
"""For pieces of uploads and downloads; more at once only wait for the same disk."""
ADMITTING_THREADS = 8
"""For uploads that are complete: files are looked into one at a time, the others are flushed meanwhile."""

PROVIDER_THREADS = 8
"""For log-ins through an identity provider: one that does not answer must not hold up everything else."""
PASSWORD_THREADS = 4
"""For whatever hashes a password, two of them at once; the others are at the database meanwhile."""

ROUTERS = (
    # A request is compared with one route after the other: those of workers come first, of which there are most.
    fleet.router,
    fleet.results,
    accounts.router,
    oidc.router,
    users.router,
    library.router,
    library.names,
    zips.router,
    derived.router,
    tus.router,
    jobs.router,
    share.router,
    decisions.router,
    workers.router,
    history.router,
    events.router,
    health.router,
    targets.router,
)


def create_app(parts: Parts) -> FastAPI:
    """The server as an ASGI application. Uploads and events need its lifespan."""
    app = FastAPI(
        title="Balanza",
        version=balanza.__version__,
        summary="Converts media files on a fleet of workers: each job goes to the least loaded one.",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": "."}],
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.parts = parts
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    problems.install(app)
    openapi.describe_problems(app)
    pages.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Compressed)
    # The last one added is the outermost.
    app.add_middleware(problems.Incidents)
    settings = parts.desk.settings
    app.add_middleware(Guard, allowed=_allowed(settings), own_origin=public_origin(settings.public_url))
    app.add_middleware(Timed, metrics=parts.metrics)
    return app


def _allowed(settings: Settings) -> frozenset[str] | None:
    """The names under which the server may be reached; None: any."""
    named = allowed_names(settings.allowed_hosts)
    if settings.public_url is not None:
        named |= {urlsplit(settings.public_url).hostname or ""}
    return None if settings.has_accounts and not settings.allowed_hosts else named


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    to_thread.current_default_thread_limiter().total_tokens = REQUEST_THREADS
    bells = Bells(parts.desk.signals)
    feed = Feed(parts.desk.database, bells, parts.numbers)
    threads = (FILE_THREADS, ADMITTING_THREADS, PROVIDER_THREADS, PASSWORD_THREADS)
    limits = (CapacityLimiter(most) for most in threads)
    app.state.loop_parts = LoopParts(bells, feed, *limits)
    following = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        bells.close()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
