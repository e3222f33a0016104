"""Sessions and sockets through the official SDK: a session is ended on one worker, and its sockets
on the others close at once and for good; its token is renewed, and they stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
import uvicorn

from realtime import codes
from realtime.broker.broker_redis import RedisBroker
from realtime.clock import SystemClock
from realtime.node import RealtimeServer
from realtime.settings import BrokerSettings, RealtimeSettings
from storage.accounts.endings import POLL_S
from tests.authenticator import Authenticator
from tests.integration.realtime.redis_server import RedisServer
from tests.integration.realtime.service import Device
from tests.integration.realtime.waiting import until
from tests.integration.web.accounts.passkeys import ORIGIN, add, request_options, show
from tests.integration.web.accounts.stage import Caller, Stage
from tests.unit.realtime.application import Calls, Journal, Policy
from web.access.live import LiveAccess
from web.accounts.service import opened
from web.accounts.signing import TTL_S
from web.channels.authenticator import TokenAuthenticator
from web.channels.controller import SOCKET_PATH
from web.websocket_protocol import http_protocol

# Sooner than a worker that heard nothing would have looked for itself.
AT_ONCE_S = POLL_S * 0.8


class StageClock(SystemClock):
    """Says what the stage's clock says; what passes, passes as it does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def now(self) -> float:
        return self._stage.clock.now()


class Worker:
    """A web worker's socket door; the REST calls of these tests go to another one."""

    def __init__(self, server: uvicorn.Server) -> None:
        self._server = server

    def device(self, caller: Caller, *, renews: bool = False) -> Device:
        """Of the caller's session. `renews`: asks for a new token when its own ends."""
        port = self._server.servers[0].sockets[0].getsockname()[1]

        async def renewed() -> str:
            await caller.refresh()
            return caller.access_token

        options = {"get_token": renewed} if renews else {}
        return Device(f"ws://127.0.0.1:{port}{SOCKET_PATH}", caller.access_token, **options)


@pytest.fixture
async def workers(stage: Stage, accounts_redis: RedisServer) -> AsyncIterator[list[Worker]]:
    found = []
    broker_settings = BrokerSettings(prefix=uuid4().hex)
    async with AsyncExitStack() as closing:
        for _ in range(2):
            accounts = await closing.enter_async_context(opened(stage.needs))
            broker = RedisBroker(accounts_redis.url, broker_settings)
            node = RealtimeServer(
                TokenAuthenticator(accounts.verifier.verify),
                Policy(),
                Calls(),
                broker,
                Journal(),
                RealtimeSettings(expired_close_delay_s=1.0),
                clock=StageClock(stage),
                control=broker,
            )
            accounts.revocations.on_ended(LiveAccess(node).session_ended)
            await node.start()
            closing.push_async_callback(node.stop)
            server = uvicorn.Server(
                uvicorn.Config(
                    node.app,
                    host="127.0.0.1",
                    port=0,
                    http=http_protocol(node, SOCKET_PATH),
                    lifespan="off",
                    log_config=None,
                )
            )
            serving = asyncio.create_task(server.serve())
            closing.push_async_callback(_stopped, server, serving)
            await until(lambda server=server: server.started)  # type: ignore[misc]  # mypy infers no lambda with a default
            found.append(Worker(server))
        yield found


async def _stopped(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    server.should_exit = True
    await serving


async def connected(*devices: Device) -> None:
    await until(lambda: all(device.events.connected for device in devices))


async def closed_for_good(*devices: Device) -> None:
    """At once, with a code after which no SDK comes back by itself."""
    await until(lambda: all(device.events.disconnected for device in devices), AT_ONCE_S)
    for device in devices:
        assert device.events.disconnected[0][0] == codes.DISCONNECT_INVALID_TOKEN.code
        assert device.events.connected == 1


async def elsewhere(stage: Stage, caller: Caller) -> Caller:
    """The same person, logged in on another device."""
    other = stage.stranger()
    other.email = caller.email
    await other.log_in()
    return other


async def test_a_logout_closes_the_sessions_sockets_on_every_worker_and_no_others(
    stage: Stage, workers: list[Worker]
) -> None:
    phone = await stage.patient()
    tablet = await elsewhere(stage, phone)
    here, there = workers
    async with here.device(phone) as a, there.device(phone) as b, there.device(tablet) as kept:
        await connected(a, b, kept)
        await phone.call("DELETE", "/api/sessions/current", expect=204)
        await closed_for_good(a, b)
        assert await kept.client.rpc("echo", {"still": "here"})
        assert not kept.events.disconnected


async def test_a_session_revoked_from_another_device_loses_its_sockets(
    stage: Stage, workers: list[Worker]
) -> None:
    phone = await stage.patient()
    lost = await elsewhere(stage, phone)
    async with workers[0].device(phone) as kept, workers[1].device(lost) as gone:
        await connected(kept, gone)
        await phone.call("DELETE", f"/api/sessions/{lost.session_id}", expect=204)
        await closed_for_good(gone)
        # Whoever has the telephone still may try: the token opens nothing on any worker.
        for worker in workers:
            async with worker.device(lost) as again:
                await until(lambda again=again: again.events.disconnected)  # type: ignore[misc]  # mypy infers no lambda with a default
                assert again.events.connected == 0
        assert not kept.events.disconnected


async def test_disabling_an_account_closes_all_its_sockets(
    stage: Stage, workers: list[Worker]
) -> None:
    phone = await stage.patient()
    tablet, device = stage.stranger(), Authenticator(ORIGIN)
    await add(phone, device)
    tablet.take((await show(tablet, device.show(await request_options(tablet)))).json())
    id_ = (await phone.get("/api/accounts/me")).json()["id"]
    async with workers[0].device(phone) as a, workers[1].device(tablet) as b:
        await connected(a, b)
        await stage.admin().post(f"/api/accounts/{id_}/disable", {"reason": "test"}, expect=200)
        await closed_for_good(a, b)


async def test_a_new_token_keeps_the_socket_open_past_the_old_ones_end(
    stage: Stage, workers: list[Worker]
) -> None:
    phone = await stage.patient()
    idle = await elsewhere(stage, phone)
    await stage.clock.advance(TTL_S - 1.0)  # both tokens end in a second
    async with workers[0].device(phone, renews=True) as a, workers[1].device(idle) as b:
        await connected(a, b)
        first = phone.access_token
        await until(
            lambda: codes.DISCONNECT_EXPIRED.code in [code for code, _ in b.events.connecting]
        )
        assert phone.access_token != first
        assert await a.client.rpc("echo", {"still": "here"})
        assert a.events.connected == 1 and not a.events.errors
        # Its session is the same, and so is its end.
        await phone.call("DELETE", "/api/sessions/current", expect=204)
        await closed_for_good(a)
