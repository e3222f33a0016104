"""What carries control messages between nodes: one contract."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from realtime.broker.broker_redis import RedisBroker
from realtime.errors import BrokerUnavailable
from realtime.nodes.control import ControlBus
from realtime.nodes.control_memory import MemoryControlBus
from realtime.settings import BrokerSettings
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.waiting import until

FAST = BrokerSettings(
    prefix="control",
    heartbeat_s=0.1,
    reconnect_max_s=0.1,
    connect_timeout_s=0.2,
    command_timeout_s=0.3,
)


@pytest.mark.parametrize("kind", ["memory", "redis", "sharded"])
async def test_every_node_hears_every_message_once_and_in_order(
    kind: str, redis_urls: Mapping[str, str]
) -> None:
    shared = MemoryControlBus()
    brokers = [RedisBroker(redis_urls[kind], FAST) for _ in range(2 if kind != "memory" else 0)]
    nodes: Sequence[ControlBus] = brokers or [shared, shared]
    for broker in brokers:
        await broker.start(lambda _: None, lambda _: None)
    try:
        heard: list[list[bytes]] = [[], []]
        for node, messages in zip(nodes, heard, strict=True):
            await node.listen(messages.append)
        sent = [b"", b"\x00\xff", b"x" * 100_000, *(b"%d" % number for number in range(50))]
        for message in sent:
            await nodes[0].send(message)
        await until(lambda: [len(messages) for messages in heard] == [len(sent)] * 2)
        assert heard == [sent, sent]
    finally:
        await asyncio.gather(*(broker.stop() for broker in brokers))


def _lost(broker: RedisBroker, number: int) -> bool:
    return not broker.reaches(number)


async def test_as_long_as_one_redis_is_there_messages_arrive(
    own_redises: Sequence[RedisServer],
) -> None:
    broker = RedisBroker(",".join(server.url for server in own_redises), FAST)
    heard: list[bytes] = []
    await broker.listen(heard.append)
    await broker.start(lambda _: None, lambda _: None)
    try:
        await broker.send(b"1")
        await until(lambda: heard == [b"1"])
        for number, server in enumerate(own_redises[:2]):
            server.kill()
            await until(partial(_lost, broker, number))
            await broker.send(b"%d" % number)
        await until(lambda: heard == [b"1", b"0", b"1"])
        own_redises[2].kill()
        await until(lambda: not broker.reaches(2))
        with pytest.raises(BrokerUnavailable):
            await broker.send(b"lost")
        await own_redises[1].start()
        await until(lambda: broker.reaches(1))
        await broker.send(b"back")
        await until(lambda: heard[-1] == b"back")
        assert heard == [b"1", b"0", b"1", b"back"]
    finally:
        await broker.stop()
