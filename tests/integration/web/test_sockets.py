"""Access on sockets, through the official SDK: the walk over calls and channels, and what happens
to what is open when the facts end. Two nodes on one Redis, as two web workers are."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import centrifuge
import pytest

from actors.domain.access import RULES, channel_facts, could, may
from actors.domain.kernel import Sender
from actors.ports import Journal
from realtime import codes
from realtime.broker.broker_redis import RedisBroker
from realtime.publication import Publication
from realtime.settings import BrokerSettings
from storage.audit import AuditEntry, MemoryAuditTrail
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.service import Device, SubscriptionEvents
from tests.integration.realtime.waiting import until
from tests.integration.web.api import HERE, Api
from tests.integration.web.conftest import SECRET, Stack
from tests.integration.web.node import EPOCH, Node, Worker, session_of
from tests.integration.web.test_emergencies import crew_with_offer, tasks_of
from tests.integration.web.world import World, made, related, relationships_of
from tests.waiting import until as waited
from web.access.live import ACCESS_CHANGED
from web.access.notice import PatientNotice
from web.audit.socket_audit import SocketAudit
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

    def __init__(
        self,
        here: Worker,
        there: Worker,
        clock: Clock,
        audit: MemoryAuditTrail,
        broker: RedisBroker,
    ) -> None:
        self.here = here
        self.there = there
        self.clock = clock
        self.audit = audit
        self._broker = broker

    async def catch_up(self, journal: Journal, entity: str, channel: str) -> None:
        """Publish what an entity has told so far, which its shard here does not."""
        _, rows = await journal.history(entity, 0, 100)
        facts = [Publication(channel, row.publication, row.version, EPOCH) for row in rows]
        await self._broker.publish(facts)  # repeats are dropped


@pytest.fixture(scope="module")
async def redis_server() -> AsyncIterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="acc-") as folder:
        server = RedisServer(Path(folder))
        await server.start()
        yield server
        server.kill()


@pytest.fixture
async def workers(stack: Stack, redis_server: RedisServer) -> AsyncIterator[Workers]:
    clock, audit, services = Clock(), MemoryAuditTrail(), stack.services
    settings = BrokerSettings(prefix=uuid4().hex)
    told = SocketAudit(audit, clock, services.vault, services.records.emergencies.whose)

    brokers = [RedisBroker(redis_server.url, settings) for _ in range(2)]

    def worker(broker: RedisBroker) -> Worker:
        return Worker(
            Node(
                broker,
                stack.services.router,
                relationships_of(stack),
                stack.services.journal,
                clock,
                SECRET,
                control=broker,
                told=told,
                audit=audit,
            )
        )

    async with AsyncExitStack() as closing:
        closing.push_async_callback(told.close)
        both = (worker(brokers[0]), worker(brokers[1]))
        for one in both:
            await one.node.realtime.start()
            closing.push_async_callback(one.node.realtime.stop)
            await closing.enter_async_context(one.serving())
        yield Workers(*both, clock, audit, brokers[0])


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
                line = lines(workers.audit, "subscribe.")[-1]
                assert line.action == f"subscribe.{namespace}"
                assert (line.kind, line.id) == tuple(channel.split(":"))
                assert line.outcome == ("allowed" if allowed else "denied")
                # Whose an emergency is is not even looked up for a role that may see none.
                looked_up = namespace == "patient" or could(who.role, line.action)
                whose = facts.patient_id if looked_up else None
                assert line.patients == (() if whose is None else (whose,)), f"{name} on {channel}"
                from_where(workers.audit, line, who)


def lines(trail: MemoryAuditTrail, action: str) -> list[AuditEntry]:
    return [line for line in trail.entries if line.action.startswith(action)]


def from_where(trail: MemoryAuditTrail, line: AuditEntry, who: Sender) -> None:
    """The line says who it was and from where, and leads to the connection's own."""
    session = session_of(who.role, who.subject)
    assert (line.role, line.subject, line.address) == (who.role, who.subject, "127.0.0.1")
    assert line.details["session"] == session
    (connect,) = [
        one for one in lines(trail, "socket.connect") if one.id == line.details["connection"]
    ]
    assert (connect.address, connect.details["session"]) == (line.address, session)


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


async def test_a_devices_repeat_is_answered_alike_whatever_became_of_the_hospital(
    workers: Workers, api: Api
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    near, far = [(await api.hospital(region=region))["id"] for _ in range(2)]
    unit, _, _ = await crew_with_offer(api, region)
    (task,) = await tasks_of(api, unit)
    async with workers.here.device(Sender("paramedic", unit)) as device:
        await device.client.ready()

        async def call(method: str, **arguments: Any) -> Any:
            return (await device.client.rpc(method, {"task": task["id"], **arguments})).data

        await call("task.accept")
        for step in ("en_route", "on_scene"):
            await call("task.progress", step=step)
        going = {"step": "transporting", "hospital": near, "id": "go"}
        turning = {"hospital": far, "reason": "on divert", "id": "turn"}
        first = [await call("task.progress", **going), await call("task.redirect", **turning)]
        for step in ("at_hospital", "completed"):
            await call("task.progress", step=step)
        for hospital in (near, far):
            await api.call("DELETE", f"/api/hospitals/{hospital}", expect=204)
        again = [await call("task.progress", **going), await call("task.redirect", **turning)]
        assert again == first
        for method, arguments in (
            ("task.progress", {**going, "hospital": far}),
            ("task.redirect", {**turning, "reason": "nearer"}),
        ):
            with pytest.raises(centrifuge.ReplyError, match="used for another command"):
                await call(method, **arguments)


async def test_what_a_crew_says_why_on_its_socket_is_in_the_trail_sealed(
    stack: Stack, workers: Workers, api: Api
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    first = await api.hospital(region=region)
    unit, patient, _ = await crew_with_offer(api, region)
    async with workers.here.device(Sender("paramedic", unit)) as device:
        await device.client.ready()
        (task,) = await tasks_of(api, unit)

        async def call(method: str, **arguments: Any) -> None:
            await device.client.rpc(method, {"task": task["id"], **arguments})

        with pytest.raises(centrifuge.ReplyError):
            await call("task.hand_back", reason="not mine yet")
        await call("task.accept")
        for step in ("en_route", "on_scene", "transporting"):
            await call("task.progress", step=step)
        await call("task.redirect", hospital=first["id"], reason="he has a stroke", id="turn")
        await call("task.redirect", hospital=first["id"], reason="he has a stroke", id="turn")
        await call("task.hand_back", reason="the engine died", id="back")
        await call("task.hand_back", reason="the engine died", id="back")

    def said() -> list[AuditEntry]:
        return [one for one in workers.audit.entries if one.note is not None]

    await until(lambda: len(said()) == 4)
    vault = stack.services.vault
    await vault.prepare([patient])
    assert [
        (line.action, line.outcome, vault.open(patient, line.note, b"audit.note").decode())
        for line in said()
        if line.note is not None
    ] == [
        ("task.hand_back", "failed", "not mine yet"),
        ("task.progress", "allowed", "he has a stroke"),
        ("task.progress", "allowed", "he has a stroke"),
        ("task.hand_back", "allowed", "the engine died"),
    ]
    assert {(line.role, line.subject, line.id, line.patients) for line in said()} == {
        ("paramedic", unit, task["id"], (patient,))
    }


# What a crew is given over its socket, in an order in which each is possible, with whether the
# answer, or the order itself, is about the patient of the task. A new call fails until it is here.
ASKED: Final[list[tuple[str, dict[str, Any], bool]]] = [
    ("shift.on", {"position": {**HERE, "at": 1.0}}, False),
    ("shift.break", {}, False),
    ("shift.resume", {}, False),
    ("tasks", {}, True),
    ("task.accept", {"task": "first"}, True),
    ("task.progress", {"task": "first", "step": "en_route"}, True),
    ("task.progress", {"task": "first", "step": "on_scene"}, True),
    ("task.progress", {"task": "first", "step": "transporting"}, True),
    ("task.redirect", {"task": "first", "hospital": "some", "reason": "nearer"}, True),
    ("task.progress", {"task": "first", "step": "at_hospital"}, True),
    ("task.progress", {"task": "first", "step": "completed"}, True),
    ("task.decline", {"task": "second", "reason": "no fuel"}, True),
    ("task.accept", {"task": "third"}, True),
    ("task.hand_back", {"task": "third", "reason": "a flat tyre"}, True),
    ("shift.off", {}, False),
]
TELEMETRY: Final = {"position"}


def test_of_every_call_it_is_said_whether_it_shows_patients() -> None:
    assert {method for method, _, _ in ASKED} | TELEMETRY == set(CALLS)


async def test_a_crews_calls_and_pushes_name_the_patients_and_lead_to_the_connection_and_the_step(
    stack: Stack, workers: Workers, api: Api
) -> None:
    region = f"r-{uuid4().hex[:8]}"
    hospital = (await api.hospital(region=region))["id"]
    who = Sender("paramedic", (await api.paramedic(region=region))["id"])
    patients: dict[str, str] = {}
    tasks: dict[str, str] = {"some": hospital}
    steps: list[str] = []

    def called() -> list[AuditEntry]:
        return [one for one in workers.audit.entries if "call" in one.details]

    def told(times: int) -> bool:
        return len(called()) == times

    async def offered() -> bool:
        return bool(await tasks_of(api, who.subject))

    async with workers.here.device(who) as device:
        await device.client.ready()
        channel = f"device:{who.subject}"
        await device.subscribe(channel)
        for turn, (method, arguments, shows) in enumerate(ASKED, start=1):
            name = arguments.get("task", "first" if method == "tasks" else None)
            if name is not None and name not in tasks:
                patients[name] = (await api.patient(region=region))["id"]
                await api.emergency(patients[name])
                await waited(offered)
                tasks[name] = (await tasks_of(api, who.subject))[0]["id"]
                await workers.catch_up(stack.services.journal, f"paramedic:{who.subject}", channel)
            given = {k: tasks.get(v, v) if isinstance(v, str) else v for k, v in arguments.items()}
            await device.client.rpc(method, given)
            await until(partial(told, turn))
            line = called()[-1]
            assert (line.details["call"], line.outcome) == (method, "allowed"), line
            assert line.patients == ((patients[name],) if shows and name else ()), line
            from_where(workers.audit, line, who)
            if method != "tasks":
                steps.append(str(line.details["command"]))
    pushes = lines(workers.audit, "task.push")
    assert [line.patients for line in pushes] == [(one,) for one in patients.values()]
    assert [line.id for line in pushes] == [tasks[name] for name in patients]
    for line in pushes:
        from_where(workers.audit, line, who)
    for step in steps:  # each order's line leads to the unit's own row
        path = f"/api/audit?request_id={step}&kind=paramedic"
        found = (await api.call("GET", path, "auditor", expect=200)).json()["items"]
        assert [(one["source"], one["id"]) for one in found] == [("command", who.subject)], step


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
