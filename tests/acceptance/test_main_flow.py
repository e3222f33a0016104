"""An emergency from the call to its end, over real processes, sockets and the REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from tests.acceptance.crew import SCENE, Caller, Crew, caller, crew, desk, north
from tests.acceptance.line import WITHIN_S, Channel, Line
from tests.acceptance.running import Running
from tests.integration.embedded.processes import until

NEAR, FAR = north(SCENE, 1.0), north(SCENE, 6.0)
STEPS = ("en_route", "on_scene", "transporting", "at_hospital", "completed")
PERMISSION_DENIED, RELEASED, REFUSED = 103, 2000, 409


def about(channel: Channel, emergency: str) -> list[str]:
    """What the ops desk was told of an emergency: events, offers with their outcome."""
    return [
        " ".join(filter(None, (one["event"], one["outcome"])))
        for one in channel.data
        # The end of an emergency can overtake the word that its crew is done.
        if one["emergency"] == emergency and one["event"] not in ("EmergencyUpdated", "CrewDone")
    ]


async def ops_hear(ops: Line, region: str, emergency: str, *events: str) -> None:
    channel = ops.channels[f"ops:{region}"]
    await until(
        lambda: about(channel, emergency) == list(events),
        WITHIN_S,
        f"ops hear {events} of it; they heard {about(channel, emergency)}",
    )


@asynccontextmanager
async def a_near_and_a_far_crew(
    service: Running, region: str
) -> AsyncIterator[tuple[Line, Caller, Crew, Crew]]:
    """The ops desk, a patient, and two crews on duty, the far one first."""
    async with (
        desk(service, region) as ops,
        caller(service, region) as patient,
        crew(service, region, FAR) as far,
        crew(service, region, NEAR) as near,
    ):
        yield ops, patient, far, near


def statuses(channel: Channel) -> list[str]:
    return [one["emergency"]["status"] for one in channel.data]


async def test_from_the_call_to_the_hospital_before_everybodys_eyes(
    service: Running, region: str
) -> None:
    async with AsyncExitStack() as people:
        ops = await people.enter_async_context(desk(service, region))
        patient = await people.enter_async_context(caller(service, region))
        unit = await people.enter_async_context(crew(service, region, NEAR))
        key = uuid4().hex
        emergency = await patient.call_for_help(key)
        assert await patient.call_for_help(key) == emergency  # sent again, raised once
        task = await unit.offer(emergency)
        phone = await patient.line.listen(f"emergency:{emergency}")
        track = await patient.line.listen(f"track:{emergency}")
        await ops.listen(f"emergency:{emergency}")
        await unit.accept(emergency)
        await phone.until(lambda one: one["emergency"]["unit"] == unit.id)
        fleet = ops.channels[f"fleet:{region}"]
        await fleet.until(lambda row: (row["unit"], row["status"]) == (unit.id, "on_task"))
        await unit.line.listen(f"emergency:{emergency}")  # its crew may, from now on
        await unit.line.call("task.progress", task=task, step="en_route")
        half = north(SCENE, 0.5)
        await unit.line.call("position", **half)
        seen = await track.until(lambda one: one["lat"] == half["lat"])
        assert seen["unit"] == unit.id and seen["eta_s"] > 0
        await fleet.until(lambda row: row["position"]["lat"] == half["lat"])
        await unit.drive_through(task, *STEPS[1:])
        await phone.until(lambda one: one["emergency"]["status"] == "closed")
        way = ["assigned", "en_route", "on_scene", "transporting", "at_hospital", "closed"]
        assert statuses(phone) == way
        assert await unit.line.channels[f"emergency:{emergency}"].lost() == RELEASED
        await ops_hear(
            ops,
            region,
            emergency,
            *("EmergencyQueued", "OfferMade", "OfferClosed accepted", "EmergencyRemoved"),
        )
        await ops.channels[f"emergency:{emergency}"].until(
            lambda one: one["emergency"]["status"] == "closed"
        )
        await fleet.until(lambda row: row["status"] == "available")
        sockets = (ops, patient.line, unit.line)
        assert [
            hole for line in sockets for one in line.channels.values() for hole in one.holes
        ] == []
        path = f"/api/emergencies/{emergency}"
        detail = await service.ask("GET", path, patient.token)
        assert list(detail["times"]) == ["raised", *way]
        answer = await service.answer("GET", path, await service.token("paramedic", unit.id))
        assert answer.status_code == 404


async def test_who_called_about_the_same_sees_the_crew_come_on_the_own_channels(
    service: Running, region: str
) -> None:
    async with AsyncExitStack() as people:
        first = await people.enter_async_context(caller(service, region))
        second = await people.enter_async_context(caller(service, region))
        emergency, duplicate = [await one.call_for_help() for one in (first, second)]
        merge = {"into": emergency, "reason": "the same crash"}
        path = f"/api/emergencies/{duplicate}/merge"
        await service.ask("POST", path, await service.ops(), merge)
        unit = await people.enter_async_context(crew(service, region, NEAR))
        phone = await second.line.listen(f"emergency:{duplicate}")
        track = await second.line.listen(f"track:{duplicate}")
        task = await unit.accept(emergency)
        await unit.line.call("task.progress", task=task, step="en_route")
        await phone.until(lambda one: one["emergency"]["following"]["status"] == "en_route")
        await until(lambda: "TrackShared" in events(unit), WITHIN_S, "the crew is to be seen")
        await unit.line.call("position", **north(SCENE, 0.5))
        seen = await track.until(lambda one: one["lat"] == north(SCENE, 0.5)["lat"])
        assert seen["unit"] == unit.id and seen["eta_s"] > 0
        for channel in (f"emergency:{emergency}", f"track:{emergency}"):
            assert await second.line.refused(channel) == PERMISSION_DENIED
        await unit.drive_through(task, *STEPS[1:])
        await phone.until(lambda one: one["emergency"]["following"]["status"] == "closed")
        assert phone.holes == [] and first.id not in str(phone.data)


def events(unit: Crew) -> list[str]:
    return [one["event"] for one in unit.device.data]


async def test_what_one_crew_declines_goes_to_the_next(service: Running, region: str) -> None:
    async with a_near_and_a_far_crew(service, region) as (ops, patient, far, near):
        emergency = await patient.call_for_help()
        task = await near.offer(emergency)  # the nearest is asked first
        view = await near.line.call("task.decline", task=task, reason="flat tyre")
        assert (view["status"], view["tasks"]) == ("available", [])
        await far.accept(emergency)
        await ops_hear(
            ops,
            region,
            emergency,
            *("EmergencyQueued", "OfferMade", "OfferClosed declined"),
            *("OfferMade", "OfferClosed accepted"),
        )


async def test_an_offer_that_nobody_answers_expires_and_goes_to_the_next(
    service: Running, region: str
) -> None:
    async with a_near_and_a_far_crew(service, region) as (ops, patient, far, near):
        emergency = await patient.call_for_help()
        task = await near.offer(emergency)
        await near.told("TaskExpired", task)
        code, message = await near.refusal("task.accept", task=task)
        assert code == REFUSED and "is over" in message
        await far.accept(emergency)
        await ops_hear(
            ops,
            region,
            emergency,
            *("EmergencyQueued", "OfferMade", "OfferClosed expired"),
            *("OfferMade", "OfferClosed accepted"),
        )


async def test_with_no_unit_free_it_waits_and_the_most_urgent_is_served_first(
    service: Running, region: str
) -> None:
    async with AsyncExitStack() as people:
        ops = await people.enter_async_context(desk(service, region))
        patient = await people.enter_async_context(caller(service, region))
        first = await patient.call_for_help()
        await ops_hear(ops, region, first, "EmergencyQueued", "NoUnitFree")
        unit = await people.enter_async_context(crew(service, region, NEAR))
        task = await unit.accept(first)
        await unit.drive_through(task, "en_route", "on_scene")  # from where nobody is taken away
        older = await patient.call_for_help()
        await ops_hear(ops, region, older, "EmergencyQueued", "NoUnitFree")
        urgent = await patient.call_for_help(breathing="no")
        await ops_hear(ops, region, urgent, "EmergencyQueued", "NoUnitFree")
        reasons = [one["reason"] for one in ops.channels[f"ops:{region}"].data]
        assert [reason for reason in reasons if reason] == ["none_on_duty", "all_busy", "all_busy"]
        await unit.drive_through(task, "completed")
        task = await unit.accept(urgent)
        view = await service.ask("GET", f"/api/dispatch/{region}", await service.ops())
        phases = [(case["emergency"], case["phase"]) for case in view["cases"]]
        assert sorted(phases) == sorted([(urgent, "engaged"), (older, "waiting")])
        await unit.drive_through(task, *STEPS)
        await unit.accept(older)


async def test_who_cancels_calls_the_crew_back_and_frees_it(service: Running, region: str) -> None:
    async with AsyncExitStack() as people:
        ops = await people.enter_async_context(desk(service, region))
        patient = await people.enter_async_context(caller(service, region))
        unit = await people.enter_async_context(crew(service, region, NEAR))
        emergency = await patient.call_for_help()
        task = await unit.accept(emergency)
        await unit.line.call("task.progress", task=task, step="en_route")
        own = await unit.line.listen(f"emergency:{emergency}")
        await patient.cancel(emergency)
        update = await unit.told("TaskWithdrawn", task)
        assert (update["status"], update["tasks"]) == ("available", [])
        assert await own.lost() == RELEASED
        code, _ = await unit.refusal("task.progress", task=task, step="on_scene")
        assert code == REFUSED
        await ops_hear(
            ops,
            region,
            emergency,
            *("EmergencyQueued", "OfferMade", "OfferClosed accepted", "EmergencyRemoved"),
        )
        unanswered = await patient.call_for_help()  # and one that is cancelled while it is offered
        task = await unit.offer(unanswered)
        await patient.cancel(unanswered)
        await unit.told("TaskWithdrawn", task)
        await unit.accept(await patient.call_for_help())


async def test_a_crew_that_hands_back_loses_sight_of_it_at_once_and_another_goes(
    service: Running, region: str
) -> None:
    async with AsyncExitStack() as people:
        patient = await people.enter_async_context(caller(service, region))
        stranger = await people.enter_async_context(caller(service, region))
        first = await people.enter_async_context(crew(service, region, NEAR))
        emergency = await patient.call_for_help()
        channels = f"emergency:{emergency}", f"track:{emergency}"
        task = await first.offer(emergency)
        for line in (first.line, stranger.line):  # whom it was only offered to is nobody yet
            assert [await line.refused(name) for name in channels] == [PERMISSION_DENIED] * 2
        phone = await patient.line.listen(channels[0])
        await first.accept(emergency)
        await phone.until(lambda one: one["emergency"]["unit"] == first.id)
        watched = [await first.line.listen(name) for name in channels]
        second = await people.enter_async_context(crew(service, region, FAR))
        await first.line.call("task.hand_back", task=task, reason="flat tyre")
        assert [await channel.lost() for channel in watched] == [RELEASED] * 2
        assert "raised" not in statuses(watched[0])  # not even the fact that it was released by
        await second.accept(emergency)
        await phone.until(lambda one: one["emergency"]["unit"] == second.id)
        assert [await first.line.refused(name) for name in channels] == [PERMISSION_DENIED] * 2
        await second.line.listen(channels[0])
        assert statuses(phone) == ["assigned", "raised", "assigned"]
        assert phone.holes == []
        answer = await service.answer("GET", f"/api/emergencies/{emergency}", stranger.token)
        assert answer.status_code == 404


async def test_a_crew_goes_off_duty_only_after_handing_its_task_back(
    service: Running, region: str
) -> None:
    async with AsyncExitStack() as people:
        patient = await people.enter_async_context(caller(service, region))
        unit = await people.enter_async_context(crew(service, region, NEAR))
        emergency = await patient.call_for_help()
        task = await unit.accept(emergency)
        code, message = await unit.refusal("shift.off")
        assert code == REFUSED and "HandBackTask" in message  # what is possible instead
        token = await service.token("paramedic", unit.id)
        path = f"/api/paramedics/{unit.id}/duty"
        found = await service.ask("POST", path, token, {"action": "off_duty"}, 409)
        assert found["type"] == "/problems/impossible-transition"
        await unit.line.call("task.hand_back", task=task, reason="end of shift")
        view = await unit.line.call("shift.off")
        assert (view["status"], view["tasks"]) == ("off_duty", [])
