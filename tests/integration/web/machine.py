"""One machine with two web workers on one spool, its database behind a gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from httpx import Response
from litestar import Litestar

from config import Secret, Settings
from storage.encryption import LocalSealer, MasterKeys
from storage.records import Records
from storage.spool import Spool
from storage.spool.lock import FileLock
from storage.spool.spool import SpoolLimits
from tests.integration.web.api import EMERGENCY, Api
from tests.integration.web.conftest import MASTER_KEY, SECRET, Stack, client_of
from tests.integration.web.gate import Gate
from tests.waiting import until
from web.app import create_app
from web.spool.store import PURPOSE, SpoolStore

# The straight way's bound: long for a machine that is busy with tests, short for who waits.
AFTER_S = 1.5


class Machine:
    """`workers`: callers of its two workers. `gate`: stands before its database."""

    def __init__(self, folder: Path, gate: Gate, api: Api) -> None:
        self.folder = folder
        self.gate = gate
        self.api = api  # another machine's, whose database is always there
        self.workers: list[Api] = []
        self.stores: list[SpoolStore] = []
        self._replayer = FileLock(folder / "replayer.lock")

    async def ask(
        self,
        patient: str,
        *,
        worker: int = 0,
        key: str | None = None,
        role: Any = "patient",
        expect: int | None = None,
        **changes: Any,
    ) -> Response:
        """Call for help."""
        subject = patient if role == "patient" else None
        path, body = f"/api/patients/{patient}/emergency", {**EMERGENCY, **changes}
        asked = self.workers[worker]
        key = key or uuid4().hex
        return await asked.call("POST", path, role, subject, body=body, key=key, expect=expect)

    async def depth(self) -> int:
        summary = await self.stores[0].summary()
        assert summary is not None
        return summary.depth

    async def replayed(self) -> None:
        """Wait until nothing waits."""

        async def empty() -> bool:
            summary = await self.stores[0].summary()  # None: too busy to tell just now
            return summary is not None and summary.depth == 0

        await until(empty)

    def hold_replay(self) -> None:
        """Nothing is replayed until `resume_replay`."""
        assert self._replayer.take()

    def resume_replay(self) -> None:
        self._replayer.release()

    def files(self) -> bytes:
        """Everything that lies in the spool's folder."""
        return b"".join(file.read_bytes() for file in self.folder.iterdir())

    async def history(self, patient: str) -> list[dict[str, Any]]:
        """The patient's emergencies as the other machine shows them, oldest first by when their
        entities raised them."""
        path = f"/api/patients/{patient}/history"
        found = (await self.api.call("GET", path, "patient", patient, expect=200)).json()["items"]
        return sorted(found, key=lambda one: str(one["times"]["raised"]))


def store_of(folder: Path, limits: SpoolLimits | None = None) -> SpoolStore:
    """A worker's own hold of the spool, as the composition root makes it."""
    limits = limits or SpoolLimits(ballast_bytes=0)
    return SpoolStore(Spool(folder, limits), LocalSealer(MasterKeys(MASTER_KEY), PURPOSE))


@asynccontextmanager
async def live(app: Litestar) -> AsyncIterator[None]:
    """Its lifespan, in a task of its own: the framework wants it left where it was entered."""
    started, over = asyncio.Event(), asyncio.Event()

    async def life() -> None:
        async with app.lifespan():
            started.set()
            await over.wait()

    task = asyncio.create_task(life())
    await started.wait()
    try:
        yield
    finally:
        over.set()
        await task


@asynccontextmanager
async def machine_of(
    stack: Stack,
    api: Api,
    folder: Path,
    limits: SpoolLimits | None = None,
    *,
    replaying: bool = True,
) -> AsyncIterator[Machine]:
    """Two workers; without `replaying` one that only takes in."""
    url = urlsplit(stack.database_url)
    assert url.port is not None
    settings = Settings(token_secret=Secret(SECRET), spool_after_s=AFTER_S)
    async with AsyncExitStack() as closing:
        gate = await closing.enter_async_context(Gate.before(url.port))
        gated = stack.database_url.replace(f":{url.port}/", f":{gate.port}/")
        machine = Machine(folder, gate, api)
        for _ in range(2):
            store = store_of(folder, limits)
            await store.open()
            closing.push_async_callback(store.close)
            records = await Records.open(gated, stack.services.vault)
            closing.push_async_callback(records.close)
            app = create_app(
                replace(stack.services, settings=settings, records=records, spool=store)
            )
            client = await closing.enter_async_context(client_of(app))
            if replaying:
                await closing.enter_async_context(live(app))
            machine.workers.append(api.elsewhere(client))
            machine.stores.append(store)
        yield machine
