"""The shards' publications: streams on the broker, the fleet as a map."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from actors.ports import Outgoing, PublisherUnavailable
from realtime.broker.broker_memory import MemoryBroker
from realtime.errors import BrokerUnavailable
from realtime.maps.keyed import KeyedChange, KeyedOutcome
from realtime.maps.keyed_memory import MemoryKeyedStore
from web.channels.maps import MAPS, map_of
from web.publishing import StreamPublisher


class _Lost:
    async def change(self, batch: Sequence[KeyedChange]) -> list[KeyedOutcome]:
        raise BrokerUnavailable("down")


def test_the_fleet_is_a_map_and_nothing_else_is() -> None:
    assert map_of("fleet:north") is MAPS["fleet"]
    assert map_of("track:1") is None


async def test_the_newest_row_of_each_unit_goes_into_the_map() -> None:
    broker = MemoryBroker()
    maps = MemoryKeyedStore(broker)
    await StreamPublisher(broker, maps, "e").publish(
        [
            Outgoing("fleet:north", b"1", "latest", key="u1"),
            Outgoing("emergency:7", b"{}", "fact", 1),
            Outgoing("fleet:north", b"2", "latest", key="u2"),
            Outgoing("fleet:north", b"3", "latest", key="u1"),
            Outgoing("track:7", b"4", "latest", key="u1"),
        ]
    )
    found = await maps.changes("fleet:north", 0, 10)
    assert [(one.key, one.data) for one in found.changes] == [("u1", b"3"), ("u2", b"2")]
    assert found.position.offset == 2
    assert {key: one.data for key, one in (await broker.latest("track:7")).items()} == {"u1": b"4"}
    assert not await broker.latest("fleet:north")
    top = await broker.top("emergency:7")
    assert top is not None and top.offset == 1


async def test_a_map_out_of_reach_is_told_and_facts_go_out_all_the_same() -> None:
    broker = MemoryBroker()
    with pytest.raises(PublisherUnavailable):
        await StreamPublisher(broker, _Lost(), "e").publish(
            [
                Outgoing("fleet:n", b"1", "latest", key="u"),
                Outgoing("emergency:7", b"{}", "fact", 1),
            ]
        )
    assert await broker.top("emergency:7") is not None
