"""What the scenarios drive: one client of an official SDK, whichever it is, and what it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

PATIENCE_S = 10.0  # a scenario that waits this long has failed

Transport = Literal["websocket", "http_stream", "sse"]
Kind = Literal["stream", "map", "map_clients", "map_users"]


class Refused(Exception):
    """The server answered a command with an error of its protocol."""

    def __init__(self, code: int, message: str, temporary: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.temporary = temporary


class Info(msgspec.Struct, frozen=True):
    """A connection, as presence, joins and publications name it."""

    client: str
    user: str
    conn_info: Any = None
    chan_info: Any = None


class Entry(msgspec.Struct, frozen=True):
    """A publication, or a key of a map."""

    data: Any = None
    offset: int = 0
    tags: dict[str, str] = {}
    info: Info | None = None
    key: str = ""
    removed: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One call of an application's handler. `on` is the channel of a server-side subscription."""

    name: str
    on: str = ""
    code: int = 0
    reason: str = ""
    client: str = ""
    transport: str = ""
    data: Any = None
    recoverable: bool = False
    positioned: bool = False
    was_recovering: bool = False
    recovered: bool = False
    offset: int = 0
    epoch: str = ""
    tags: dict[str, str] = {}
    info: Info | None = None
    key: str = ""
    removed: bool = False
    entries: list[Entry] = []


class History(msgspec.Struct, frozen=True):
    publications: list[Entry]
    offset: int
    epoch: str


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Options of a subscription. `tokens` are handed out by its getToken, one a call."""

    token: str | None = None
    tokens: Sequence[str] | None = None
    data: Any = None
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    delta: Literal["fossil"] | None = None
    tags_filter: dict[str, Any] | None = None
    state: dict[str, Any] | None = None  # the position that getState says
    # JavaScript only, as Python's SDK has no words for them:
    since: dict[str, Any] | None = None
    page_size: int | None = None
    unrecoverable_strategy: str | None = None


class Log:
    """What handlers were called with, in order. Waiting is for news, never for time."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Event()

    def add(self, event: Event) -> None:
        self.events.append(event)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def last(self, name: str) -> Event:
        return self.named(name)[-1]

    @property
    def data(self) -> list[Any]:
        """What was published, as received."""
        return [event.data for event in self.named("publication")]

    async def until(self, condition: Callable[[Log], object]) -> None:
        """Return once it holds. Fails with what was seen when it does not in time."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition(self):
                    await self._news.wait()
        except TimeoutError:
            seen = "\n".join(map(repr, self.events))
            raise AssertionError(f"did not come in {PATIENCE_S} s; seen:\n{seen}") from None

    async def nth(self, name: str, count: int = 1) -> Event:
        """The count-th event of this name, counted from 1."""
        await self.until(lambda log: len(log.named(name)) >= count)
        return self.named(name)[count - 1]


class Subscription(Protocol):
    """Of one channel on one client. Its methods return when the SDK has taken the wish."""

    log: Log

    async def subscribe(self) -> None: ...
    async def unsubscribe(self) -> None: ...

    async def ready(self) -> Event:
        """The latest `subscribed`, once there is one."""
        ...


class MapSubscription(Subscription, Protocol):
    async def publish(self, key: str, data: Any) -> None: ...
    async def remove(self, key: str) -> None: ...


class Client(Protocol):
    """Commands raise Refused when the server refuses."""

    log: Log

    async def connect(self) -> None: ...
    async def disconnect(self) -> None: ...
    async def close(self) -> None: ...

    async def new_subscription(self, channel: str, options: Subscribe) -> Subscription: ...
    async def publish(self, channel: str, data: Any) -> None: ...
    async def rpc(self, method: str, data: Any) -> Any: ...
    async def presence(self, channel: str) -> list[Info]: ...
    async def presence_stats(self, channel: str) -> tuple[int, int]: ...

    async def history(
        self,
        channel: str,
        *,
        limit: int = 0,
        since: tuple[int, str] | None = None,
        reverse: bool = False,
    ) -> History: ...


async def ready(log: Log) -> Event:
    """The latest `subscribed` of a subscription, once there is one."""
    await log.until(lambda log: log.named("subscribed"))
    return log.last("subscribed")
