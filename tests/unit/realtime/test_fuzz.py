"""Whatever clients send, in either format and on any transport: the node goes on, others are served
meanwhile, and once they are gone nothing of them is left.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

import realtime
from realtime.ports import SubscribeOptions
from realtime.protocol.codec import Codec
from realtime.protocol.codec_json import JSON
from realtime.protocol.codec_protobuf import PROTOBUF
from realtime.protocol.messages import EmulationRequest
from realtime.protocol.protobuf_schema import EMULATION_REQUEST, REPLY
from realtime.protocol.protobuf_wire import read_span, varint
from realtime.publication import Retention
from realtime.session.effect import Effect
from realtime.session.session import Session
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.http_call import HttpCall
from tests.unit.realtime.protobuf_oracle import CLASSES, plain_messages, to_oracle
from tests.unit.realtime.server import Node, running

CHANNELS = ["fact:1", "fact:1", "latest:1", "signal:1", "open:1", "open:2", "secret:1", "x:1", ""]
METHODS = [
    "connect",
    "subscribe",
    "subscribe",
    "unsubscribe",
    "publish",
    "presence",
    "presence_stats",
    "history",
    "ping",
    "send",
    "rpc",
    "refresh",
    "sub_refresh",
]
SMALL = RealtimeSettings(
    max_channels=3,
    max_outstanding=3,
    queue_bytes=5000,
    slow_grace_s=0.5,
    ping_interval_s=1000,
    wheel_tick_s=1.0,
)


@st.composite
def commands(draw: st.DrawFn) -> dict[str, Any]:
    """A command as a dict: mostly sensible, so that it gets past the door."""
    message: dict[str, Any] = {"id": draw(st.integers(0, 5))}
    for method in draw(st.lists(st.sampled_from(METHODS), max_size=2 if draw(ODD) else 1)):
        field = CLASSES["Command"].DESCRIPTOR.fields_by_name[method]
        request = draw(plain_messages(CLASSES[field.message_type.name], 2))
        for name, likely in LIKELY.items():
            if name in request and not draw(ODD):
                request[name] = draw(st.sampled_from(likely))
        if "channel" in field.message_type.fields_by_name:
            request["channel"] = draw(st.sampled_from(CHANNELS))
        message[method] = request
    return message


ODD = st.integers(0, 9).map(lambda value: value == 0)
LIKELY: dict[str, list[Any]] = {
    "token": ["ann", "bob", "expired", "forged", "broken", "", "ann@1700000005"],
    "method": ["echo", "whoami", "busy", "garbage", "none"],
    "epoch": ["journal-1", "", "other"],
    "offset": [0, 1, 2, 7, 2**63 - 1],
    "limit": [0, 1, -1, 2**31 - 1],
    "type": [0, 0, 1],
    "phase": [0, 1, 2],
    "delta": ["", "fossil"],
    "data": [b"{}", b'{"a":1}', b"7"],
    "subs": [{}],
}
CONNECT = {"id": 1, "connect": {"token": "ann"}}
MESSAGES = st.lists(st.lists(commands(), min_size=1, max_size=3), min_size=1, max_size=6)


def as_json(message: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(_plain(command)).encode() for command in message)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return json.loads(value)
        except ValueError:
            return value.decode("latin-1")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def as_protobuf(message: list[dict[str, Any]]) -> bytes:
    raw = [to_oracle(CLASSES["Command"], command).SerializeToString() for command in message]
    return b"".join(varint(len(one)) + one for one in raw)


ENCODE = {JSON: as_json, PROTOBUF: as_protobuf}


@st.composite
def broken(draw: st.DrawFn, codec: Codec) -> bytes:
    """Bytes that were a message once, or never."""
    raw = bytearray(ENCODE[codec](draw(st.lists(commands(), max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(raw)


@settings(max_examples=150)
@given(st.sampled_from([JSON, PROTOBUF]), st.data(), st.booleans())
def test_a_session_takes_any_bytes(codec: Codec, data: st.DataObject, connect: bool) -> None:
    session = Session("c", codec, RealtimeSettings(), 0.0)
    if connect:
        session.receive(ENCODE[codec]([CONNECT]), 0.0)
    for now in range(3):
        effects: list[Effect] = session.receive(data.draw(broken(codec)), float(now))
        assert isinstance(effects, list)
        session.tick(float(now))


def options() -> dict[str, SubscribeOptions]:
    """Channels where nearly everything is allowed."""
    everything = SubscribeOptions(
        "fact",
        retention=Retention(10, 60.0),
        presence=True,
        join_leave=True,
        push_join_leave=True,
        may_publish=True,
        may_read_presence=True,
        delta=True,
        tags_filter=True,
    )
    return {"open:1": everything, "open:2": everything}


class Watched:
    """A node with a client that has to be served while others fuzz it."""

    def __init__(self, node: Node) -> None:
        node.policy.options = options()
        self.node = node
        self._bystander = node.socket()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def begin(self) -> None:
        await self._bystander.connect("bystander")
        await settle()
        self._tasks = _ours()

    async def is_served(self) -> None:
        reply = await self._bystander.ask(rpc={"method": "echo", "data": 1})
        assert reply["rpc"] == {"data": 1}

    async def nothing_is_left(self) -> None:
        """But for the bystander; channels linger, for those who return."""
        await self.node.clock.advance(30)
        metrics = self.node.server.metrics
        assert (metrics.connections, metrics.subscriptions, metrics.queue_bytes) == (1, 0, 0)
        assert metrics.channels == 0
        for channel in ("open:1", "open:2"):
            assert await self.node.server.presence(channel) == {}
        await settle()
        assert _ours() <= self._tasks


@asynccontextmanager
async def watched() -> AsyncIterator[Watched]:
    async with running(SMALL) as node:
        found = Watched(node)
        await found.begin()
        yield found


def _ours() -> set[asyncio.Task[Any]]:
    """The tasks of the realtime server. The tests' one event loop has those of others, too."""
    here = str(Path(realtime.__file__).parent)
    return {task for task in asyncio.all_tasks() if _code_of(task).startswith(here)}


def _code_of(task: asyncio.Task[Any]) -> str:
    """The file in which a task's code stands; "" for one that is no coroutine of Python's."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code.co_filename if code is not None else ""


EXAMPLES = settings(max_examples=25)


@EXAMPLES
@given(MESSAGES, st.sampled_from([JSON, PROTOBUF]), st.booleans(), st.booleans())
async def test_a_node_takes_any_commands_over_a_socket(
    messages: list[list[dict[str, Any]]], codec: Codec, connect: bool, reads: bool
) -> None:
    async with watched() as world:
        query = b"format=protobuf" if codec is PROTOBUF else b""
        socket = world.node.socket(query_string=query)
        if not reads:
            await settle()
            socket.reading.clear()
        for message in [[CONNECT]] * connect + messages:
            raw = ENCODE[codec](message)
            socket.write(raw if codec is PROTOBUF else raw.decode())
            await settle()
        await world.node.publish("fact:1")
        await world.is_served()
        socket.cut()
        await world.node.clock.advance(3)
        await world.is_served()
        await asyncio.gather(socket.call, return_exceptions=True)
        await world.nothing_is_left()


@EXAMPLES
@given(MESSAGES, st.sampled_from([JSON, PROTOBUF]), st.booleans())
async def test_a_node_takes_any_commands_over_http(
    messages: list[list[dict[str, Any]]], codec: Codec, reads: bool
) -> None:
    async with watched() as world:
        server = world.node.server
        kind = "application/json" if codec is JSON else "application/octet-stream"
        headers = {"content-type": kind}
        stream = HttpCall(server.http_stream_app, ENCODE[codec]([CONNECT]), headers=headers)
        await settle()
        session = session_of(codec, stream.body)
        if not reads:
            stream.reading.clear()
        posts = []
        for message in messages:
            request = emulation_request(codec, server.id, session, ENCODE[codec](message))
            posts.append(HttpCall(server.emulation_app, request, headers=headers))
            await settle()
        for post in posts:
            await post.end()
            assert post.status == 204
        await world.is_served()
        stream.cut()
        await world.node.clock.advance(3)
        await stream.end()
        await world.nothing_is_left()


@EXAMPLES
@given(
    st.sampled_from(["http_stream_app", "sse_app", "emulation_app"]),
    st.sampled_from([JSON, PROTOBUF]),
    st.data(),
)
async def test_a_node_takes_any_bytes_over_http(
    app: str, codec: Codec, data: st.DataObject
) -> None:
    async with watched() as world:
        server = world.node.server
        kind = "application/json" if codec is JSON else "application/octet-stream"
        raw = data.draw(broken(codec) | st.just(b""))
        if app == "emulation_app" and data.draw(st.booleans()):
            raw = emulation_request(codec, server.id, "none", raw)
        query = data.draw(st.text(max_size=20))
        method = data.draw(st.sampled_from(["POST", "POST", "GET"]))
        call = HttpCall(
            getattr(server, app),
            raw,
            method=method,
            headers={"content-type": kind},
            query=urlencode({"cf_connect": query}),
        )
        await settle()
        assert call.status in (200, 204, 400, 404, 405)
        await world.is_served()
        call.cut()
        await call.end()
        await world.nothing_is_left()


def emulation_request(codec: Codec, node: str, session: str, data: bytes) -> bytes:
    if codec is PROTOBUF:
        return EMULATION_REQUEST.encode(EmulationRequest(node, session, Raw(data)))
    text = data.decode("utf-8", "replace")
    return json.dumps({"node": node, "session": session, "data": text}).encode()


def session_of(codec: Codec, body: bytes) -> str:
    """The session's name, of the connect reply."""
    if codec is JSON:
        name: str = json.loads(body.splitlines()[0])["connect"]["session"]
        return name
    start, stop = read_span(body, 0, len(body))
    return str(REPLY.decode(body, (start, stop)).connect.session)
