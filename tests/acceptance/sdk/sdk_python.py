"""The Python SDK in this process."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import centrifuge
import msgspec
from centrifuge.filter import FilterNode

from tests.acceptance.sdk.sdk import Entry, Event, History, Info, Log, Refused, Subscribe, ready


class _Payload:
    """Payloads are JSON in the tests; with Protobuf the SDK carries bytes."""

    def __init__(self, protobuf: bool) -> None:
        self._protobuf = protobuf

    def encode(self, data: Any) -> Any:
        return json.dumps(data).encode() if self._protobuf else data

    def decode(self, data: Any) -> Any:
        if isinstance(data, bytes):
            return json.loads(data) if data else None
        return data

    def info(self, info: Any) -> Info:
        return Info(
            info.client, info.user, self.decode(info.conn_info), self.decode(info.chan_info)
        )

    def entry(self, pub: Any) -> Entry:
        info = self.info(pub.info) if pub.info else None
        return Entry(self.decode(pub.data), pub.offset, dict(pub.tags or {}), info)

    def publication(self, pub: Any, on: str = "") -> Event:
        entry = msgspec.structs.asdict(self.entry(pub))
        return Event(name="publication", on=on, **entry)

    def subscribed(self, ctx: Any) -> Event:
        position = ctx.stream_position
        return Event(
            name="subscribed",
            on=ctx.channel,
            recoverable=ctx.recoverable,
            positioned=ctx.positioned,
            was_recovering=ctx.was_recovering,
            recovered=ctx.recovered,
            offset=position.offset if position else 0,
            epoch=position.epoch if position else "",
            data=self.decode(ctx.data),
        )


# The SDK has no types; nor for the handler below.
class _ConnectionHandler(centrifuge.ClientEventHandler):  # type: ignore[misc]
    def __init__(self, log: Log, payload: _Payload) -> None:
        self._log = log
        self._payload = payload

    async def on_connecting(self, ctx: Any) -> None:
        self._log.add(Event(name="connecting", code=ctx.code, reason=ctx.reason))

    async def on_connected(self, ctx: Any) -> None:
        data = self._payload.decode(ctx.data)
        self._log.add(Event(name="connected", client=ctx.client, transport="websocket", data=data))

    async def on_disconnected(self, ctx: Any) -> None:
        self._log.add(Event(name="disconnected", code=ctx.code, reason=ctx.reason))

    async def on_error(self, ctx: Any) -> None:
        self._log.add(Event(name="error", code=ctx.code, reason=str(ctx.error)))

    async def on_subscribing(self, ctx: Any) -> None:
        self._log.add(Event(name="subscribing", on=ctx.channel))

    async def on_subscribed(self, ctx: Any) -> None:
        self._log.add(self._payload.subscribed(ctx))

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._log.add(Event(name="unsubscribed", on=ctx.channel))

    async def on_publication(self, ctx: Any) -> None:
        self._log.add(self._payload.publication(ctx.pub, ctx.channel))

    async def on_join(self, ctx: Any) -> None:
        self._log.add(Event(name="join", on=ctx.channel, info=self._payload.info(ctx.info)))

    async def on_leave(self, ctx: Any) -> None:
        self._log.add(Event(name="leave", on=ctx.channel, info=self._payload.info(ctx.info)))


class _SubscriptionHandler(centrifuge.SubscriptionEventHandler):  # type: ignore[misc]  # as above
    def __init__(self, log: Log, payload: _Payload) -> None:
        self._log = log
        self._payload = payload

    async def on_subscribing(self, ctx: Any) -> None:
        self._log.add(Event(name="subscribing", code=ctx.code, reason=ctx.reason))

    async def on_subscribed(self, ctx: Any) -> None:
        self._log.add(self._payload.subscribed(ctx))

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._log.add(Event(name="unsubscribed", code=ctx.code, reason=ctx.reason))

    async def on_publication(self, ctx: Any) -> None:
        self._log.add(self._payload.publication(ctx.pub))

    async def on_join(self, ctx: Any) -> None:
        self._log.add(Event(name="join", info=self._payload.info(ctx.info)))

    async def on_leave(self, ctx: Any) -> None:
        self._log.add(Event(name="leave", info=self._payload.info(ctx.info)))

    async def on_error(self, ctx: Any) -> None:
        self._log.add(Event(name="error", code=ctx.code, reason=str(ctx.error)))


def _source(tokens: Sequence[str] | None, log: Log) -> Callable[[str], Awaitable[str]] | None:
    """Hands out one token a call; an empty one refuses."""
    if tokens is None:
        return None
    left = list(tokens)

    async def next_token(_channel: str = "") -> str:
        log.add(Event(name="token_asked"))
        if not left:
            raise centrifuge.UnauthorizedError("no more tokens")
        return left.pop(0)

    return next_token


class PythonSubscription:
    def __init__(self, subscription: Any, log: Log) -> None:
        self.log = log
        self._subscription = subscription

    async def subscribe(self) -> None:
        await self._subscription.subscribe()

    async def unsubscribe(self) -> None:
        await self._subscription.unsubscribe()

    async def ready(self) -> Event:
        return await ready(self.log)


class PythonClient:
    """Of one connection to `url`."""

    def __init__(
        self,
        url: str,
        *,
        protobuf: bool,
        token: str = "",
        tokens: Sequence[str] | None = None,
        data: Any = None,
    ) -> None:
        self.log = Log()
        self._payload = _Payload(protobuf)
        self._client = centrifuge.Client(
            url,
            _ConnectionHandler(self.log, self._payload),
            token=token,
            get_token=_source(tokens, self.log),
            data=None if data is None else self._payload.encode(data),
            use_protobuf=protobuf,
            min_reconnect_delay=0.01,
            max_reconnect_delay=0.1,
            proxy=None,
        )

    async def connect(self) -> None:
        await self._client.connect()

    async def disconnect(self) -> None:
        await self._client.disconnect()

    async def close(self) -> None:
        await self._client.disconnect()

    async def new_subscription(self, channel: str, options: Subscribe) -> PythonSubscription:
        log = Log()

        async def state(_channel: str) -> Any:
            log.add(Event(name="state_asked"))
            return centrifuge.StreamPosition(**(options.state or {}))

        subscription = self._client.new_subscription(
            channel,
            _SubscriptionHandler(log, self._payload),
            token=options.token or "",
            get_token=_source(options.tokens, log),
            data=None if options.data is None else self._payload.encode(options.data),
            positioned=options.positioned,
            recoverable=options.recoverable,
            join_leave=options.join_leave,
            delta=centrifuge.DeltaType(options.delta) if options.delta else None,
            tags_filter=FilterNode(options.tags_filter) if options.tags_filter else None,
            get_state=state if options.state is not None else None,
            min_resubscribe_delay=0.01,
            max_resubscribe_delay=0.1,
        )
        return PythonSubscription(subscription, log)

    async def publish(self, channel: str, data: Any) -> None:
        await self._asked(self._client.publish(channel, self._payload.encode(data)))

    async def rpc(self, method: str, data: Any) -> Any:
        result = await self._asked(self._client.rpc(method, self._payload.encode(data)))
        return self._payload.decode(result.data)

    async def presence(self, channel: str) -> list[Info]:
        result = await self._asked(self._client.presence(channel))
        return [self._payload.info(info) for info in result.clients.values()]

    async def presence_stats(self, channel: str) -> tuple[int, int]:
        result = await self._asked(self._client.presence_stats(channel))
        return result.num_clients, result.num_users

    async def history(
        self,
        channel: str,
        *,
        limit: int = 0,
        since: tuple[int, str] | None = None,
        reverse: bool = False,
    ) -> History:
        position = centrifuge.StreamPosition(*since) if since else None
        result = await self._asked(
            self._client.history(channel, limit=limit, since=position, reverse=reverse)
        )
        publications = [self._payload.entry(pub) for pub in result.publications]
        return History(publications, result.offset, result.epoch)

    async def _asked(self, command: Awaitable[Any]) -> Any:
        try:
            return await command
        except centrifuge.ReplyError as error:
            raise Refused(error.code, error.message, error.temporary) from error
