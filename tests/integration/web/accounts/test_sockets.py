"""The access token opens the socket; the end of its session closes it, on every node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from realtime import codes
from realtime.broker.broker_memory import MemoryBroker
from realtime.node import RealtimeServer
from realtime.settings import RealtimeSettings
from tests.integration.web.accounts.stage import Stage
from tests.unit.realtime.application import Calls, Journal, Policy
from tests.unit.realtime.socket import Socket
from tests.waiting import until
from web.access.live import LiveAccess
from web.accounts.service import Accounts, opened
from web.channels.authenticator import TokenAuthenticator

_WHY = codes.DISCONNECT_INVALID_TOKEN.reason


@pytest.fixture
async def nodes(stage: Stage) -> AsyncIterator[list[RealtimeServer]]:
    """Two workers that hear each other through nothing but PostgreSQL."""
    async with AsyncExitStack() as closing:
        found = []
        for _ in range(2):
            accounts: Accounts = await closing.enter_async_context(opened(stage.needs))
            server = RealtimeServer(
                TokenAuthenticator(accounts.verifier.verify),
                Policy(),
                Calls(),
                MemoryBroker(),
                Journal(),
                RealtimeSettings(),
            )
            accounts.revocations.on_ended(LiveAccess(server).session_ended)
            await server.start()
            closing.push_async_callback(server.stop)
            found.append(server)
        yield found


async def connected(node: RealtimeServer, token: str) -> Socket:
    socket = Socket(node.app)
    reply = await socket.connect(token)
    assert "connect" in reply, reply
    return socket


def closed(*sockets: Socket) -> Any:
    async def all_closed() -> bool:
        return all(socket.closed is not None for socket in sockets)

    return until(all_closed)


async def test_a_logout_closes_that_sessions_sockets_on_all_nodes_and_no_others(
    stage: Stage, nodes: list[RealtimeServer]
) -> None:
    here = await stage.patient()
    there = stage.stranger()
    there.email = here.email
    await there.log_in()
    mine = [await connected(node, here.access_token) for node in nodes]
    kept = [await connected(node, there.access_token) for node in nodes]
    await here.call("DELETE", "/api/sessions/current", expect=204)
    await closed(*mine)
    assert {socket.closed for socket in mine} == {(codes.DISCONNECT_INVALID_TOKEN.code, _WHY)}
    assert [socket.closed for socket in kept] == [None, None]


async def test_an_ended_sessions_token_connects_nowhere(
    stage: Stage, nodes: list[RealtimeServer]
) -> None:
    caller = await stage.patient()
    first = await connected(nodes[1], caller.access_token)
    await caller.call("DELETE", f"/api/sessions/{caller.session_id}", expect=204)
    await closed(first)
    again = Socket(nodes[1].app)
    again.say({"id": 1, "connect": {"token": caller.access_token}})
    await closed(again)
    assert again.closed == (codes.DISCONNECT_INVALID_TOKEN.code, _WHY)


async def test_a_disabled_account_and_a_replayed_token_close_sockets_too(
    stage: Stage, nodes: list[RealtimeServer]
) -> None:
    disabled, robbed = await stage.patient(), await stage.patient()
    sockets = [await connected(nodes[0], disabled.access_token)]
    sockets.append(await connected(nodes[1], robbed.access_token))
    id_ = (await disabled.get("/api/accounts/me")).json()["id"]
    await stage.admin().post(f"/api/accounts/{id_}/disable", {"reason": "test"}, expect=200)
    stolen = robbed.refresh_token
    await robbed.refresh()
    await robbed.try_refresh(stolen)
    await closed(*sockets)


async def test_a_refreshed_token_keeps_the_socket_and_still_ends_with_its_session(
    stage: Stage, nodes: list[RealtimeServer]
) -> None:
    caller = await stage.patient()
    socket = await connected(nodes[0], caller.access_token)
    await stage.later(60.0)
    await caller.refresh()
    reply = await socket.ask(refresh={"token": caller.access_token})
    assert reply["refresh"]["expires"] and socket.closed is None
    await caller.call("DELETE", "/api/sessions/current", expect=204)
    await closed(socket)


async def test_a_token_for_enrolment_opens_no_socket(
    stage: Stage, nodes: list[RealtimeServer]
) -> None:
    staff = await stage.staff("ops")
    await staff.log_in()
    socket = Socket(nodes[0].app)
    socket.say({"id": 1, "connect": {"token": staff.access_token}})
    await closed(socket)
    assert socket.closed == (codes.DISCONNECT_INVALID_TOKEN.code, _WHY)
