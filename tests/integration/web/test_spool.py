"""Calls for help while parts of the service are away: each is found once afterwards, in order, or
was refused with an error that said so."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
from litestar.di import Provide

from storage.spool import read_summary
from storage.spool.spool import SpoolLimits
from tests.integration.web.api import EMERGENCY, PATIENT, Api, problem
from tests.integration.web.conftest import Stack
from tests.integration.web.machine import Machine, machine_of, store_of
from tests.waiting import until
from web.app import create_app
from web.cli.status import examine
from web.emergencies.schemas import RaiseBody
from web.metrics import spool_families
from web.spool.reraise import Reraise
from web.spool.store import Call

PLANTED = "a-complaint-nobody-may-read"


@pytest.fixture
async def machine(stack: Stack, api: Api, tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine_of(stack, api, tmp_path / "data" / "spool") as machine:
        yield machine


async def patients(api: Api, count: int) -> list[str]:
    return [(await api.patient(region=f"r-{uuid4().hex[:8]}"))["id"] for _ in range(count)]


async def found_once_in_order(machine: Machine, sent: dict[str, list[str]]) -> None:
    """`sent`: by patient the ids that were answered, in the order of asking."""
    for patient, ids in sent.items():
        assert [one["id"] for one in await machine.history(patient)] == ids


async def forget_commands(stack: Stack) -> None:
    """As if the outage had been longer than keys and answers are kept."""
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute("DELETE FROM answer; DELETE FROM idempotency")
    await connection.close()
    for index in range(stack.cluster.shards):
        stack.cluster.kill(index)
        await stack.cluster.start_shard(index)


@pytest.mark.parametrize("outage", ["shut", "still"])
async def test_the_database_is_away(machine: Machine, api: Api, outage: str) -> None:
    sent: dict[str, list[str]] = {patient: [] for patient in await patients(api, 3)}
    getattr(machine.gate, outage)()
    for round_ in range(3):
        answers = await asyncio.gather(
            *(
                machine.ask(patient, worker=round_ % 2, symptoms=[f"{round_}"], expect=202)
                for patient in sent
            )
        )
        for patient, answer in zip(sent, answers, strict=True):
            logged = answer.json()
            assert logged["logged"] == "spool"
            assert logged["patient_id"] == patient
            assert answer.headers["location"] == f"/api/emergencies/{logged['id']}"
            sent[patient].append(logged["id"])
    assert await machine.depth() == 9
    machine.gate.open()
    await machine.replayed()
    await found_once_in_order(machine, sent)
    for patient in sent:
        shown = [one["symptoms"] for one in await machine.history(patient)]
        assert shown == [["0"], ["1"], ["2"]]


async def test_what_waited_is_as_old_as_its_call_in_the_record_and_the_trail(
    machine: Machine, api: Api
) -> None:
    (patient,) = await patients(api, 1)
    machine.gate.shut()
    logged = (await machine.ask(patient, expect=202)).json()
    machine.gate.open()
    await machine.replayed()
    path = f"/api/emergencies/{logged['id']}"
    detail = (await api.call("GET", path, "patient", patient, expect=200)).json()
    assert detail["raised_at"] == logged["received_at"]
    assert detail["entered_at"] == detail["times"]["raised"] > logged["received_at"]

    trail = f"/api/audit?kind=emergency&id={logged['id']}&action=emergency.replay"

    async def lines() -> list[dict[str, Any]]:
        found: list[dict[str, Any]]
        found = (await api.call("GET", trail, "auditor", expect=200)).json()["items"]
        return found

    async def written() -> bool:
        return bool(await lines())

    await until(written)
    (line,) = await lines()
    assert line["details"]["received_at"] == logged["received_at"]
    assert line["patients"] == [patient]


async def test_the_shards_are_away(machine: Machine, api: Api, stack: Stack) -> None:
    sent: dict[str, list[str]] = {patient: [] for patient in await patients(api, 2)}
    lost = [stack.cluster.lose(index) for index in range(stack.cluster.shards)]
    try:
        for patient, ids in sent.items():
            for _ in range(2):
                ids.append((await machine.ask(patient, expect=202)).json()["id"])
    finally:
        for index in range(stack.cluster.shards):
            await stack.cluster.start_shard(index)
        for shard in lost:
            shard.kill()
    await machine.replayed()
    await found_once_in_order(machine, sent)


async def test_a_repeat_gets_the_same_answer_at_every_stage_from_every_worker(
    machine: Machine, api: Api
) -> None:
    (patient,), key = await patients(api, 1), uuid4().hex
    machine.gate.shut()
    first, second = await asyncio.gather(
        machine.ask(patient, worker=0, key=key, expect=202),
        machine.ask(patient, worker=1, key=key, expect=202),
    )
    again = await machine.ask(patient, worker=1, key=key, expect=202)
    machine.gate.open()
    await machine.replayed()
    late = [await machine.ask(patient, worker=n, key=key, expect=202) for n in range(2)]
    assert {answer.content for answer in (first, second, again, *late)} == {first.content}
    await found_once_in_order(machine, {patient: [first.json()["id"]]})


async def test_what_went_straight_through_is_repeated_under_its_own_id_while_all_is_away(
    machine: Machine, api: Api
) -> None:
    (patient,), key = await patients(api, 1), uuid4().hex
    raised = (await machine.ask(patient, key=key, expect=201)).json()
    machine.gate.shut()
    logged = (await machine.ask(patient, worker=1, key=key, expect=202)).json()
    assert logged["id"] == raised["id"]
    machine.gate.open()
    await machine.replayed()
    await found_once_in_order(machine, {patient: [raised["id"]]})


async def test_nobody_overtakes_what_waits_of_the_same_patient(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    early, other = await patients(api, 2)
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        machine.gate.shut()
        first = (await machine.ask(early, expect=202)).json()["id"]
        machine.gate.open()
        second = (await machine.ask(early, worker=1, expect=202)).json()["id"]
        await machine.ask(other, worker=1, expect=201)
    async with machine_of(stack, api, tmp_path / "spool") as successor:
        await successor.replayed()
        await found_once_in_order(successor, {early: [first, second]})


async def test_a_worker_that_dies_between_raising_and_noting_it_raises_nothing_twice(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    (patient,) = await patients(api, 1)
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        machine.gate.shut()
        id_ = (await machine.ask(patient, expect=202)).json()["id"]
        machine.gate.open()
        (waiting,) = await machine.stores[0].waiting()
        spooled = await machine.stores[0].spooled(waiting)
        assert spooled is not None
        provide = create_app(stack.services).dependencies["emergencies"]
        assert isinstance(provide, Provide)
        emergencies = provide.dependency()
        assert await Reraise(emergencies, machine.stores[0])(spooled) is None
        await found_once_in_order(machine, {patient: [id_]})
        assert await machine.depth() == 1  # it was not noted
    async with machine_of(stack, api, tmp_path / "spool") as successor:
        await successor.replayed()
        await found_once_in_order(successor, {patient: [id_]})


async def test_a_replay_after_the_keys_and_answers_were_forgotten_raises_nothing_twice(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    (patient,), key = await patients(api, 1), uuid4().hex
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        id_ = (await machine.ask(patient, key=key, expect=201)).json()["id"]
        machine.gate.shut()
        await machine.ask(patient, key=key, expect=202)
    await forget_commands(stack)
    async with machine_of(stack, api, tmp_path / "spool") as successor:
        await successor.replayed()
        assert read_summary(tmp_path / "spool").dead == ()
        await found_once_in_order(successor, {patient: [id_]})


async def test_what_can_never_be_raised_is_a_dead_letter_and_holds_up_nobody(
    machine: Machine, api: Api
) -> None:
    deleted, well = await patients(api, 2)
    nobody = "019a0000-0000-7000-8000-000000000000"
    machine.gate.shut()
    gone = (await machine.ask(deleted, expect=202)).json()
    unknown = (await machine.ask(nobody, role="ops", expect=202)).json()
    fine = (await machine.ask(well, role="ops", expect=202)).json()
    await api.call("DELETE", f"/api/patients/{deleted}", "admin", expect=204)
    machine.gate.open()
    await machine.replayed()
    await found_once_in_order(machine, {well: [fine["id"]]})
    report = (await examine(machine.folder.parent)).spool
    assert report is not None
    assert report.depth == 0
    dead = {one.id: (one.patient_id, one.reason) for one in report.dead}
    assert dead == {gone["id"]: (deleted, "gone"), unknown["id"]: (nobody, "not-found")}


async def test_what_cannot_be_proved_by_the_token_is_refused_and_not_logged(
    machine: Machine, api: Api
) -> None:
    one, other = await patients(api, 2)
    path = f"/api/patients/{one}/emergency"
    machine.gate.shut()
    asked = machine.workers[0]
    refused = await asked.call("POST", path, "patient", other, body=EMERGENCY)
    problem(refused, 503, "unavailable")  # it may be a family account's: nobody can tell now
    problem(await asked.call("POST", path, "doctor", body=EMERGENCY), 403, "forbidden")
    wrong = {**EMERGENCY, "contact_phone": "not a number"}
    problem(await asked.call("POST", path, "ops", body=wrong), 422, "invalid-body")
    assert (await asked.client.post(path, json=EMERGENCY)).status_code == 401
    assert await machine.depth() == 0


async def test_who_follows_an_emergency_that_waits_is_told_that_it_does(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    one, other = await patients(api, 2)
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        machine.gate.shut()
        path = (await machine.ask(one, expect=202)).headers["location"]
        machine.gate.open()
        asked = machine.workers[1]
        answer = await asked.call("GET", path, "patient", one)
        problem(answer, 503, "not-raised-yet")
        assert answer.headers["retry-after"] == "1"
        problem(await asked.call("GET", path, "ops"), 503, "not-raised-yet")
        problem(await asked.call("GET", path, "patient", other), 404, "not-found")
        problem(await asked.call("GET", path, "paramedic"), 404, "not-found")
    async with machine_of(stack, api, tmp_path / "spool") as successor:
        await successor.replayed()
        await successor.workers[0].call("GET", path, "patient", one, expect=200)


async def test_a_key_of_the_spool_names_one_request(machine: Machine, api: Api) -> None:
    (patient,), key = await patients(api, 1), uuid4().hex
    machine.gate.shut()
    await machine.ask(patient, key=key, expect=202)
    other = await machine.ask(patient, worker=1, key=key, symptoms=["another"])
    problem(other, 422, "idempotency-key-reused")
    machine.gate.open()
    await machine.replayed()
    other = await machine.ask(patient, key=key, symptoms=["another"])
    problem(other, 422, "idempotency-key-reused")


async def test_a_refused_request_can_be_put_right_under_its_key(machine: Machine, api: Api) -> None:
    nobody, key = "019a0000-0000-7000-8000-000000000000", uuid4().hex
    problem(await machine.ask(nobody, role="ops", key=key), 404, "not-found")
    problem(await machine.ask(nobody, role="ops", key=key, symptoms=["x"]), 404, "not-found")


async def test_a_full_spool_says_so_and_keeps_what_it_has(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    (patient,) = await patients(api, 1)
    limits = SpoolLimits(per_patient=2, ballast_bytes=0)
    async with machine_of(stack, api, tmp_path / "spool", limits) as machine:
        machine.gate.shut()
        ids = [(await machine.ask(patient, expect=202)).json()["id"] for _ in range(2)]
        problem(await machine.ask(patient), 507, "spool-full")
        machine.gate.open()
        await machine.replayed()
        await found_once_in_order(machine, {patient: ids})


async def test_a_disk_that_cannot_be_written_is_no_matter_while_all_else_is_well(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    (patient,) = await patients(api, 1)
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        for file in machine.folder.iterdir():
            file.unlink()
        machine.folder.rmdir()
        machine.folder.write_text("in the way")
        await machine.ask(patient, expect=201)
        machine.gate.shut()
        problem(await machine.ask(patient), 503, "unavailable")


async def test_a_disk_that_hangs_does_not_hold_up_what_goes_straight_through(
    machine: Machine, api: Api
) -> None:
    (patient,) = await patients(api, 1)
    released = threading.Event()
    stuck = asyncio.create_task(machine.stores[0]._run(released.wait))
    await machine.ask(patient, expect=201)
    assert not stuck.done()
    released.set()
    await stuck


async def test_nothing_that_was_said_is_legible_on_the_disk(machine: Machine, api: Api) -> None:
    (patient,) = await patients(api, 1)
    machine.gate.shut()
    said: dict[str, Any] = {
        "symptoms": [PLANTED],
        "address": PLANTED,
        "contact_phone": "+9112345678",
    }
    await machine.ask(patient, expect=202, **said)
    raw = machine.files()
    assert patient.encode() in raw
    for secret in (PLANTED, "12345678", str(EMERGENCY["location"]["lat"]), PATIENT["name"]):
        assert secret.encode() not in raw
    assert {stat.S_IMODE(f.stat().st_mode) for f in machine.folder.iterdir()} == {0o600}


async def test_a_record_under_anothers_ids_does_not_open(tmp_path: Path) -> None:
    store = store_of(tmp_path / "spool")
    body = msgspec.convert(EMERGENCY, RaiseBody)
    call = Call("patient", "p", "p", body)
    waiting = await store.append("c1", b"print", "e1", 1.0, call)
    spooled = await store.spooled(waiting)
    assert spooled is not None
    assert store.call(spooled) == call
    assert store.call(msgspec.structs.replace(spooled, emergency_id="e2")) is None
    assert store.call(msgspec.structs.replace(spooled, command_id="c2")) is None
    await store.close()


async def test_who_takes_over_goes_on_where_the_dead_replayer_stopped(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    everybody = await patients(api, 4)
    async with machine_of(stack, api, tmp_path / "spool", replaying=False) as machine:
        machine.gate.shut()
        machine.hold_replay()
        sent = {
            patient: [(await machine.ask(patient, expect=202)).json()["id"]]
            for patient in everybody
        }
        async with machine_of(stack, api, tmp_path / "spool") as standing_by:
            assert await standing_by.depth() == 4
            machine.resume_replay()  # as the kernel does for one that dies
            await standing_by.replayed()
            await found_once_in_order(standing_by, sent)


async def test_the_figures_of_the_spool(machine: Machine, api: Api) -> None:
    (patient,) = await patients(api, 1)
    machine.gate.shut()
    await machine.ask(patient, expect=202)
    summary = await machine.stores[1].summary()
    assert summary is not None
    assert summary.oldest_at is not None
    figures = {
        sample.name: sample.value
        for family in spool_families(summary, summary.oldest_at + 30)
        for sample in family.samples
    }
    assert figures["maxray_spool_depth"] == 1
    assert figures["maxray_spool_oldest_age_seconds"] == 30
    assert figures["maxray_spool_dead_letters"] == 0
    report = (await examine(machine.folder.parent)).spool
    assert report is not None
    assert (report.depth, report.dead) == (1, ())
    assert report.oldest_s is not None
