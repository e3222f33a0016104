"""A client that follows the protocol of map subscriptions as the JavaScript SDK does."""

from __future__ import annotations

import msgspec

from realtime.codes import Disconnect, Unsubscribe
from realtime.errors import BrokerUnavailable, UnrecoverablePosition
from realtime.hub import delta
from realtime.ports import Identity
from realtime.protocol.codec import Codec
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import (
    PHASE_LIVE,
    PHASE_STATE,
    PHASE_STREAM,
    SUBSCRIPTION_MAP,
    FilterNode,
    PublicationMessage,
    SubscribeRequest,
    SubscribeResult,
)
from realtime.transport.message import Message
from tests.unit.realtime.clock import settle
from tests.unit.realtime.keyed_world import KeyedWorld, Node


class _Push(msgspec.Struct):
    channel: str
    pub: PublicationMessage | None = None


class _Frame(msgspec.Struct):
    push: _Push


Item = bytes | SubscribeResult | Unsubscribe


class MapClient:
    """A map subscription of the SDK. What the server sends waits in `inbox` until `take`, so that
    a test can cut the line anywhere. `seen` is the map as the application has it; `events` what
    it was told: "sync", a key, or "-" and a key that was removed.
    """

    def __init__(
        self, page: int = 0, delta: bool = False, tag: str | None = None, plain: bool = False
    ) -> None:
        self.identity = Identity("ann")
        self.codec: Codec = JSON
        self.inbox: list[Item] = []
        self.seen: dict[str, object] = {}
        self.events: list[str] = []
        self.ended: list[Unsubscribe] = []
        self.closed: list[Disconnect] = []
        self.steps: list[SubscribeRequest] = []
        self.results: list[SubscribeResult] = []
        self.deltas = 0
        self.node: Node | None = None
        self.offset: int | None = None
        self.epoch: str | None = None
        self._page = page
        self._delta = "fossil" if delta else ""
        self._filter = FilterNode(key="t", cmp="eq", val=tag) if tag is not None else None
        self._recover = False
        self._live = False
        self._negotiated = False
        self._bases: dict[str, bytes] = {}
        self._wire: _Wire | None = None

    @property
    def live(self) -> bool:
        return self._live

    async def connect(self, node: Node) -> None:
        """Come to a node with a new connection and begin to subscribe, or to recover."""
        self.node = node
        self._wire = _Wire(self)
        self._begin()

    def cut(self) -> None:
        """The line breaks: what was not taken is lost."""
        if self.node is not None and self._wire is not None:
            self.node.hub.unsubscribe(self._wire, "m")
        self.node, self._wire, self._live = None, None, False
        self.inbox.clear()

    def _begin(self) -> None:
        self._live = False
        recovering = self._recover and self.offset is not None and self.epoch is not None
        self._recovering = recovering
        self._state: list[PublicationMessage] = []
        self._stream: list[PublicationMessage] = []
        self._flow_offset = self.offset or 0 if recovering else 0
        self._flow_epoch = self.epoch or "" if recovering else ""
        self._cursor = ""
        if not recovering:
            self._bases.clear()
        self.next = PHASE_STREAM if recovering else PHASE_STATE

    def _request(self) -> SubscribeRequest:
        return SubscribeRequest(
            "m",
            type=SUBSCRIPTION_MAP,
            phase=self.next,
            limit=self._page,
            delta=self._delta,
            tf=self._filter,
            cursor=self._cursor,
            offset=self._flow_offset,
            epoch=self._flow_epoch,
            recover=self._recovering and self.next == PHASE_STREAM,
        )

    async def step(self) -> bool:
        """Send the next subscribe command, if it is the client's turn; whether it was."""
        if self.node is None or self._live or any(map(_is_result, self.inbox)):
            return False
        request = self._request()
        self.steps.append(request)
        wire = self._wire
        assert wire is not None
        try:
            result = await self.node.hub.subscribe(wire, request)
        except UnrecoverablePosition:
            self._forget()
            self._begin()
            return True
        except BrokerUnavailable:
            return True
        if wire is self._wire:
            self.inbox.append(result)
        elif result.phase == PHASE_LIVE:
            self.node.hub.unsubscribe(wire, "m")
        return True

    def _forget(self) -> None:
        self._recover, self.offset, self.epoch = False, None, None

    def take(self, count: int = 10**9) -> None:
        """Process so many of what has arrived."""
        for _ in range(min(count, len(self.inbox))):
            item = self.inbox.pop(0)
            if isinstance(item, bytes):
                self._take_push(item)
            elif isinstance(item, SubscribeResult):
                self._take_result(item)
            else:
                self.ended.append(item)
                self._begin()

    async def settle(self) -> None:
        """Until it is live and has taken everything."""
        for _ in range(1000):
            await settle(40)
            self.take()
            if not await self.step() and not self.inbox:
                return
        raise AssertionError("the client never gets there")

    def _take_push(self, frame: bytes) -> None:
        pub = msgspec.json.decode(frame, type=_Frame).push.pub
        assert pub is not None
        assert self._live, "a push before the reply"
        if self.offset is not None and pub.offset:
            assert pub.offset > self.offset, "not in the order of offsets"
        self._show(pub, self._negotiated)
        if pub.offset:
            self.offset = pub.offset

    def _take_result(self, result: SubscribeResult) -> None:
        self.results.append(result)
        if result.phase == PHASE_STATE:
            if not self._flow_epoch:
                self._flow_epoch, self._flow_offset = result.epoch, result.offset
            self._state += result.state
            self._cursor = result.cursor
            self.next = PHASE_STATE if result.cursor else PHASE_STREAM
            return
        if result.phase == PHASE_STREAM:
            self._stream += result.publications
            self._flow_offset = result.offset
            return
        self._live = True
        self._negotiated = result.delta
        self._recover = result.recoverable
        state = [*self._state, *result.state]
        stream = [*self._stream, *result.publications]
        if not result.recovered:
            self.seen = {}
            self.events.append("sync")
            for pub in state:
                assert not pub.removed
                self._apply(pub, result.delta)
        for pub in stream:
            if result.recovered:
                self._show(pub, result.delta)
            else:
                self._apply(pub, result.delta)
        self.offset, self.epoch = result.offset, result.epoch

    def _show(self, pub: PublicationMessage, negotiated: bool) -> None:
        self.events.append(f"-{pub.key}" if pub.removed else pub.key)
        self._apply(pub, negotiated)

    def _apply(self, pub: PublicationMessage, negotiated: bool) -> None:
        if pub.removed:
            self.seen.pop(pub.key, None)
            self._bases.pop(pub.key, None)
            return
        data = bytes(pub.data)
        if negotiated:
            data = msgspec.json.decode(data, type=str).encode()
            if pub.delta:
                self.deltas += 1
                data = delta.apply(self._bases[pub.key], data)
            self._bases[pub.key] = data
        self.seen[pub.key] = msgspec.json.decode(data)


class _Wire:
    """One connection of a client, as the hub sees it."""

    def __init__(self, client: MapClient) -> None:
        self.client = client
        self.identity = client.identity
        self.codec = client.codec

    def deliver(self, message: Message) -> None:
        if self is self.client._wire:
            self.client.inbox += message.frames

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        if self is self.client._wire:
            self.client.inbox.append(why)

    def close(self, why: Disconnect) -> None:
        self.client.closed.append(why)


def _is_result(item: Item) -> bool:
    return not isinstance(item, bytes)


async def joined(world: KeyedWorld, client: MapClient, node: int = 0) -> MapClient:
    """The client, connected to the node, with the map as it is."""
    await client.connect(world.nodes[node])
    await client.settle()
    assert client.live
    return client
