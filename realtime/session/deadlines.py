"""When a connection must have done something, and when the server owes it a ping."""

from __future__ import annotations

from realtime import codes
from realtime.codes import Disconnect
from realtime.settings import RealtimeSettings

NEVER = float("inf")


class Deadlines:
    """Times are monotonic seconds. `next` is when there is something to see to at the earliest."""

    __slots__ = ("_connect_by", "_expire_at", "_ping_at", "_pong_by", "_settings", "_unanswered")

    def __init__(self, settings: RealtimeSettings, now: float) -> None:
        self._settings = settings
        self._connect_by = now + settings.connect_timeout_s
        self._ping_at = NEVER
        self._pong_by = NEVER
        self._expire_at = NEVER
        self._unanswered = 0

    @property
    def next(self) -> float:
        return min(self._connect_by, self._ping_at, self._pong_by, self._expire_at)

    def connected(self, now: float, first_ping_s: float) -> None:
        self._connect_by = NEVER
        self._ping_at = now + first_ping_s

    def extend(self, ttl_s: float | None, now: float) -> int:
        """Until when the connection stands; returns the ttl as it travels, 0 for no end."""
        if ttl_s is None:
            self._expire_at = NEVER
            return 0
        self._expire_at = now + ttl_s + self._settings.expired_close_delay_s
        return whole_seconds(ttl_s)

    def passed(self, now: float) -> Disconnect | None:
        """Why the connection has to end, if one of them has passed."""
        if now >= self._connect_by:
            return codes.DISCONNECT_STALE
        if now >= self._expire_at:
            return codes.DISCONNECT_EXPIRED
        if now >= self._pong_by:
            return codes.DISCONNECT_NO_PONG
        return None

    def ping(self, now: float) -> bool:
        """Whether a ping is to be sent now."""
        if now < self._ping_at:
            return False
        self._ping_at = now + self._settings.ping_interval_s
        self._pong_by = min(self._pong_by, now + self._settings.pong_timeout_s)
        self._unanswered += 1
        return True

    def pong(self) -> bool:
        """An answer came; whether there was a ping to answer."""
        self._pong_by = NEVER
        self._unanswered -= 1
        return self._unanswered >= 0

    def clear(self) -> None:
        """Nothing is waited for any more."""
        self._connect_by = self._ping_at = self._pong_by = self._expire_at = NEVER


def whole_seconds(ttl_s: float) -> int:
    """A time to live as it travels: 0 would mean that there is no end."""
    return max(1, int(ttl_s))
