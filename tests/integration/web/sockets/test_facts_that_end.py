"""What is open ends with the facts that opened it, on every node; and notices say what changed."""

from __future__ import annotations

from uuid import uuid4

import centrifuge

from actors.domain.kernel import Sender
from realtime import codes
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.waiting import until
from tests.integration.web.conftest import Stack
from tests.integration.web.sockets.lines import DENIED, tried
from tests.integration.web.sockets.two_workers import Workers
from tests.integration.web.world import World, related, relationships_of
from web.access.live import ACCESS_CHANGED
from web.access.notice import PatientNotice


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
