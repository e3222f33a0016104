"""Several nodes: orders reach connections wherever they are, and questions find their answers."""

from __future__ import annotations

import pytest

from realtime.codes import Disconnect
from realtime.errors import BrokerUnavailable, MalformedFrame
from realtime.nodes import control
from realtime.nodes.control import Announcement, Envelope, NodeInfo, SubscribeOrder, Target
from realtime.nodes.control_memory import MemoryControlBus
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON
from realtime.publication import StreamPosition
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import ANN, Node, pair, running

SETTINGS = RealtimeSettings(ping_interval_s=10_000)


class Stream:
    """The way down to an emulated client."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def send(self, message: bytes, binary: bool) -> None:
        self.messages.append(message)

    async def close(self, why: Disconnect) -> None:
        pass

    def abort(self) -> None:
        pass


class BrokenBus:
    async def listen(self, on_message: control.OnControl) -> None:
        pass

    async def send(self, message: bytes) -> None:
        raise BrokerUnavailable("down")


async def test_an_order_reaches_the_connections_of_every_node() -> None:
    async with pair(MemoryControlBus(), SETTINGS) as (one, two):
        here, there = one.socket(), two.socket()
        await here.connect()
        await there.connect()
        assert await one.server.subscribe(ANN, "signal:a", SubscribeOptions("signal")) == 1
        await settle()
        assert "signal:a" in {reply.get("push", {}).get("channel") for reply in there.replies}
        assert await one.server.message(ANN, b'{"hi":1}') == 1
        assert await one.server.refresh(ANN, one.clock.now() + 100) == 1
        assert await one.server.unsubscribe(ANN, "signal:a") == 1
        await settle()
        kinds = [next(iter(set(reply["push"]) - {"channel"})) for reply in there.replies[1:]]
        assert kinds == ["subscribe", "message", "refresh", "unsubscribe"]
        assert await two.server.disconnect(ANN) == 1
        await here.end()
        await there.end()
        assert here.closed == there.closed == (3503, "force disconnect")


async def test_this_node_obeys_even_when_the_others_cannot_be_told() -> None:
    node = Node(SETTINGS, BrokenBus())
    await node.server.start()
    socket = node.socket()
    await socket.connect()
    with pytest.raises(BrokerUnavailable):
        await node.server.disconnect(ANN)
    await socket.end()
    assert socket.closed == (3503, "force disconnect")
    await node.server.stop()


async def test_nodes_know_each_other_until_one_is_silent_or_leaves() -> None:
    bus = MemoryControlBus()
    async with pair(bus, SETTINGS) as (one, two):
        first, second = await one.server.info()
        assert (first.id, second.id) == (one.server.id, two.server.id)
        socket = two.socket()
        await socket.connect()
        await socket.ask(subscribe={"channel": "signal:a"})
        await one.clock.advance(3.2)
        _, second = await one.server.info()
        assert (second.clients, second.users, second.subscriptions, second.uptime_s) == (1, 1, 1, 3)
        third = NodeInfo("third", "third", "x", 0, 0, 0, 0, 0)
        await bus.send(control.encode(Envelope("third", Announcement(third))))
        await settle()
        assert len(await one.server.info()) == 3
        await one.clock.advance(9.5)  # it says no more
        assert len(await one.server.info()) == 2
        await two.server.stop()
        await settle()
        assert len(await one.server.info()) == 1


async def test_the_channels_of_all_nodes_are_counted() -> None:
    async with pair(MemoryControlBus(), SETTINGS) as (one, two):
        for node, channel in ((one, "signal:a"), (two, "signal:a"), (two, "latest:b")):
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": channel})
        assert await one.server.channels() == {"signal:a": 2, "latest:b": 1}
        assert await one.server.channels("latest:*") == {"latest:b": 1}


async def test_a_node_that_does_not_answer_is_not_waited_for_longer_than_set() -> None:
    bus = MemoryControlBus()
    settings = RealtimeSettings(survey_timeout_s=0.01)
    async with pair(bus, settings) as (one, _):
        silent = NodeInfo("silent", "silent", "x", 0, 0, 0, 0, 0)
        await bus.send(control.encode(Envelope("silent", Announcement(silent))))
        await settle()
        assert await one.server.channels() == {}


async def test_a_session_is_found_on_whichever_node_it_is() -> None:
    async with pair(MemoryControlBus(), SETTINGS) as (one, two):
        stream = Stream()
        connection = one.server.open(stream, JSON, emulated=True)
        session = connection.session_id
        connect = b'{"id":1,"connect":{"token":"ann"}}'
        assert await one.server.emulate(one.server.id, session, connect)
        await settle()
        assert session.encode() in stream.messages[0]
        assert one.server.id.encode() in stream.messages[0]
        assert await two.server.emulate(one.server.id, session, b'{"id":2,"ping":{}}')
        await settle()
        assert stream.messages[-1] == b'{"id":2,"ping":{}}'
        assert one.server.session(session) is connection
        connection.gone()
        assert one.server.session(session) is None
        assert not await one.server.emulate(one.server.id, session, b"{}")
        assert not await one.server.emulate("nowhere", session, b"{}")


async def test_one_node_alone_is_all_there_is() -> None:
    async with running() as node:
        (info,) = await node.server.info()
        assert info.name == info.id == node.server.id
        assert await node.server.channels() == {}


def test_messages_survive_the_way_and_newer_ones_are_refused() -> None:
    options = SubscribeOptions("fact", data=b"\xff", guard="g")
    order = SubscribeOrder(Target(user=""), "c", options, StreamPosition(3, "e"))
    envelope = Envelope("n", order)
    assert control.decode(control.encode(envelope)) == envelope
    with pytest.raises(MalformedFrame):
        control.decode(control.encode(envelope).replace(b"subscribe", b"transport"))
    with pytest.raises(MalformedFrame):
        control.decode(b"\xc1")


async def test_garbage_on_the_bus_is_passed_over() -> None:
    bus = MemoryControlBus()
    async with pair(bus, SETTINGS) as (one, _):
        await bus.send(b"\xc1garbage")
        await settle()
        assert len(await one.server.info()) == 2
