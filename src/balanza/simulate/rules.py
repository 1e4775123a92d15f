"""By which rules a simulated fleet works: those of the server, or those it is measured against."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from balanza.balancer.order import Order
from balanza.balancer.policies import POLICIES
from balanza.errors import InvalidRequest

LEASE_SECONDS = 10.0
OFFLINE_AFTER_SECONDS = 5.0
MAX_ATTEMPTS = 3
SCRAPE_SECONDS = 5.0
"""How often the seed's first version learned how many jobs each worker had."""


class Binding(StrEnum):
    """When it is settled who runs a job."""

    LATE = "late"
    """When a worker has a free slot: of all pending jobs it takes the first."""
    AT_ARRIVAL = "at_arrival"
    """As soon as it comes: it stays with the worker that was chosen, and nothing is moved."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What can be set on a server, and what can be taken away from it to see what it is good for."""

    policy: str = "least_loaded"
    order: Order = Order.BALANCED
    pausing: bool = True
    guard: bool = True
    look_ahead: bool = True
    fair_share: bool = True
    slot_share: bool = True
    """Who holds fewer slots may have a conversion of another owner paused for a job that is not short."""
    binding: Binding = Binding.LATE
    stale_counts: bool = False
    """A policy sees how many jobs each worker had at the last scrape, not how many it has."""
    clairvoyant: bool = False
    """None of the above: the shortest remaining first, with sizes known, moved between workers at will."""


_BARE = Rules(pausing=False, guard=False, look_ahead=False, fair_share=False)
BASELINES: Mapping[str, Rules] = {
    "first_version": replace(_BARE, order=Order.FIFO, binding=Binding.AT_ARRIVAL, stale_counts=True),
    "central_fifo": replace(_BARE, order=Order.FIFO),
    "clairvoyant": replace(_BARE, clairvoyant=True),
}
"""What the rules are measured against: the seed's first version, one queue in order of arrival, and the bound."""
WITHOUT: Mapping[str, Mapping[str, Any]] = {
    "no_pausing": {"pausing": False},
    "no_guard": {"guard": False},
    "no_look_ahead": {"look_ahead": False},
    "no_fair_share": {"fair_share": False},
    "no_slot_share": {"slot_share": False},
}
NAMES = (*POLICIES, *Order, *WITHOUT, *BASELINES)
"""What can be compared."""


def rules_named(name: str, usual: Rules) -> Rules:
    """The rules of a scenario with that policy, that order, or without that rule; or a baseline.

    Raises InvalidRequest.
    """
    if name in POLICIES:
        return replace(usual, policy=name)
    if name in tuple(Order):
        return replace(usual, order=Order(name))
    if name in WITHOUT:
        return replace(usual, **WITHOUT[name])
    if name in BASELINES:
        return BASELINES[name]
    raise InvalidRequest(f"There is nothing called {name!r} to compare; there are {', '.join(NAMES)}.")
