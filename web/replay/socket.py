"""A socket as a device or an ops desk has it: the official SDK, one channel, and calls that land.

Cut sockets are opened again by the SDK, which recovers what was published meanwhile; `gaps` counts
the times that it could not. A call is repeated, under the command id in its arguments, until it is
answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Any, Final

from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ClientState,
    ConnectedContext,
    DisconnectedContext,
    PublicationContext,
    ReplyError,
    SubscribedContext,
    SubscriptionEventHandler,
    SubscriptionState,
    UnsubscribedContext,
)

from web.replay.errors import ReplayError

PATH: Final = "/connection/websocket"
_ATTEMPT_S: Final = 10.0
# From what was only busy, or a cut, to the restart of a service that all devices call at once.
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
# A server that told us to stay away is asked again all the same: it is being restarted, which takes
# it a second or two.
_COME_BACK_S: Final = 1.0
# Errors that are not marked as temporary, and yet are: the server's own fault or our haste.
_AGAIN: Final = frozenset({100, 111, 503})
_jitter = SystemRandom()


class CallRefused(Exception):
    """The application refused a call. `code` as in REST; `message` begins with the domain's."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {code} {message}")
        self.code = code
        self.message = message


def socket_url(url: str) -> str:
    """Where the sockets of the service at this http(s) URL are."""
    scheme, _, rest = url.rstrip("/").partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}{PATH}"


class Socket:
    """`on_fact(data, offset)` for each publication; `on_subscribed(gap)` each time it is (again)
    subscribed, with whether something was missed. Neither may block.

    `trust` as with a Door. `reconnects`: times it was cut and is back. `told`: telemetry messages
    sent.
    """

    def __init__(
        self,
        url: str,
        get_token: Callable[[], Awaitable[str]],
        channel: str,
        on_fact: Callable[[Any, int], None],
        on_subscribed: Callable[[bool], None] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.channel = channel
        self.reconnects = 0
        self.gaps = 0
        self.told = 0
        self._on_fact = on_fact
        self._on_subscribed = on_subscribed
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._telling: asyncio.Task[None] | None = None
        self._connections = 0
        self._subscriptions = 0
        self._client = Client(
            socket_url(url),
            events=_ClientEvents(self),
            get_token=get_token,
            timeout=_ATTEMPT_S,
            max_reconnect_delay=_LONGEST_PAUSE_S,
            name="maxray-replay",
            proxy=None,
            ssl_context=trust if url.startswith("https:") else None,
        )
        self._subscription = self._client.new_subscription(
            channel, events=_SubscriptionEvents(self), max_resubscribe_delay=_LONGEST_PAUSE_S
        )

    async def open(self, patience_s: float) -> None:
        """Connect and subscribe. Raises ReplayError when that did not come about in time."""
        self._closing = False
        await self._client.connect()
        await self._subscription.subscribe()
        try:
            await self._subscription.ready(timeout=patience_s)
        except CentrifugeError as error:
            await self.close()
            raise ReplayError(f"{self.channel}: not subscribed: {error}") from None

    async def close(self) -> None:
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.disconnect()

    async def call(self, method: str, data: object) -> Any:
        """The answer to a call, sent until there is one: `data` must carry the command's id, or
        change nothing. Raises CallRefused."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return (await self._client.rpc(method, data, timeout=_ATTEMPT_S)).data
            except ReplyError as error:
                if not error.temporary and error.code not in _AGAIN:
                    raise CallRefused(method, error.code, error.message) from None
            except CentrifugeError:
                pass  # cut, or not answered in time: an unknown outcome
            await asyncio.sleep(pause_s * _jitter.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def tell(self, method: str, data: object) -> bool:
        """Send telemetry, once, and do not wait. False: not connected, or the last is under way."""
        if self._client.state != ClientState.CONNECTED:
            return False
        if self._telling is not None and not self._telling.done():
            return False
        self.told += 1
        self._telling = self._spawn(self._tell(method, data))
        return True

    async def _tell(self, method: str, data: object) -> None:
        with contextlib.suppress(CentrifugeError):
            await self._client.rpc(method, data, timeout=_ATTEMPT_S)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def connected(self) -> None:
        self._connections += 1
        self.reconnects = self._connections - 1

    def disconnected(self) -> None:
        """For good, says the server."""
        if not self._closing:
            self._spawn(self._come_back())

    async def _come_back(self) -> None:
        await asyncio.sleep(_COME_BACK_S)
        await self._client.connect()
        if self._subscription.state == SubscriptionState.UNSUBSCRIBED:
            await self._subscription.subscribe()

    def subscribed(self, was_recovering: bool, recovered: bool) -> None:
        gap = self._subscriptions > 0 and not (was_recovering and recovered)
        self._subscriptions += 1
        self.gaps += gap
        if self._on_subscribed is not None:
            self._on_subscribed(gap)

    def fact(self, data: Any, offset: int) -> None:
        self._on_fact(data, offset)


class _ClientEvents(ClientEventHandler):  # type: ignore[misc]  # the SDK has no types
    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def on_connected(self, ctx: ConnectedContext) -> None:
        self._socket.connected()

    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        self._socket.disconnected()


class _SubscriptionEvents(SubscriptionEventHandler):  # type: ignore[misc]  # nor here
    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self._socket.subscribed(ctx.was_recovering, ctx.recovered)

    async def on_publication(self, ctx: PublicationContext) -> None:
        self._socket.fact(ctx.pub.data, ctx.pub.offset)

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self._socket.disconnected()
