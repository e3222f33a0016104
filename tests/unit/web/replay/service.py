"""The whole service in one process, for crews to connect to: everything real but the outside
servers, whose places the in-memory twins take. The sockets are true ones, on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
import uvicorn

from actors.clock import SystemClock
from actors.domain.dispatcher.commands import ViewDispatcher
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.emergency.commands import RaiseEmergency, ViewEmergency
from actors.domain.kernel import Command, EntityRef, Sender
from actors.domain.paramedic.commands import RegisterParamedic, ViewParamedic
from actors.domain.registry import kinds
from actors.domain.triage import TriageAnswers
from actors.domain.values import Location
from actors.domain.views.dispatcher import DispatcherView
from actors.domain.views.emergency import EmergencyDetail
from actors.domain.views.paramedic import ParamedicView
from actors.journal_memory import MemoryJournal
from actors.local import LocalCluster
from actors.ports import Transport
from actors.router import Router
from actors.shard import Shard
from config import Secret
from realtime.broker.broker_memory import MemoryBroker
from realtime.maps.keyed_memory import MemoryKeyedStore
from realtime.node import RealtimeServer
from web import tokens
from web.channels.authenticator import TokenAuthenticator
from web.channels.policy import AccessPolicy
from web.channels.rpc import DeviceRpc
from web.command_id import random_id
from web.publishing import JournalHistory, StreamPublisher
from web.replay.target import SigningTokens, Tokens

SECRET = "s" * 40
REGION = "test"
EPOCH = "epoch"
DESK = Sender("ops", "desk")
DEADLINE_S = 20.0


class Service:
    """`cut` breaks all sockets, as a network does; `crash` kills all shards and starts others."""

    def __init__(self, url: str, router: Router, cluster: LocalCluster) -> None:
        self.url = url
        self.router = router
        self.cluster = cluster
        self.tokens: Tokens = SigningTokens(Secret(SECRET))
        self.sockets: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        for task in self.sockets:
            task.cancel()

    async def crash(self) -> None:
        for index in range(self.cluster.shards):
            self.cluster.kill(index)
            await self.cluster.start_shard(index)

    async def ask(self, ref: EntityRef, command: Command, by: Sender = DESK) -> bytes:
        return await self.router.ask(ref, command, id=random_id(), by=by)

    async def register(self, unit: str) -> None:
        command = RegisterParamedic(
            name=unit, region=REGION, skills=("als", "bls"), vehicle="ambulance"
        )
        await self.ask(EntityRef("paramedic", unit), command)

    async def raise_(
        self, emergency: str, location: Location, name: str, patient: str = "p1"
    ) -> None:
        command = RaiseEmergency(
            patient_id=patient,
            region=REGION,
            location=location,
            symptoms=("fall", name),
            answers=TriageAnswers(),
        )
        await self.ask(EntityRef("emergency", emergency), command, Sender("patient", patient))

    async def emergency(self, id_: str) -> EmergencyDetail:
        answer = await self.ask(EntityRef("emergency", id_), ViewEmergency())
        return msgspec.json.decode(answer, type=EmergencyDetail)

    async def paramedic(self, id_: str) -> ParamedicView:
        answer = await self.ask(EntityRef("paramedic", id_), ViewParamedic())
        return msgspec.json.decode(answer, type=ParamedicView)

    async def dispatcher(self) -> DispatcherView:
        answer = await self.ask(EntityRef("dispatcher", REGION), ViewDispatcher())
        return msgspec.json.decode(answer, type=DispatcherView)


@asynccontextmanager
async def running(rules: DispatchRules) -> AsyncIterator[Service]:
    clock, broker, journal = SystemClock(), MemoryBroker(), MemoryJournal()
    maps = MemoryKeyedStore(broker)
    publisher = StreamPublisher(broker, maps, EPOCH)
    starts = count()

    def make(index: int, transport: Transport, on_fenced: Callable[[], None]) -> Shard:
        owner = f"shard-{index}/{next(starts)}"
        return Shard(index, kinds(rules), journal, publisher, transport, clock, owner, on_fenced)

    cluster = LocalCluster(2, make)
    await cluster.start()
    router = Router(cluster, clock)
    realtime = RealtimeServer(
        TokenAuthenticator(lambda token: tokens.verify(SECRET, token, time.time())),
        AccessPolicy(router, clock),
        DeviceRpc(router, clock),
        broker,
        JournalHistory(journal, EPOCH, kinds(rules)),
        keyed=maps,
    )
    await realtime.start()
    with socket.create_server(("127.0.0.1", 0)) as door:
        service = Service(f"http://127.0.0.1:{door.getsockname()[1]}", router, cluster)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            task = asyncio.current_task()
            assert task is not None
            service.sockets.add(task)
            try:
                await realtime.app(scope, receive, send)
            except asyncio.CancelledError:
                task.uncancel()
            finally:
                service.sockets.discard(task)

        server = uvicorn.Server(
            uvicorn.Config(
                app,
                ws="websockets-sansio",
                ws_ping_interval=None,
                lifespan="off",
                log_level="critical",
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield service
        finally:
            server.should_exit = True
            service.cut()
            await serving
            await realtime.stop()
            await router.close()
            await cluster.stop()


async def until(holds: Callable[[], Any]) -> None:
    """Wait until an (async) condition holds, for seconds at most."""
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():
            await asyncio.sleep(0.01)
