"""The way to the REST API: repeated until it is answered, under one key; refusals stand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from web.replay.door import Door
from web.replay.errors import DoorRefused, ReplayError
from web.replay.several import each
from web.replay.target import IssuedTokens


class Api:
    """Answers with `statuses` in turn, then with 201; `asked` is what came in."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((f"{scope['method']} {scope['path']}", headers, body))
        status = self.statuses.pop(0) if self.statuses else 201
        answer = b'{"id":"x","token":"t1"}' if status < 400 else b'{"type":"/problems/some"}'
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        api.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(api, lifespan="off", log_level="critical"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield api
        server.should_exit = True
        await serving


async def test_a_post_is_repeated_under_the_same_key_until_it_is_answered(api: Api) -> None:
    api.statuses = [503, 500, 429]
    async with Door(api.url) as door:
        assert (await door.post("/api/things", "tok", {"a": 1}, "key-1"))["id"] == "x"
        assert door.retries == 3
    assert len(api.asked) == 4
    for line, headers, body in api.asked:
        assert line == "POST /api/things"
        assert headers["idempotency-key"] == "key-1"
        assert headers["authorization"] == "Bearer tok"
        assert body == b'{"a":1}'


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refusal_is_an_answer(api: Api, status: int) -> None:
    api.statuses = [status]
    async with Door(api.url) as door:
        with pytest.raises(DoorRefused, match=f"POST /api/things: {status} .*/problems/some"):
            await door.post("/api/things", "tok", {}, "key-1")
    assert len(api.asked) == 1


async def test_where_nobody_answers_it_gives_up_in_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    async with Door(url, patience_s=0.3) as door:
        with pytest.raises(ReplayError, match=r"GET /api/things: no answer in 0\.3 s"):
            await door.get("/api/things", "tok")


async def test_tokens_are_asked_for_once(api: Api) -> None:
    async with Door(api.url) as door:
        issued = IssuedTokens(door, "admin-token")
        for _ in range(3):
            assert await issued.token("paramedic", "p1") == "t1"
        await issued.token("paramedic", "p2")
    assert [line for line, _, _ in api.asked] == ["POST /api/tokens"] * 2


async def test_several_at_once_are_never_more_than_said() -> None:
    running = most = 0
    free = asyncio.Event()

    async def work(n: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            free.set()
        await free.wait()
        running -= 1
        return n * n

    assert await each(work, range(10), 3) == tuple(n * n for n in range(10))
    assert most == 3


async def test_the_first_failure_ends_the_rest() -> None:
    async def work(n: int) -> None:
        if n == 1:
            raise ReplayError("one is wrong")
        await asyncio.Event().wait()

    with pytest.raises(ReplayError, match="one is wrong"):
        await each(work, range(5), 5)
