"""Access on sockets, through the official SDK: the walk over calls and channels, and what happens
to what is open when the facts end. Two nodes on one Redis, as two web workers are."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import centrifuge
import pytest

from actors.domain.access import RULES, channel_facts, could, may
from actors.domain.kernel import Sender
from realtime import codes
from realtime.broker.broker_redis import RedisBroker
from realtime.settings import BrokerSettings
from storage.audit import MemoryAuditTrail
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.service import Device, SubscriptionEvents
from tests.integration.realtime.waiting import until
from tests.integration.web.api import HERE, Api
from tests.integration.web.conftest import SECRET, Stack
from tests.integration.web.node import Node, Worker
from tests.integration.web.world import World, made, related, relationships_of
from web.access.decision import SocketAudit
from web.access.live import ACCESS_CHANGED
from web.access.notice import PatientNotice
from web.channels.catalogue import CHANNELS, ChannelKind
from web.channels.rpc import CALLS, FORBIDDEN, Call, NamedCall, Nothing

ARGUMENTS: Final[dict[str, Any]] = {
    "task.accept": {"task": "none"},
    "task.decline": {"task": "none", "reason": "walk"},
    "task.progress": {"task": "none", "step": "on_scene"},
    "task.redirect": {"task": "none", "hospital": "none", "reason": "walk"},
    "task.hand_back": {"task": "none", "reason": "walk"},
    "shift.on": {"position": {**HERE, "at": 1.0}},
    "position": HERE,
}
DENIED: Final = codes.ERROR_PERMISSION_DENIED.code


class Clock:
    """The real one, which tests may set forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits in here")


class Workers:
    """Two of them, and what they share. `here` gives the orders that must reach `there`."""

    def __init__(self, here: Worker, there: Worker, clock: Clock, audit: MemoryAuditTrail) -> None:
        self.here = here
        self.there = there
        self.clock = clock
        self.audit = audit


@pytest.fixture(scope="module")
async def redis_server() -> AsyncIterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="acc-") as folder:
        server = RedisServer(Path(folder))
        await server.start()
        yield server
        server.kill()


@pytest.fixture
async def workers(stack: Stack, redis_server: RedisServer) -> AsyncIterator[Workers]:
    clock, audit = Clock(), MemoryAuditTrail()
    settings = BrokerSettings(prefix=uuid4().hex)

    def worker() -> Worker:
        broker = RedisBroker(redis_server.url, settings)
        return Worker(
            Node(
                broker,
                stack.services.router,
                relationships_of(stack),
                stack.services.journal,
                clock,
                SECRET,
                control=broker,
                told=SocketAudit(audit, clock),
            )
        )

    async with AsyncExitStack() as closing:
        both = (worker(), worker())
        for one in both:
            await one.node.realtime.start()
            closing.push_async_callback(one.node.realtime.stop)
            await closing.enter_async_context(one.serving())
        yield Workers(*both, clock, audit)


@pytest.fixture(scope="module")
async def world(stack: Stack, api: Api) -> World:
    return await made(stack, api)


async def tried(device: Device, channel: str) -> SubscriptionEvents:
    """Subscribed, or refused."""
    events = SubscriptionEvents()
    await device.client.new_subscription(channel, events).subscribe()
    await until(lambda: events.subscribed or events.unsubscribed)
    return events


# The walk.


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
                if not allowed or facts.patient_id is not None:
                    line = workers.audit.entries[-1]
                    assert (line.role, line.subject) == (who.role, who.subject)
                    assert line.action == f"subscribe.{namespace}"
                    assert line.outcome == ("allowed" if allowed else "denied")


async def test_a_call_serves_the_role_that_the_table_names_and_nobody_else(
    workers: Workers, world: World
) -> None:
    for name, who in world.cast.items():
        async with workers.here.device(who) as device:
            await device.client.ready()
            for method, call in CALLS.items():
                arguments = ARGUMENTS.get(method, {})
                where = f"{name} calls {method}"
                if who.role == "paramedic":
                    assert could(who.role, call.action), where
                    await refused_by_state_at_most(device, method, arguments)
                else:
                    with pytest.raises(centrifuge.ReplyError) as refusal:
                        await device.client.rpc(method, arguments)
                    assert refusal.value.code == FORBIDDEN, where


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


# Facts that end.


async def test_a_removed_family_link_ends_what_it_opened_on_every_node_and_nothing_else(
    stack: Stack, workers: Workers, world: World
) -> None:
    mum = Sender("patient", str(uuid4()))
    link = await related(stack, "family", mum.role, mum.subject, world.patient)
    async with workers.here.device(mum) as one, workers.there.device(mum) as two:
        lost = [
            await device.subscribe(f"{kind}:{subject}")
            for device in (one, two)
            for kind, subject in (
                ("emergency", world.emergency),
                ("track", world.emergency),
                ("patient", world.patient),
            )
        ]
        kept = [await device.subscribe(f"patient:{mum.subject}") for device in (one, two)]
        await relationships_of(stack).end(link, workers.clock.now())
        await workers.here.live.changed(mum.role, mum.subject)
        await until(lambda: all(events.unsubscribed for events in lost))
        assert [events.unsubscribed[0][0] for events in lost] == [DENIED] * len(lost)
        assert all(events.subscribing[-1][0] == ACCESS_CHANGED.code for events in lost)
        await until(lambda: all(len(events.subscribed) == 2 for events in kept))
        notice = PatientNotice(event="family_ended", at="", role="patient", id=link)
        for patient in (world.patient, mum.subject):
            await workers.here.live.notify(patient, notice)
        await until(lambda: all(len(events.data) == 1 for events in kept))
        assert not any(events.data for events in lost)
    async with workers.there.device(mum) as again:  # and there is no way back in
        refused = await tried(again, f"patient:{world.patient}")
        assert refused.unsubscribed[0][0] == DENIED


async def test_what_ends_by_itself_is_seen_by_every_node_without_an_order(
    stack: Stack, workers: Workers, world: World
) -> None:
    doctor = Sender("doctor", str(uuid4()))
    await related(stack, "break_glass", "doctor", doctor.subject, world.patient, for_s=600.0)
    async with workers.there.device(doctor) as device:
        events = await device.subscribe(f"emergency:{world.emergency}")
        await workers.there.node.grants.look(workers.there.live)
        workers.clock.ahead_s = 599.0
        await workers.there.node.grants.look(workers.there.live)
        await device.client.get_subscription(f"emergency:{world.emergency}").history(limit=0)
        assert len(events.subscribed) == 1 and not events.subscribing[1:]
        workers.clock.ahead_s = 601.0
        await workers.there.node.grants.look(workers.there.live)
        await until(lambda: events.unsubscribed)
        assert events.unsubscribed[0][0] == DENIED


async def test_a_link_that_ended_while_the_broker_was_away_is_seen_all_the_same(
    stack: Stack, workers: Workers, world: World, redis_server: RedisServer
) -> None:
    mum = Sender("patient", str(uuid4()))
    link = await related(stack, "family", mum.role, mum.subject, world.patient)
    async with workers.there.device(mum) as device:
        events = await device.subscribe(f"track:{world.emergency}")
        redis_server.kill()
        try:
            await relationships_of(stack).end(link, workers.clock.now())
            await workers.here.live.changed(mum.role, mum.subject)
            await workers.there.node.grants.look(workers.there.live)
            await until(lambda: len(events.subscribing) > 1 or events.unsubscribed)
        finally:
            await redis_server.start()
        await until(lambda: events.unsubscribed)
        assert events.unsubscribed[0][0] == DENIED


async def test_an_account_that_ended_loses_its_sockets_on_every_node(
    workers: Workers, world: World
) -> None:
    who = world.cast["another patient"]
    async with workers.here.device(who) as one, workers.there.device(who) as two:
        for device in (one, two):
            await device.subscribe(f"patient:{who.subject}")
        async with workers.there.device(world.cast["the patient"]) as bystander:
            await bystander.subscribe(f"patient:{world.patient}")
            await workers.here.live.account_ended(who.role, who.subject)
            await until(lambda: one.events.disconnected and two.events.disconnected)
            for device in (one, two):
                assert device.events.disconnected[0][0] == codes.DISCONNECT_PERMISSION_DENIED.code
                assert device.client.state is centrifuge.ClientState.DISCONNECTED
            assert bystander.events.disconnected == []


async def test_a_notice_reaches_the_patient_and_the_family_and_waits_for_who_is_away(
    workers: Workers, world: World
) -> None:
    notice = PatientNotice(event="record_opened", at="", role="doctor", id=str(uuid4()))
    async with workers.there.device(world.cast["the family"]) as device:
        events = await device.subscribe(f"patient:{world.patient}")
        await workers.here.live.notify(world.patient, notice)
        await workers.here.live.notify(world.patient, notice)  # a repeat says nothing new
        await until(lambda: events.data)
        assert [one["id"] for one in events.data] == [notice.id]
    async with workers.here.device(world.cast["the patient"]) as device:
        await device.subscribe(f"patient:{world.patient}")
        subscription = device.client.get_subscription(f"patient:{world.patient}")
        kept = await subscription.history(limit=10)
        assert notice.id in [one.data["id"] for one in kept.publications]
