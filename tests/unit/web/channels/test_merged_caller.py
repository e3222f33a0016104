"""Whoever called about what another emergency stands for follows its crew on the own channels, over
true sockets; the other's channels stay shut."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import MergeEmergency
from actors.domain.kernel import EntityRef
from actors.domain.values import Location
from realtime import codes
from tests.acceptance.crew import Crew
from tests.acceptance.line import Channel, Line
from tests.unit.web.replay.service import Service, running, until
from web.tokens import TokenRole

SCENE = Location(12.97, 77.59)
DENIED, RELEASED = codes.ERROR_PERMISSION_DENIED.code, codes.UNSUBSCRIBE_SERVER.code


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with running(DispatchRules(offer_ttl_s=20.0, retry_s=1.0)) as service:
        yield service


@pytest.fixture
async def people() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as people:
        yield people


async def line(service: Service, people: AsyncExitStack, role: TokenRole, who: str) -> Line:
    token = await service.tokens.token(role, who)
    return await people.enter_async_context(Line(service.url, token))


async def on_duty(service: Service, people: AsyncExitStack, unit: str, km: float) -> Crew:
    await service.register(unit)
    device = await line(service, people, "paramedic", unit)
    await device.listen(f"device:{unit}")
    here = {"lat": SCENE.lat + km / 111.2, "lon": SCENE.lon, "at": time.time()}
    await device.call("shift.on", position=here)
    return Crew(unit, device)


async def merge(service: Service, duplicate: str, into: str) -> None:
    order = MergeEmergency(into=into, reason="the same crash")
    await service.ask(EntityRef("emergency", duplicate), order)


async def seen(crew: Crew, km: float, *channels: Channel) -> None:
    """The crew reports where it is until all who wait see it there, and the same."""
    here = {"lat": SCENE.lat + km / 111.2, "lon": SCENE.lon}

    def there(channel: Channel) -> list[dict[str, object]]:
        return [one for one in channel.data if (one["unit"], one["lat"]) == (crew.id, here["lat"])]

    async def all_there() -> bool:
        # Again: a shard that was just killed has to load the unit first, and a fix is telemetry.
        await crew.line.call("position", **here)
        return all(map(there, channels))

    await until(all_there)
    newest = [there(channel)[-1] for channel in channels]
    assert all(one["eta_s"] == newest[0]["eta_s"] for one in newest)


async def test_a_merged_caller_sees_the_others_crew_come_and_nothing_of_the_other(
    service: Service, people: AsyncExitStack
) -> None:
    near, far = [await on_duty(service, people, f"u{km}", km) for km in (1, 3)]
    await service.raise_("first", SCENE, "call 1", "p1")
    await near.accept("first")
    await service.raise_("second", SCENE, "call 2", "p2")
    await far.accept("second")
    for channel in ("emergency:second", "track:second"):
        await until_listening(far, channel)

    await merge(service, "second", "first")
    # The crew of before loses the channels in the same moment; that of the other gains none.
    for channel in ("emergency:second", "track:second"):
        assert await far.line.channels[channel].lost() == RELEASED
        assert await near.line.refused(channel) == DENIED
    first, second = [await line(service, people, "patient", who) for who in ("p1", "p2")]
    stranger = await line(service, people, "patient", "p3")
    mine = await second.listen("emergency:second")
    track, theirs = await second.listen("track:second"), await first.listen("track:first")
    for channel in ("emergency:first", "track:first"):
        assert await second.refused(channel) == DENIED
        assert await stranger.refused(channel.replace("first", "second")) == DENIED
        assert await first.refused(channel.replace("first", "second")) == DENIED

    task = await near.offer("first")
    await near.line.call("task.progress", task=task, step="en_route")
    await seen(near, 0.9, track, theirs)
    assert track.data[-1]["eta_s"] > 0
    await mine.until(lambda one: following(one) == ("en_route", near.id))
    await service.crash()
    await seen(near, 0.8, track, theirs)

    await near.line.call("task.hand_back", task=task, reason="flat tyre")
    await mine.until(lambda one: following(one) == ("raised", None))
    task = await far.accept("first")
    await mine.until(lambda one: following(one) == ("assigned", far.id))
    await seen(far, 2.0, track, theirs)
    released = len(track.data)
    await near.line.call("position", lat=SCENE.lat + 0.1, lon=SCENE.lon)
    await far.drive_through(task, "en_route", "on_scene")
    await seen(far, 0.0, track, theirs)
    assert track.data[-1]["eta_s"] is None
    await far.drive_through(task, "transporting")
    await seen(far, 5.0, theirs)
    await far.drive_through(task, "at_hospital", "completed")
    await mine.until(lambda one: following(one) == ("closed", far.id))
    # Neither of the crew that was released, nor of the way to the hospital, was anything shown.
    assert {one["unit"] for one in track.data[released:]} == {far.id}
    assert max(one["lat"] for one in track.data[released:]) < SCENE.lat + 3 / 111.2
    assert {one["emergency"]["merged_into"] for one in mine.data} <= {None, "first"}
    told = str([one["emergency"] for one in mine.data])
    assert "p1" not in told and "transporting" not in told and "at_hospital" not in told
    for channel in ("emergency:first", "track:first"):
        assert await second.refused(channel) == DENIED
    assert mine.holes == []


def following(update: Any) -> tuple[str, str | None] | None:
    """How far the update of an emergency says that the other is, and by whom."""
    found = update["emergency"]["following"]
    return None if found is None else (found["status"], found["unit"])


async def until_listening(crew: Crew, channel: str) -> None:
    """Once the emergency has heard that it is the crew."""

    async def allowed() -> bool:
        await crew.line.begin(channel)
        await until(lambda: settled(crew.line.channels[channel]))
        return crew.line.channels[channel].ended is None

    await until(allowed)


async def settled(channel: Channel) -> bool:
    return channel.settled
