"""Unmistakable names, numbers, notes and secrets go through the whole of the service, and then
nowhere in its data folder does one of them stand clear: not in PostgreSQL's tables and log, a dump
of Redis, the object store, any log, or any other file; but for letters (marks.LETTERS)."""

from __future__ import annotations

import time
from base64 import b64encode
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from config import Settings
from storage.audit.heads_s3 import S3HeadStore
from tests.acceptance.crew import Crew, desk
from tests.acceptance.line import Line
from tests.acceptance.marks import LETTERS, Marks, found_in
from tests.acceptance.planted_accounts import planted_accounts
from tests.acceptance.running import Running
from tests.waiting import until
from web.cli.running import running_settings

SERIOUS = {"breathing": "yes", "conscious": "yes", "chest_pain": "yes"}


async def superuser(service: Running) -> asyncpg.Connection:
    secrets = service.data / "secrets"
    place = urlsplit((secrets / "setting-database_url").read_text())
    return await asyncpg.connect(
        host=place.hostname,
        port=place.port,
        user="postgres",
        password=(secrets / "postgres-superuser").read_text().strip(),
        database=place.path.lstrip("/"),
    )


def object_store(service: Running) -> Settings:
    """As the service itself reaches it."""
    found = running_settings(service.data)
    assert found is not None
    return found


async def on_disk(service: Running) -> None:
    """All that PostgreSQL and Redis hold in memory is in files; Redis's not compressed."""
    connection = await superuser(service)
    await connection.execute("CHECKPOINT")
    await connection.close()
    async with Redis.from_url(
        (service.data / "secrets" / "setting-redis_url").read_text()
    ) as redis:
        await redis.config_set("rdbcompression", "no")
        await redis.save()


async def plant(service: Running, region: str, marks: Marks) -> None:
    """Everything people can say: records, an emergency's whole course, requests, refused ones."""
    ops = await service.ops()
    word, number = marks.word, marks.number
    patient = {
        "name": f"{word('name').title()} {word('surname').upper()}",
        "phone": number("phone", "+9198", 8),
        "birth_date": "1937-03-14",
        "sex": "female",
        "email": f"{word('e-mail')}@{word('domain')}.example",
        "address": f"{word('address')} street 7",
        "upi_id": f"{word('upi')}@okbank",
        "insurance": {"provider": word("insurer"), "policy_number": number("policy", "PN", 12)},
        "contacts": [
            {
                "name": word("contact"),
                "relation": word("relation"),
                "phone": number("contact's phone", "+9197", 8),
            }
        ],
        "region": region,
    }
    made = await service.ask("POST", "/api/patients", ops, patient, 201)
    path = f"/api/patients/{made['id']}"
    await service.ask("PUT", path, ops, {**patient, "address": word("second address")})
    named, phone = marks.said["name"], quote(marks.said["phone"])
    listed = await service.ask("GET", f"/api/patients?name={named}&phone={phone}", ops)
    assert [one["id"] for one in listed["items"]] == [made["id"]]

    doctor = {
        "name": word("doctor"),
        "specialties": ["cardiology"],
        "registration_number": number("doctor's registration", "MCI", 9),
        "phone": number("doctor's phone", "+9196", 8),
        "email": f"{word('doctor e-mail')}@clinic.example",
    }
    admin = await service.token("admin", "acceptance")
    await service.ask("POST", "/api/doctors", admin, doctor, 201)
    mine = await service.token("patient", made["id"])

    async with AsyncExitStack() as people:
        await people.enter_async_context(desk(service, region))
        phone_line = await people.enter_async_context(Line(service.url, mine))
        units = [await unit(service, region, marks, people, n) for n in range(3)]
        leaving = await unit(service, region, marks, people, 3)
        note = word("note for the relief")
        await leaving.line.call("shift.off", relief=units[0].id, note=note)
        await units[0].device.until(lambda one: one["note"] == note)
        lat = float(number("latitude", "12.", 8))
        call = {
            "location": {"lat": lat, "lon": float(number("longitude", "77.", 8))},
            "symptoms": [word("symptom"), f"and {word('second symptom')}"],
            "answers": SERIOUS,
            "address": f"{word('scene')} crossing",
            "contact_phone": number("caller's phone", "+9195", 8),
        }
        raised = await service.ask("POST", f"{path}/emergency", mine, call, 201)
        emergency = raised["id"]
        seen = await phone_line.listen(f"emergency:{emergency}")
        override = {"priority": 1, "reason": word("override reason")}
        await service.ask("POST", f"/api/emergencies/{emergency}/priority", ops, override)
        declining, giving_back, third = units  # the nearest first
        task = await declining.offer(emergency)
        await declining.line.call("task.decline", task=task, reason=word("decline reason"))
        task = await giving_back.accept(emergency)
        tasks = await giving_back.line.call("tasks")
        assert marks.said["symptom"] in str(tasks)  # it does arrive
        await giving_back.line.call("task.hand_back", task=task, reason=word("hand-back reason"))
        task = await third.accept(emergency)
        await third.drive_through(task, "en_route", "on_scene", "transporting")
        clinic = {"name": "General", "region": region, "location": {"lat": 12.9, "lon": 77.5}}
        there = await service.ask("POST", "/api/hospitals", ops, clinic, 201)
        load = {"intake": "open", "note": word("hospital's note")}
        await service.ask("PUT", f"/api/hospitals/{there['id']}/load", ops, load)
        turn = {"hospital": there["id"], "reason": word("redirect reason")}
        await third.line.call("task.redirect", task=task, **turn)
        await third.drive_through(task, "at_hospital", "completed")
        await seen.until(lambda one: one["emergency"]["status"] == "closed")
        detail = await service.ask("GET", f"/api/emergencies/{emergency}", ops)
        assert detail["address"] == call["address"]
        again = await service.ask("POST", f"{path}/emergency", mine, call, 201)
        await ordered(service, region, marks, ops, again["id"], third.id)
        other = await service.ask("POST", f"{path}/emergency", mine, call, 201)
        merge = {"into": again["id"], "reason": word("merge reason")}
        await service.ask("POST", f"/api/emergencies/{other['id']}/merge", ops, merge)
        cancel = f"/api/emergencies/{again['id']}/cancel"
        await service.ask("POST", cancel, mine, {"reason": word("cancel reason")})
        # It does arrive: auditors read why, of each order.
        wanted = {one for of, one in marks.said.items() if of.endswith(" reason")}
        trail = f"/api/audit?limit=100&patient_id={made['id']}"

        async def read() -> bool:
            found = await service.ask("GET", trail, admin)
            return wanted == {line["note"] for line in found["items"] if line["note"]}

        await until(read)

    await planted_accounts(service, marks, made["id"])

    # What is refused is not kept either, wherever it stood.
    refused = {**patient, "phone": word("bad phone"), "nickname": word("unknown field")}
    assert (await service.answer("POST", "/api/patients", ops, refused)).status_code == 422
    assert (await service.answer("GET", f"/api/{word('path')}", ops)).status_code == 404
    assert (await service.answer("GET", path, word("token"))).status_code == 401
    key = word("idempotency key")
    for _ in range(2):
        await service.ask("POST", f"{path}/emergency", mine, call, 201, key)


async def ordered(
    service: Running, region: str, marks: Marks, ops: str, emergency: str, unit: str
) -> None:
    """Each of the desk's orders, with its reason."""
    orders: tuple[tuple[str, dict[str, object]], ...] = (
        ("hold", {}),
        ("release", {"ends": "hold"}),
        ("stage", {"location": {"lat": 12.97, "lon": 77.59}}),
        ("units", {}),
        ("units/2/stand-down", {}),
    )
    for what, body in orders:
        said = {**body, "reason": marks.word(f"{what} reason")}
        await service.ask("POST", f"/api/emergencies/{emergency}/{what}", ops, said)
    body = {"emergency": emergency, "unit": unit, "reason": marks.word("assignment reason")}
    await service.ask("POST", f"/api/dispatch/{region}/assignments", ops, body)


async def unit(service: Running, region: str, marks: Marks, people: AsyncExitStack, n: int) -> Crew:
    """A crew on duty whose name and numbers are marks as well."""
    body = {
        "name": marks.word(f"unit {n}"),
        "region": region,
        "skills": ["als", "bls"],
        "vehicle": "ambulance",
        "phone": marks.number(f"unit {n}'s phone", "+9194", 8),
    }
    made = await service.ask("POST", "/api/paramedics", await service.ops(), body, 201)
    token = await service.token("paramedic", made["id"])
    line = await people.enter_async_context(Line(service.url, token))
    await line.listen(f"device:{made['id']}")
    here = {"lat": 12.0 - n, "lon": float(marks.number(f"unit {n}'s place", "77.", 8))}
    await line.call("shift.on", position={**here, "at": time.time()})
    return Crew(made["id"], line)


@pytest.mark.timeout(240)
async def test_what_people_say_stands_clear_in_no_file(
    service: Running, region: str, tmp_path: Path
) -> None:
    marks = Marks()
    await plant(service, region, marks)
    await on_disk(service)
    found = await found_in(service.data, marks, tmp_path)
    by_mark = {mark: of for of, mark in marks.said.items()}
    assert {file: [by_mark.get(one, one) for one in them] for file, them in found.items()} == {}


async def test_the_search_finds_what_does_stand_clear(service: Running, tmp_path: Path) -> None:
    """The control of the one above: in each place a text is found that was put there clear."""
    marks = Marks()
    places = ("table", "redis", "log", "base64", "object", "letter")
    table, kept, logged, coded, put, posted = map(marks.word, places)
    name = f"control_{uuid4().hex[:8]}"
    connection = await superuser(service)
    await connection.execute(f"CREATE TABLE {name} (said text)")
    await connection.execute(f"INSERT INTO {name} VALUES ($1)", f'{{"name":"{table}"}}')
    log = service.data / "logs" / "control.log"
    letter = service.data / LETTERS / "control.eml"
    url = (service.data / "secrets" / "setting-redis_url").read_text()
    async with Redis.from_url(url) as redis:
        try:
            await redis.set(name, f"some {kept.upper()} text that is long enough to be compressed")
            log.write_bytes(f"{logged} ".encode() + b64encode(b"??" + coded.encode() + b"??"))
            letter.parent.mkdir(exist_ok=True)
            letter.write_text(posted)
            async with S3HeadStore(object_store(service)) as store:
                body = f'{{"said":"{put} in a text that is long enough to be compressed"}}'
                await store.put(f"control/{name}", body.encode() * 20)
            await on_disk(service)
            found = await found_in(service.data, marks, tmp_path)
        finally:
            await redis.delete(name)
            log.unlink(missing_ok=True)
            letter.unlink(missing_ok=True)
            await connection.execute(f"DROP TABLE {name}")
            await connection.close()
            await on_disk(service)
    assert {file.split("/")[0] for file in found} == {"postgres", "redis", "logs", "s3"}
    assert posted not in str(found)
    assert any("/pg_wal/" in file for file in found) and any("/base/" in file for file in found)
    assert len(found["logs/control.log"]) == 2
