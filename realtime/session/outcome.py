"""How work that an effect asked for ended well, as the shell tells the session."""

from __future__ import annotations

from msgspec import Raw, Struct

from realtime.ports import SubscribeOptions
from realtime.protocol.messages import NO_DATA, SubscribeResult


class Joined(Struct, frozen=True):
    """How a join ended well. `ttl_s`: seconds until it must be refreshed, None for never.

    `options` None: a page of a map's state was read, which is no subscription yet.
    """

    result: SubscribeResult
    options: SubscribeOptions | None
    ttl_s: float | None = None


class Welcome(Struct, frozen=True):
    """What a connect reply says beside the subscriptions. `ttl_s`: None for no end.

    `session` and `node`: only for transports that need them. `time`: Unix milliseconds.
    """

    ttl_s: float | None = None
    data: Raw = NO_DATA
    session: str = ""
    node: str = ""
    time: int = 0
