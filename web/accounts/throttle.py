"""Attempts that fail cost time: how much, and where that is counted.

Each attempt is counted *before* it is looked at, in one atomic step, so that a thousand at once are
no better than one after the other; what succeeded is taken back. After some free ones each attempt
opens a delay in which the next is not even looked at, twice as long each time up to a cap.

Nobody is locked out by a stranger. Guesses are counted for the network that they come from, and
only where many networks guess at one account does it slow all that come from nowhere, by a minute
at most. A login that brings the device token of an earlier one is counted for that device alone,
and whoever resets the password by mail is given such a token. Asking for letters is counted for the
network alone: a mailbox has no counter that a stranger could keep up (letters.py leaves out letters
instead).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

_HOUR_S: Final = 3600.0


class Rule(Struct, frozen=True):
    """`free` attempts, then delays from `first_s` to `cap_s`; forgotten `keep_s` after the last."""

    free: int
    first_s: float
    cap_s: float
    keep_s: float = _HOUR_S

    def delay_s(self, attempts: int) -> float:
        """After this many."""
        if attempts <= self.free:
            return 0.0
        # Past 2^20 the cap has long been reached; floats end at 2^1024.
        return min(self.cap_s, self.first_s * 2.0 ** min(attempts - self.free - 1, 20))


class Counter(Struct, frozen=True):
    """What is counted under one name. Names hold nothing clear: Redis keeps them."""

    name: str
    rule: Rule


# Guesses at one account from one network, or by whoever holds one of its access tokens.
GUESSES: Final = Rule(free=5, first_s=1.0, cap_s=300.0)
# Guesses at one account by anybody unknown, from wherever. One a minute is of no use against
# passwords that take 10^8 guesses. GUESSES lets a network in every five minutes: it takes five that
# work together to keep this up, and one that goes on alone stops nobody for more than a minute.
ACCOUNT: Final = Rule(free=30, first_s=1.0, cap_s=60.0)
# From a device that was logged in before.
DEVICE: Final = Rule(free=10, first_s=1.0, cap_s=300.0)
# One password tried on many accounts. A hospital stands behind one address.
ADDRESS: Final = Rule(free=50, first_s=1.0, cap_s=120.0)
# Codes at one account, beside the five a session allows.
FACTOR: Final = Rule(free=10, first_s=2.0, cap_s=300.0)
# Other addresses that one account is to have: each is a letter to somebody.
CHANGES: Final = Rule(free=3, first_s=60.0, cap_s=_HOUR_S, keep_s=24 * _HOUR_S)
# Sign-ups, resets and other addresses asked for from one network, each kind for itself.
REQUESTS: Final = Rule(free=20, first_s=5.0, cap_s=600.0)


class Throttle(Protocol):
    """Implementations: throttle_memory.py, throttle_redis.py, and throttle_fallback.py of both."""

    async def attempt(self, counters: Sequence[Counter], now: float) -> float:
        """0.0: go on, it is counted. Else the seconds to wait, and it is counted nowhere."""
        ...

    async def forgive(self, names: Sequence[str]) -> None:
        """The right one came: forget what was counted."""
        ...

    async def take_back(self, names: Sequence[str]) -> None:
        """One attempt of these was none: others may have been."""
        ...


class ThrottleUnavailable(Exception):
    """The counters are out of reach just now."""
