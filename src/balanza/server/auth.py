"""Who asks, and whether they may: what endpoints depend on. Each gets the parts of the server as that person sees it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends

from balanza.errors import Refused
from balanza.model import LOCAL, Principal, Scope
from balanza.server.parts import Parts, PartsDep


async def _principal() -> Principal:
    return LOCAL


Asking = Annotated[Principal, Depends(_principal)]


def _with_scope(needed: Scope) -> Callable[[Parts, Principal], Awaitable[Parts]]:
    async def parts_of(parts: PartsDep, principal: Asking) -> Parts:
        if not principal.scope.covers(needed):
            raise Refused(f"This needs the scope {needed}, and what was shown with the request has {principal.scope}.")
        return parts.of(principal)

    return parts_of


Reader = Annotated[Parts, Depends(_with_scope(Scope.READ))]
Converter = Annotated[Parts, Depends(_with_scope(Scope.CONVERT))]
Admin = Annotated[Parts, Depends(_with_scope(Scope.ADMIN))]
StatsReader = Annotated[Parts, Depends(_with_scope(Scope.READ))]
"""Whoever may see how loaded the fleet is."""
