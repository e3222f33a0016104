"""A socket of the official SDK, and what came over each of its channels, with every hole noted."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import centrifuge

from tests.integration.embedded.processes import until

# Generous: an answer that takes this long has not come.
WITHIN_S = 45.0


class Channel(centrifuge.SubscriptionEventHandler):  # type: ignore[misc]  # the SDK has no types
    """`data` of the publications in the order they came; `offset` of the last one.

    `holes`: each time that the offset after one was not its successor. `recovered`, `unrecovered`:
    how often it came back, and the server brought what was missed, or said that it could not. Of
    a channel of newest values there are no offsets. `ended`: the code with which it was
    unsubscribed or refused.
    """

    def __init__(self, name: str, listener: Callable[[Any], None] | None = None) -> None:
        self.name = name
        self._listener = listener
        self.data: list[Any] = []
        self.offset: int | None = None
        self.holes: list[str] = []
        self.recovered = 0
        self.unrecovered = 0
        self.ended: int | None = None
        self.errors: list[str] = []
        self._subscribed = 0

    async def on_subscribed(self, ctx: centrifuge.SubscribedContext) -> None:
        self._subscribed += 1
        self.ended = None
        if not ctx.recoverable:
            return
        if ctx.was_recovering and ctx.recovered:
            self.recovered += 1
            return
        self.unrecovered += self._subscribed > 1
        self.offset = ctx.stream_position.offset

    async def on_publication(self, ctx: centrifuge.PublicationContext) -> None:
        if self.offset is not None:
            if ctx.pub.offset != self.offset + 1:
                self.holes.append(f"{self.name}: {ctx.pub.offset} came after {self.offset}")
            self.offset = ctx.pub.offset
        self.data.append(ctx.pub.data)
        if self._listener is not None:
            self._listener(ctx.pub.data)

    async def on_error(self, ctx: centrifuge.SubscriptionErrorContext) -> None:
        self.errors.append(str(ctx.error))

    async def on_unsubscribed(self, ctx: centrifuge.UnsubscribedContext) -> None:
        self.ended = ctx.code

    @property
    def settled(self) -> bool:
        """Subscribed, or told that it will not be."""
        return self._subscribed > 0 or self.ended is not None

    async def until(self, holds: Callable[[Any], object]) -> Any:
        """The first publication of which this holds."""
        await until(
            lambda: any(holds(one) for one in self.data),
            WITHIN_S,
            f"it comes on {self.name}; there was {self.data[-5:]}",
        )
        return next(one for one in self.data if holds(one))

    async def lost(self) -> int:
        """Wait until the server has ended the subscription: the code it gave."""
        await until(lambda: self.ended is not None, WITHIN_S, f"{self.name} ends")
        assert self.ended is not None
        return self.ended


class Line:
    """An `async with`: connected inside. `channels` by name."""

    def __init__(self, url: str, token: str) -> None:
        self.channels: dict[str, Channel] = {}
        self.client = centrifuge.Client(
            f"{url.replace('http', 'ws', 1)}/connection/websocket",
            token=token,
            timeout=20.0,
            max_reconnect_delay=0.5,
            proxy=None,
        )

    async def __aenter__(self) -> Line:
        await self.client.connect()
        await self.client.ready(WITHIN_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.disconnect()

    async def begin(self, name: str, listener: Callable[[Any], None] | None = None) -> Channel:
        """Ask for a channel, or ask again, without waiting for the answer."""
        known = self.client.get_subscription(name)
        if known is not None:
            self.client.remove_subscription(known)
        channel = self.channels[name] = Channel(name, listener)
        subscription = self.client.new_subscription(name, channel, max_resubscribe_delay=0.5)
        await subscription.subscribe()
        return channel

    async def listen(self, name: str, listener: Callable[[Any], None] | None = None) -> Channel:
        """Subscribed to it. Fails where that is refused. `listener` gets each publication."""
        channel = await self.begin(name, listener)
        await until(lambda: channel.settled, WITHIN_S, f"an answer about {name}")
        assert channel.ended is None, f"{name} was refused: {channel.ended}"
        return channel

    async def refused(self, name: str) -> int:
        """The code with which a subscription is refused. Fails where it is not."""
        channel = await self.begin(name)
        await until(lambda: channel.settled, WITHIN_S, f"an answer about {name}")
        assert channel.ended is not None, f"{name} was not refused"
        return channel.ended

    async def call(self, method: str, **arguments: object) -> Any:
        """The answer to an rpc. Raises centrifuge.ReplyError where it is refused."""
        return (await self.client.rpc(method, arguments)).data
