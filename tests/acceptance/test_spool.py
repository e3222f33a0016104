"""Emergencies during partial failure: PostgreSQL, Redis, the shards are stopped, the disk is full,
workers are killed. Each call for help is found exactly once afterwards, in order per patient, or
was refused with an error that said so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.acceptance.running import Running
from tests.integration.embedded.processes import tree

# Generous: until everything that was stopped serves again, and has raised what waited.
BACK_S = 60.0
# Each look is a request to what is just being restarted.
_LOOK_EVERY_S = 0.2

Victims = Callable[[Running], Awaitable[list[psutil.Process]]]


async def postgres(service: Running) -> list[psutil.Process]:
    """The postmaster first: it makes no more of the others then."""
    return tree((await service.process("postgres")).pid)


async def redis(service: Running) -> list[psutil.Process]:
    return [await service.process("redis")]


async def every_shard(service: Running) -> list[psutil.Process]:
    return service.shards()


async def web_workers(service: Running) -> list[psutil.Process]:
    return [await service.process(name) for name in ("web-1", "web-2")]


@asynccontextmanager
async def stopped(service: Running, victims: Victims) -> AsyncIterator[None]:
    """As under a debugger: they hold their sockets and answer nothing."""
    processes = await victims(service)
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@contextmanager
def full_disk(processes: list[psutil.Process]) -> Iterator[None]:
    """For these: no file may grow. Anybody may do this to processes of their own."""
    limits = [process.rlimit(psutil.RLIMIT_FSIZE) for process in processes]
    try:
        for process, (_, hard) in zip(processes, limits, strict=True):
            process.rlimit(psutil.RLIMIT_FSIZE, (1, hard))
        yield
    finally:
        for process, limit in zip(processes, limits, strict=True):
            process.rlimit(psutil.RLIMIT_FSIZE, limit)


class Caller:
    """A patient who asks for help, remembers what was answered, and asks again."""

    def __init__(self, service: Running, id_: str, token: str, region: str) -> None:
        self.id = id_
        self._service = service
        self._token = token
        self._region = region
        # What was accepted: the key, the body and the answer, in the order of asking.
        self.accepted: list[tuple[str, dict[str, Any], httpx.Response]] = []
        self.refused: list[httpx.Response] = []

    async def ask(self) -> httpx.Response:
        said = f"call {len(self.accepted) + len(self.refused)}"
        body = {
            "location": {"lat": 12.97, "lon": 77.59},
            "symptoms": [said],
            "region": self._region,
        }
        key = uuid4().hex
        answer = await self._post(key, body)
        if answer.is_success:
            self.accepted.append((key, body, answer))
        else:
            self.refused.append(answer)
        return answer

    async def _post(self, key: str, body: dict[str, Any]) -> httpx.Response:
        return await self._answer("POST", f"/api/patients/{self.id}/emergency", body, key)

    async def _answer(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> httpx.Response:
        """However often it must be sent: a connection ends with the worker behind it."""
        async with asyncio.timeout(BACK_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    return await self._service.answer(method, path, self._token, body, key)
                await asyncio.sleep(_LOOK_EVERY_S)

    async def found(self) -> list[str]:
        """Its emergencies by when their entities raised them; none while that cannot be told."""
        return [one["id"] for one in await self._shown()]

    async def _shown(self) -> list[dict[str, Any]]:
        answer = await self._answer("GET", f"/api/patients/{self.id}/history")
        if answer.status_code != 200:
            return []
        return sorted(answer.json()["items"], key=lambda one: str(one["times"]["raised"]))

    async def all_found(self) -> bool:
        return len(await self.found()) >= len(self.accepted)

    async def check(self) -> None:
        """Each once, in order, and as old as its call; a repeat of each gets its own answer."""
        ids = [answer.json()["id"] for _, _, answer in self.accepted]
        shown = await self._shown()
        assert [one["id"] for one in shown] == ids
        for one, (_, _, answer) in zip(shown, self.accepted, strict=True):
            if answer.status_code == 202:
                assert one["raised_at"] == answer.json()["received_at"] < one["times"]["raised"]
        for key, body, answer in self.accepted:
            again = await self._post(key, body)
            assert (again.status_code, again.content) == (answer.status_code, answer.content)
        assert await self.found() == ids


async def callers(service: Running, region: str, count: int) -> list[Caller]:
    made = []
    for n in range(count):
        body = {
            "name": f"Patient {n}",
            "birth_date": "1980-01-01",
            "sex": "female",
            "phone": "+919876543210",
            "region": region,
        }
        path = "/api/patients"
        id_ = (await service.ask("POST", path, await service.ops(), body, 201))["id"]
        token = await service.token("patient", id_)
        made.append(Caller(service, id_, token, region))
    return made


async def settled(everybody: list[Caller]) -> None:
    """Wait until all that was accepted is there, and hold it against what was answered."""
    async with asyncio.timeout(BACK_S):
        for one in everybody:
            while not await one.all_found():
                await asyncio.sleep(_LOOK_EVERY_S)
    for one in everybody:
        await one.check()


async def spool_of(service: Running) -> dict[str, Any]:
    _, status = await service.status()
    found: dict[str, Any] = status["spool"]
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("victims", "logged"), [(postgres, True), (redis, False), (every_shard, True)]
)
async def test_while_a_part_is_stopped_every_emergency_is_taken_and_found_once(
    service: Running, region: str, victims: Victims, logged: bool
) -> None:
    everybody = await callers(service, region, 2)
    async with stopped(service, victims):
        for _ in range(2):
            answers = await asyncio.gather(*(one.ask() for one in everybody))
            expected = 202 if logged else 201
            assert {answer.status_code for answer in answers} == {expected}, answers
        if logged:
            assert (await service.answer("GET", "/health/live", None)).status_code == 200
            assert (await service.answer("GET", "/health/ready", None)).status_code == 503
    await settled(everybody)


@pytest.mark.timeout(180)
async def test_status_shows_what_waits(service: Running, region: str) -> None:
    (one,) = await callers(service, region, 1)
    async with stopped(service, every_shard):
        assert (await one.ask()).status_code == 202
        spool = await spool_of(service)
        assert spool["depth"] >= 1
        assert spool["oldest_s"] > 0
    await settled([one])


@pytest.mark.timeout(180)
async def test_with_a_full_disk_an_emergency_is_refused_and_says_so_and_the_others_are_found(
    service: Running, region: str
) -> None:
    everybody = await callers(service, region, 2)
    workers = await web_workers(service)
    async with stopped(service, postgres):
        for answer in await asyncio.gather(*(one.ask() for one in everybody)):
            assert answer.status_code == 202
        with full_disk(workers):
            for answer in await asyncio.gather(*(one.ask() for one in everybody)):
                assert answer.status_code == 507
                assert answer.headers["content-type"].startswith("application/problem+json")
                assert answer.json()["type"] == "/problems/spool-full"
                assert "disk" in answer.json()["detail"]
        for answer in await asyncio.gather(*(one.ask() for one in everybody)):
            assert answer.status_code == 202
    await settled(everybody)
    assert [len(one.refused) for one in everybody] == [1, 1]


@pytest.mark.timeout(180)
async def test_workers_killed_and_started_during_an_outage_lose_nothing_and_take_more(
    service: Running, region: str
) -> None:
    everybody, workers = await callers(service, region, 3), await web_workers(service)
    async with stopped(service, postgres):
        for answer in await asyncio.gather(*(one.ask() for one in everybody)):
            assert answer.status_code == 202
        for worker in workers:
            worker.kill()
        # Whoever answers now has started while the database was away.
        for answer in await asyncio.gather(*(one.ask() for one in everybody)):
            assert answer.status_code == 202
        answer = await service.answer("GET", "/api/patients", await service.ops())
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/starting")
    await settled(everybody)
    assert (await spool_of(service))["dead"] == []
