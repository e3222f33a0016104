"""What is asked of a map and cannot be given is refused, each with its error."""

from __future__ import annotations

import pytest

from realtime.errors import (
    BadRequest,
    BrokerUnavailable,
    NotAvailable,
    UnrecoverablePosition,
)
from realtime.maps.keyed import KeyedOptions
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import (
    PHASE_STATE,
    PHASE_STREAM,
    SUBSCRIPTION_MAP,
    FilterNode,
    SubscribeRequest,
)
from tests.unit.realtime.keyed_world import KeyedWorld
from tests.unit.realtime.map_client import MapClient, joined
from tests.unit.realtime.world import Reader, World


@pytest.mark.parametrize(
    "request_",
    [
        SubscribeRequest("m", type=4, phase=PHASE_STATE),
        SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=7),
        SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE, cursor="x"),
        SubscribeRequest(
            "m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE, tf=FilterNode(key="t", cmp="like")
        ),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(request_: SubscribeRequest) -> None:
    async with KeyedWorld() as world:
        with pytest.raises(BadRequest):
            await world.nodes[0].hub.subscribe(Reader(), request_)


@pytest.mark.parametrize(("epoch", "offset"), [("other", 0), ("", 0), ("here", 2), ("here", 2**40)])
async def test_a_position_that_never_was_is_unrecoverable(epoch: str, offset: int) -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1)
        client = await joined(world, MapClient())
        assert client.epoch is not None
        request = SubscribeRequest(
            "m",
            type=SUBSCRIPTION_MAP,
            phase=PHASE_STREAM,
            recover=True,
            epoch=epoch.replace("here", client.epoch),
            offset=offset,
        )
        with pytest.raises(UnrecoverablePosition):
            await world.nodes[0].hub.subscribe(Reader(), request)


async def test_a_store_out_of_reach_is_a_temporary_error() -> None:
    async with KeyedWorld() as world:
        world.store.down = True
        request = SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE)
        with pytest.raises(BrokerUnavailable):
            await world.nodes[0].hub.subscribe(Reader(), request)
        world.store.down = False
        await joined(world, MapClient())


async def test_a_channel_that_is_no_map_is_not_read_as_one() -> None:
    async with World() as world:
        with pytest.raises(BadRequest):
            await world.hub.subscribe(
                Reader(), SubscribeRequest("fact:1", type=SUBSCRIPTION_MAP, phase=PHASE_STATE)
            )


async def test_a_node_without_a_store_has_no_maps() -> None:
    async with World() as world:
        world.policy.options["m"] = SubscribeOptions("latest", keyed=KeyedOptions())
        with pytest.raises(NotAvailable):
            await world.hub.subscribe(
                Reader(), SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE)
            )
