"""Which pending job runs next: priority, then fair share between owners, then the shortest predicted. Pure.

The guard: every tenth dispatch takes the oldest pending job instead, whatever its priority, owner and length. So every
wait is bounded: a job with n older ones has started after at most 10 (n + 1) dispatches. Docs: docs/balancing.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import heapify, heappop, heapreplace

from balanza.model import LOCAL_USER

GUARD_EVERY = 10

_EVERYBODY = ""
_OF_A_BATCH = 1e-9
"""So little that within a batch the length decides, and between jobs of their own the place of the whole batch."""


class Order(StrEnum):
    BALANCED = "balanced"
    """Fair share between owners, shortest predicted first: the least mean slowdown."""
    FIFO = "fifo"
    """In order of arrival."""
    LPT = "lpt"
    """Longest predicted first (Graham 1969): the least time until all are done."""


class Rule(StrEnum):
    """Why a job was the next."""

    OLDEST = "oldest"
    """The guard."""
    PRIORITY = "priority"
    """There were others, of lower priority."""
    FAIR_SHARE = "fair_share"
    """There were others, of owners who had been served more."""
    SHORTEST = "shortest"
    LONGEST = "longest"
    ARRIVAL = "arrival"


@dataclass(frozen=True, slots=True)
class Head:
    """The job that comes first among those of one share."""

    job_id: str
    seq: int
    """The order of arrival."""
    share: str
    """Whose turn it would be: `share_of` its owner."""
    priority: int
    served_seconds: float
    """Predicted work of this share that has been dispatched."""
    order_key: float
    """`order_key` of its job."""


def share_of(order: Order, owner_id: str) -> str:
    """Between whom work is shared fairly: owners, or, when only the time of arrival or the length counts, nobody."""
    return owner_id if order is Order.BALANCED else _EVERYBODY


def order_key(
    order: Order, predicted_seconds: float, *, arrived_at: float, batch_mean_seconds: float | None = None
) -> float:
    """Of one share and priority the job with the least key comes first, of equal ones the one that arrived first.

    A batch that asks for the shortest total time stands where its mean job would, and within it the longest comes
    first. `arrived_at` is a time in seconds, of whatever clock.
    """
    if order is Order.FIFO:
        return arrived_at
    if order is Order.LPT:
        return -predicted_seconds
    if batch_mean_seconds is None:
        return predicted_seconds
    return batch_mean_seconds * (1 - _OF_A_BATCH * predicted_seconds)


def is_guards_turn(dispatches: int) -> bool:
    """Whether the next dispatch, after so many, takes the oldest job."""
    return dispatches % GUARD_EVERY == GUARD_EVERY - 1


def first_of(heads: Iterable[Head]) -> Head | None:
    """Whose turn it is: the highest priority, of it the share served least, of it the least key."""
    return min(heads, key=_rank, default=None)


def in_order(heads: Iterable[Head], seconds: Mapping[str, float]) -> list[str]:
    """The ids of all these jobs in the order in which they are dispatched, the guard apart.

    `seconds` is the predicted work of each by id: what its share will have been served with it.
    """
    shares: dict[str, list[Head]] = {}
    for head in sorted(heads, key=_rank, reverse=True):
        shares.setdefault(head.share, []).append(head)
    firsts = [(_rank(waiting[-1]), share) for share, waiting in shares.items()]
    heapify(firsts)
    ordered, served = [], {share: waiting[-1].served_seconds for share, waiting in shares.items()}
    while firsts:
        _, share = firsts[0]
        taken = shares[share].pop()
        ordered.append(taken.job_id)
        served[share] += seconds[taken.job_id]
        if shares[share]:
            following = replace(shares[share][-1], served_seconds=served[share])
            heapreplace(firsts, (_rank(following), share))
        else:
            heappop(firsts)
    return ordered


def joined_at(served_seconds: float, others_served_seconds: Iterable[float]) -> float:
    """What counts as served to a share that had nothing pending and now has: no credit is saved up while away."""
    return max(served_seconds, min(others_served_seconds, default=served_seconds))


def rule_of(order: Order, chosen: Head, others: Iterable[Head]) -> Rule:
    """What decided that `chosen` came first among the heads of all shares."""
    rivals = [one for one in others if one.job_id != chosen.job_id]
    if rivals and all(one.priority < chosen.priority for one in rivals):
        return Rule.PRIORITY
    if any(one.priority == chosen.priority and one.served_seconds > chosen.served_seconds for one in rivals):
        return Rule.FAIR_SHARE
    return {Order.BALANCED: Rule.SHORTEST, Order.FIFO: Rule.ARRIVAL, Order.LPT: Rule.LONGEST}[order]


def most_priority(owner_id: str, *, is_admin: bool) -> int:
    """What priority a person may ask for: the usual one, and more only who works alone here or keeps the fleet."""
    return 100 if is_admin or owner_id == LOCAL_USER else 50


def _rank(head: Head) -> tuple[int, float, float, int]:
    return -head.priority, head.served_seconds, head.order_key, head.seq
