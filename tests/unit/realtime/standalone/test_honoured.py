"""What an option of the file says is what the server then does, seen from its clients' sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest

from realtime.standalone.app import StandaloneServer
from realtime.standalone.source import convert_options
from tests.unit.realtime.clock import VirtualClock, settle
from tests.unit.realtime.socket import Socket

SECRET = "a-secret-of-more-than-thirty-two-bytes"
MAY = {
    "allow_subscribe_for_client": True,
    "allow_publish_for_subscriber": True,
}
DELTAS = {
    **MAY,
    "history_size": 10,
    "history_ttl": "60s",
    "force_recovery": True,
    "allowed_delta_types": ["fossil"],
}


class Served:
    """One server in memory, in virtual time, and its clients."""

    def __init__(self, server: StandaloneServer) -> None:
        self._server = server

    async def client(self, user: str, channel: str = "", **subscribe: Any) -> Socket:
        """Connected, and subscribed to `channel`."""
        socket = Socket(self._server.realtime.app)
        await socket.connect(jwt.encode({"sub": user}, SECRET, "HS256"))
        if channel:
            reply = await socket.ask(subscribe={"channel": channel, **subscribe})
            assert "subscribe" in reply, reply
        return socket

    async def api(self, method: str, **body: Any) -> Any:
        transport = httpx.ASGITransport(self._server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            answer = (await client.post(f"/api/{method}", json=body)).json()
        await settle()
        return answer["result"]


@asynccontextmanager
async def served(options: dict[str, Any], **client: Any) -> AsyncIterator[Served]:
    """`options`: of the channels without a namespace."""
    found, unknown = convert_options(
        {
            "client": {"token": {"hmac_secret_key": SECRET}, **client},
            "channel": {"without_namespace": options},
            "http_api": {"insecure": True},
        }
    )
    assert not unknown
    server = StandaloneServer(found, VirtualClock(1_800_000_000.0))
    await server.realtime.start()
    try:
        yield Served(server)
    finally:
        await server.realtime.stop()


def of_map(**options: Any) -> dict[str, Any]:
    may = {"allow_publish_for_subscriber": True, "allow_remove_for_subscriber": True}
    kept = {"mode": "recoverable", "key_ttl": "60s"}
    return {**MAY, "subscription_type": "map", "map": {**kept, **may, **options}}


def pushed(socket: Socket) -> list[dict[str, Any]]:
    return [one["push"]["pub"] for one in socket.replies if "pub" in one.get("push", {})]


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_time_is_told_where_that_is_wanted(wanted: bool) -> None:
    async with served({}, connect_include_server_time=wanted) as server:
        socket = await server.client("ann")
        told = socket.replies[0]["connect"].get("time")
        assert told == (1_800_000_000_000 if wanted else None)


@pytest.mark.parametrize("single", [True, False])
async def test_a_user_may_have_a_single_connection(single: bool) -> None:
    personal = {"enabled": True, "single_connection": single}
    async with served({}, subscribe_to_user_personal_channel=personal) as server:
        first, other = await server.client("ann"), await server.client("ben")
        second = await server.client("ann")
        await settle()
        assert first.closed == ((3504, "connection limit") if single else None)
        assert (second.closed, other.closed) == (None, None)


@pytest.mark.parametrize(
    ("client_key", "key"), [("client_id", None), ("user_id", "ann"), ("", "its own")]
)
async def test_whose_name_a_client_writes_under(client_key: str, key: str | None) -> None:
    async with served(of_map(client_key=client_key)) as server:
        socket = await server.client("ann", "m", type=1, phase=2)
        client = socket.replies[0]["connect"]["client"]
        for publish in ({"key": "its own", "data": 1}, {"data": 2})[: 2 if client_key else 1]:
            reply = await socket.ask(publish={"channel": "m", "type": 1, **publish})
            assert "publish" in reply, reply
        state = (await server.api("map_read_state", channel="m"))["publications"]
        assert [one["key"] for one in state] == [key or client]


async def test_a_change_without_a_key_is_refused_where_clients_choose_it() -> None:
    async with served(of_map()) as server:
        socket = await server.client("ann", "m", type=1, phase=2)
        reply = await socket.ask(publish={"channel": "m", "type": 1, "data": 1})
        assert reply["error"]["code"] == 107


@pytest.mark.parametrize("removes", [True, False])
@pytest.mark.parametrize("leaves", ["unsubscribes", "is cut"])
async def test_the_key_of_a_client_goes_with_it(removes: bool, leaves: str) -> None:
    options = of_map(client_key="client_id", remove_client_on_unsubscribe=removes)
    async with served(options) as server:
        staying = await server.client("ben", "m", type=1, phase=2)
        leaving = await server.client("ann", "m", type=1, phase=2)
        client = leaving.replies[0]["connect"]["client"]
        for socket in (staying, leaving):
            await socket.ask(publish={"channel": "m", "type": 1, "data": 1})
        if leaves == "is cut":
            leaving.cut()
            await leaving.end()
        else:
            await leaving.ask(unsubscribe={"channel": "m"})
        await settle()
        state = (await server.api("map_read_state", channel="m"))["publications"]
        assert (client in [one["key"] for one in state]) is not removes
        assert len(state) == (1 if removes else 2)
        assert any(one.get("removed") for one in pushed(staying)) is removes


@pytest.mark.parametrize(
    ("always", "asked", "delta"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
async def test_a_publication_leaves_as_a_delta_where_one_of_the_two_says_so(
    always: bool, asked: bool, delta: bool
) -> None:
    text = "the same but for a number, at some length, so that it pays: "
    async with served({**DELTAS, "delta_publish": always}) as server:
        socket = await server.client("ann", "s", delta="fossil")
        for number in range(3):
            await server.api("publish", channel="s", data={"t": f"{text}{number}"}, delta=asked)
        assert [one.get("delta", False) for one in pushed(socket)] == [False, delta, delta]


@pytest.mark.parametrize(
    ("always", "asked", "delta"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
async def test_so_does_the_change_of_a_key(always: bool, asked: bool, delta: bool) -> None:
    text = "the same but for a number, at some length, so that it pays: "
    options = {**of_map(), "allowed_delta_types": ["fossil"], "delta_publish": always}
    async with served(options) as server:
        socket = await server.client("ann", "m", type=1, phase=2, delta="fossil")
        for number in range(3):
            data = {"t": f"{text}{number}"}
            await server.api("map_publish", channel="m", key="k", data=data, delta=asked)
        assert [one.get("delta", False) for one in pushed(socket)] == [False, delta, delta]


async def test_what_clients_publish_is_a_delta_where_the_namespace_says_so() -> None:
    text = "the same but for a number, at some length, so that it pays: "
    for always in (True, False):
        async with served({**DELTAS, "delta_publish": always}) as server:
            socket = await server.client("ann", "s", delta="fossil")
            for number in range(2):
                data = {"t": f"{text}{number}"}
                await socket.ask(publish={"channel": "s", "data": data})
            assert [one.get("delta", False) for one in pushed(socket)] == [False, always]
