"""What clients and the application may ask of a map."""

from __future__ import annotations

import pytest
from msgspec import Raw

from realtime.errors import BadRequest, LimitExceeded, NotAvailable
from realtime.maps.keyed import KeyedChange, KeyedRetention
from realtime.maps.keyed_submission import change_key, check_key
from realtime.protocol.messages import SUBSCRIPTION_MAP, SUBSCRIPTION_MAP_CLIENTS, PublishRequest
from tests.unit.realtime.keyed_world import KeyedWorld

DATA = Raw(b"1")


@pytest.mark.parametrize(
    "request_",
    [
        PublishRequest("m", DATA, SUBSCRIPTION_MAP, "x" * 256),
        PublishRequest("m", DATA, SUBSCRIPTION_MAP_CLIENTS, "a"),
        PublishRequest("m", removed=True),
    ],
)
def test_a_publish_command_that_makes_no_sense_is_refused(request_: PublishRequest) -> None:
    with pytest.raises(BadRequest):
        check_key(request_)


@pytest.mark.parametrize(
    "request_",
    [
        PublishRequest("m", DATA),
        PublishRequest("m", DATA, SUBSCRIPTION_MAP, "a"),
        PublishRequest("m", type=SUBSCRIPTION_MAP, key="x" * 255, removed=True),
    ],
)
def test_others_are_not(request_: PublishRequest) -> None:
    check_key(request_)


async def test_that_a_key_is_gone_already_is_no_error() -> None:
    async with KeyedWorld() as world:
        removal = KeyedChange("m", "a", KeyedRetention(), removed=True)
        assert (await change_key(world.store, removal)).reason == "key_not_found"


async def test_a_full_map_is_one() -> None:
    async with KeyedWorld() as world:
        full = KeyedRetention(max_keys=1)
        await change_key(world.store, KeyedChange("m", "a", full, b"1"))
        with pytest.raises(LimitExceeded):
            await change_key(world.store, KeyedChange("m", "b", full, b"1"))


async def test_without_a_store_there_is_nothing_to_change() -> None:
    with pytest.raises(NotAvailable):
        await change_key(None, KeyedChange("m", "a", KeyedRetention(), b"1"))
