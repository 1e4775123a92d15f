"""Numbers that everybody counts together, of jobs, decisions and events, shown so that nobody can count.

Who had two of them would else know how much others did meanwhile. With accounts they are shown as a keyed permutation
has them: a Feistel network (Luby and Rackoff, How to Construct Pseudorandom Permutations, 1988) of eight rounds.
"""

import hmac

from balanza.settings import Settings

_HALF_BITS = 26
"""52 in all: the largest number that JavaScript tells from its neighbours has 53."""
_HALF = (1 << _HALF_BITS) - 1
_ROUNDS = 8


class Numbers:
    """The same on all servers that have the same secret of the fleet."""

    def __init__(self, settings: Settings) -> None:
        self._key: bytes | None = None
        if settings.has_accounts and settings.fleet_token:
            self._key = hmac.digest(settings.fleet_token.get_secret_value().encode(), b"numbers", "sha256")

    def shown(self, number: int) -> int:
        return self._permuted(number, range(_ROUNDS))

    def meant(self, shown: int) -> int:
        """Of which number that was shown; what never was shown may be any."""
        return _swapped(self._permuted(_swapped(shown), range(_ROUNDS - 1, -1, -1)))

    def _permuted(self, number: int, rounds: range) -> int:
        if self._key is None or number >> 2 * _HALF_BITS:
            return number
        left, right = number >> _HALF_BITS, number & _HALF
        for one in rounds:
            mixed = hmac.digest(self._key, bytes([one]) + right.to_bytes(4, "big"), "sha256")
            left, right = right, left ^ (int.from_bytes(mixed[:4], "big") & _HALF)
        return left << _HALF_BITS | right


def _swapped(number: int) -> int:
    """With its halves changed round; beyond them it stays as it is."""
    return number if number >> 2 * _HALF_BITS else (number & _HALF) << _HALF_BITS | number >> _HALF_BITS
