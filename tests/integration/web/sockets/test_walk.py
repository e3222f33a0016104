"""The walk over channels and calls, through the official SDK: each is for whom the table names."""

from __future__ import annotations

from typing import Any, Final

import centrifuge
import pytest

from actors.domain.access import RULES, channel_facts, could, may
from tests.integration.realtime.service import Device
from tests.integration.web.api import HERE
from tests.integration.web.sockets.lines import DENIED, from_where, lines, tried
from tests.integration.web.sockets.two_workers import Workers
from tests.integration.web.world import World
from web.channels.calls import CALLS, Call, NamedCall, Nothing
from web.channels.catalogue import CHANNELS, ChannelKind
from web.channels.rpc import FORBIDDEN

ARGUMENTS: Final[dict[str, Any]] = {
    "task.accept": {"task": "none"},
    "task.decline": {"task": "none", "reason": "walk"},
    "task.progress": {"task": "none", "step": "on_scene"},
    "task.redirect": {"task": "none", "hospital": "none", "reason": "walk"},
    "task.hand_back": {"task": "none", "reason": "walk"},
    "shift.on": {"position": {**HERE, "at": 1.0}},
    "position": HERE,
}


async def test_a_channel_lets_in_whom_the_table_names_and_nobody_else(
    workers: Workers, world: World
) -> None:
    for name, who in world.cast.items():
        async with workers.here.device(who) as device:
            for namespace in CHANNELS:
                channel, facts = world.channel(namespace)
                events = await tried(device, channel)
                allowed = may(who, f"subscribe.{namespace}", facts)
                assert bool(events.subscribed) == allowed, f"{name} on {channel}"
                if not allowed:
                    assert events.unsubscribed[0][0] == DENIED
                line = lines(workers.audit, "subscribe.")[-1]
                assert line.action == f"subscribe.{namespace}"
                assert (line.kind, line.id) == tuple(channel.split(":"))
                assert line.outcome == ("allowed" if allowed else "denied")
                # Whose an emergency is is not even looked up for a role that may see none.
                looked_up = namespace == "patient" or could(who.role, line.action)
                whose = facts.patient_id if looked_up else None
                assert line.patients == (() if whose is None else (whose,)), f"{name} on {channel}"
                from_where(workers.audit, line, who)


async def test_a_call_serves_the_role_that_the_table_names_and_nobody_else(
    workers: Workers, world: World
) -> None:
    for name, who in world.cast.items():
        async with workers.here.device(who) as device:
            await device.client.ready()
            for method, call in CALLS.items():
                arguments = ARGUMENTS.get(method, {})
                where = f"{name} calls {method}"
                if who.role in call.callers and could(who.role, call.action):
                    await refused_by_state_at_most(device, method, arguments)
                else:
                    with pytest.raises(centrifuge.ReplyError) as refusal:
                        await device.client.rpc(method, arguments)
                    assert refusal.value.code == FORBIDDEN, where
                    line = workers.audit.entries[-1]
                    assert (line.outcome, line.kind, line.id) == ("denied", "call", method), where
                    assert (line.action, line.patients) == (call.action, ()), where
                    from_where(workers.audit, line, who)


async def refused_by_state_at_most(device: Device, method: str, arguments: Any) -> None:
    try:
        await device.client.rpc(method, arguments)
    except centrifuge.ReplyError as refusal:
        assert refusal.code not in (FORBIDDEN, 400), (method, refusal)


async def test_another_crews_task_is_no_business_of_a_crew(workers: Workers, world: World) -> None:
    async with workers.here.device(world.cast["the crew"]) as device:
        await device.client.ready()
        tasks = (await device.client.rpc("tasks", {})).data["tasks"]
        task = tasks[0]["id"]
    async with workers.here.device(world.cast["another crew"]) as device:
        await device.client.ready()
        for method in ("task.accept", "task.hand_back", "task.progress"):
            with pytest.raises(centrifuge.ReplyError):
                await device.client.rpc(method, {**ARGUMENTS[method], "task": task})


async def test_a_channel_that_no_rule_names_is_nobodys(
    workers: Workers, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = ChannelKind("secret", "thing", "latest", Nothing, "nobody", "planted")
    monkeypatch.setitem(CHANNELS, "secret", planted)
    assert channel_facts("secret:x")[0] not in RULES
    for name in ("admin", "ops", "the patient"):
        async with workers.here.device(world.cast[name]) as device:
            assert (await tried(device, "secret:x")).unsubscribed[0][0] == DENIED


async def test_a_call_that_no_rule_names_is_nobodys(
    workers: Workers, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = Call("secret.tell", "planted", NamedCall, Nothing)
    monkeypatch.setitem(CALLS, "secret", planted)
    for name in ("the crew", "admin"):
        async with workers.here.device(world.cast[name]) as device:
            await device.client.ready()
            with pytest.raises(centrifuge.ReplyError) as refusal:
                await device.client.rpc("secret", {})
            assert refusal.value.code == FORBIDDEN
