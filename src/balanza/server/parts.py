"""What the server is made of, and how endpoints get at it."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Self, cast

from anyio import CapacityLimiter
from fastapi import Depends, Request

from balanza.dispatch.accounts import Accounts
from balanza.dispatch.derived import Derivations
from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.library import Library
from balanza.dispatch.login import Login
from balanza.dispatch.oidc import Attempts
from balanza.dispatch.sharing import Sharing
from balanza.dispatch.uploads import Uploads
from balanza.model import LOCAL, Principal
from balanza.server.bells import Bells
from balanza.server.live import Feed
from balanza.server.metrics import Metrics
from balanza.server.numbers import Numbers

if TYPE_CHECKING:
    from balanza.server.provider import Provider


@dataclass(frozen=True, slots=True)
class Parts:
    """All that does not depend on a running event loop; library, jobs, links and uploads are those of who asks."""

    desk: Desk
    dispatcher: Dispatcher
    fleet: Fleet
    library: Library
    sharing: Sharing
    uploads: Uploads
    metrics: Metrics
    derivations: Derivations
    accounts: Accounts
    login: Login
    numbers: Numbers
    provider: "Provider | None" = None
    """Through which people can log in as well."""
    attempts: Attempts = field(default_factory=Attempts)
    asked_by: Principal = LOCAL

    def of(self, principal: Principal) -> Self:
        """The same, as far as that person may see it."""
        owner_id = principal.user_id
        return replace(
            self,
            asked_by=principal,
            dispatcher=self.dispatcher.of(owner_id),
            library=self.library.of(owner_id),
            sharing=self.sharing.of(owner_id),
            uploads=self.uploads.of(owner_id),
            derivations=self.derivations.of(owner_id),
        )


@dataclass(frozen=True, slots=True)
class LoopParts:
    """What lives as long as the event loop of one server."""

    bells: Bells
    feed: Feed
    file_threads: CapacityLimiter
    """How many threads read and write stored files at once; others stay free for short questions."""
    admitting_threads: CapacityLimiter
    """How many uploads are flushed and looked into at once: a slow look must not hold up the files of others."""
    provider_threads: CapacityLimiter
    """How many log-ins wait for the identity provider at once."""
    password_threads: CapacityLimiter
    """How many passwords are worked on at once; those that wait for their turn hold no thread."""


def parts_of(request: Request) -> Parts:
    """As nobody in particular sees them."""
    return cast(Parts, request.app.state.parts)


async def _parts(request: Request) -> Parts:
    return parts_of(request)


async def _loop_parts(request: Request) -> LoopParts:
    return cast(LoopParts, request.app.state.loop_parts)


# Coroutines, although they wait for nothing: FastAPI would run plain functions in another thread.
PartsDep = Annotated[Parts, Depends(_parts)]
LoopPartsDep = Annotated[LoopParts, Depends(_loop_parts)]
