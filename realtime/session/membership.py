"""What a session keeps of the channels its client is subscribed to, or about to be."""

from __future__ import annotations

from realtime.ports import SubscribeOptions
from realtime.protocol.messages import SubscribeRequest
from realtime.session.deadlines import NEVER
from realtime.session.effect import Arrive, Join, Leave


class Membership:
    """`pending`: the id of the join under way, below zero for one of the server's; 0 once there.

    `server_side`: it was the server's wish. `expire_at`: monotonic seconds. `options`: what it is
    like, None while it is pending.
    """

    __slots__ = ("expire_at", "options", "pending", "server_side")

    def __init__(self, pending: int) -> None:
        self.pending = pending
        self.server_side = pending < 0
        self.expire_at = NEVER
        self.options: SubscribeOptions | None = None


class Memberships(dict[str, Membership]):
    """By channel. `grace_s`: how long after its time an expired one may still be refreshed.

    `expires_at`: when `expired` has something to say at the earliest.
    """

    __slots__ = ("_grace_s", "_server_joins", "expires_at")

    def __init__(self, grace_s: float) -> None:
        super().__init__()
        self._grace_s = grace_s
        self._server_joins = 0
        self.expires_at = NEVER

    def server_join(self, request: SubscribeRequest, options: SubscribeOptions) -> Join:
        """The server wishes one."""
        self._server_joins -= 1
        self[request.channel] = Membership(self._server_joins)
        return Join(self._server_joins, request, options)

    def pending(self, id_: int, channel: str) -> Membership | None:
        """The one that this join was for, if it is still wanted."""
        member = self.get(channel)
        return member if member is not None and member.pending == id_ else None

    def establish(
        self, channel: str, options: SubscribeOptions, ttl_s: float | None, now: float
    ) -> Arrive:
        member = self[channel]
        member.pending = 0
        member.options = options
        self.prolong(channel, ttl_s, now)
        return Arrive(channel, options)

    def prolong(self, channel: str, ttl_s: float | None, now: float) -> None:
        """Until when it stands; None for ever."""
        member = self.get(channel)
        if member is None or member.pending:
            return
        member.expire_at = NEVER if ttl_s is None else now + ttl_s + self._grace_s
        self.expires_at = min(self.expires_at, member.expire_at)

    def expired(self, now: float) -> list[str]:
        """The channels whose time has passed; drop them before the next call."""
        if now < self.expires_at:
            return []
        over = [channel for channel, member in self.items() if now >= member.expire_at]
        left = (member.expire_at for member in self.values() if now < member.expire_at)
        self.expires_at = min(left, default=NEVER)
        return over

    def drop(self, channel: str) -> Leave:
        return Leave(channel, self.pop(channel).options)

    def drop_all(self) -> list[Leave]:
        self.expires_at = NEVER
        return [self.drop(channel) for channel in list(self)]
