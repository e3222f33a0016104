"""The server HTTP API, through its ASGI door, on the engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from realtime.standalone.app import StandaloneServer
from realtime.standalone.options import StandaloneOptions
from realtime.standalone.source import convert_options

FOUND = {
    "client": {"insecure": True},
    "http_api": {"key": "the-key"},
    "health": {"enabled": True},
    "prometheus": {"enabled": True},
    "channel": {
        "without_namespace": {"history_size": 3, "history_ttl": "60s"},
        "namespaces": [
            {"name": "bare"},
            {"name": "there", "presence": True},
            {
                "name": "map",
                "subscription_type": "map",
                "map": {"mode": "recoverable", "key_ttl": "60s"},
            },
        ],
    },
}
OPTIONS: StandaloneOptions = convert_options(FOUND)[0]


@pytest_asyncio.fixture(loop_scope="session")
async def api() -> AsyncIterator[httpx.AsyncClient]:
    server = StandaloneServer(OPTIONS, exposition=lambda found: b"%d" % found.connections)
    await server.start()
    transport = httpx.ASGITransport(server.app)
    headers = {"X-API-Key": "the-key"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://server", headers=headers
    ) as client:
        yield client
    await server.stop()


async def call(api: httpx.AsyncClient, method: str, /, **body: Any) -> Any:
    answer = await api.post(f"/api/{method}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def result(api: httpx.AsyncClient, method: str, /, **body: Any) -> Any:
    return (await call(api, method, **body))["result"]


async def error(api: httpx.AsyncClient, method: str, /, **body: Any) -> int:
    return int((await call(api, method, **body))["error"]["code"])


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"X-API-Key": "the-key"}, "", 200),
        ({"Authorization": "apikey the-key"}, "", 200),
        ({}, "?api_key=the-key", 200),
        ({}, "", 401),
        ({"X-API-Key": ""}, "", 401),
        ({"X-API-Key": "the-ke"}, "", 401),
        ({"X-API-Key": "schlüssel".encode()}, "", 401),
        ({"Authorization": "Bearer the-key"}, "", 401),
    ],
)
async def test_the_key_opens_it(
    api: httpx.AsyncClient, headers: dict[str, Any], query: str, status: int
) -> None:
    del api.headers["X-API-Key"]
    answer = await api.post(f"/api/info{query}", json={}, headers=headers)
    assert answer.status_code == status


async def test_without_a_key_it_answers_nobody() -> None:
    server = StandaloneServer(StandaloneOptions())
    transport = httpx.ASGITransport(server.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        answer = await client.post("/api/info", json={}, headers={"X-API-Key": ""})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "/api/info", "", 405, "POST"),
        ("POST", "/api/nothing", "{}", 404, "publish"),
        ("POST", "/api/publish", "{", 400, "publish"),
        ("POST", "/api/publish", '{"channel": 7}', 400, "channel"),
        ("POST", "/api/batch", '{"commands": [{"nothing": {}}]}', 400, "commands[0]"),
        ("POST", "/api/batch", '{"commands": [{"info": {}, "publish": {}}]}', 400, "commands[0]"),
        ("POST", "/api/publish", "x" * (4 * 1024 * 1024 + 1), 413, "bytes"),
        ("GET", "/elsewhere", "", 404, "not found"),
    ],
)
async def test_what_is_no_call_is_refused(
    api: httpx.AsyncClient, method: str, path: str, body: str, status: int, says: str
) -> None:
    answer = await api.request(method, path, content=body)
    assert answer.status_code == status
    assert says in answer.text


async def test_what_is_published_is_in_the_history_as_far_as_it_goes(
    api: httpx.AsyncClient,
) -> None:
    for number in range(5):
        position = await result(api, "publish", channel="a", data={"n": number})
    assert position["offset"] == 5
    kept = await result(api, "history", channel="a", limit=-1)
    assert [one["data"]["n"] for one in kept["publications"]] == [2, 3, 4]
    assert (kept["offset"], kept["epoch"]) == (5, position["epoch"])
    assert (await result(api, "history", channel="a"))["publications"] == []
    since = {"offset": 4, "epoch": position["epoch"]}
    after = await result(api, "history", channel="a", limit=10, since=since)
    assert [one["offset"] for one in after["publications"]] == [5]
    back = await result(api, "history", channel="a", limit=2, reverse=True)
    assert [one["offset"] for one in back["publications"]] == [5, 4]
    assert await error(api, "history", channel="a", since={"offset": 4, "epoch": "x"}) == 112
    await result(api, "history_remove", channel="a")
    left = await result(api, "history", channel="a", limit=-1)
    assert (left["publications"], left["offset"]) == ([], 5)


async def test_a_repeat_with_the_same_key_is_no_second_publication(
    api: httpx.AsyncClient,
) -> None:
    for _ in range(2):
        position = await result(api, "publish", channel="a", data=1, idempotency_key="once")
    assert position["offset"] == 1
    other = await result(api, "publish", channel="b", data=1, idempotency_key="once")
    assert other["offset"] == 1
    assert (await result(api, "history", channel="b"))["offset"] == 1


async def test_skipping_history_publishes_without_a_position(api: httpx.AsyncClient) -> None:
    assert await result(api, "publish", channel="a", data=1, skip_history=True) == {}
    assert (await result(api, "history", channel="a"))["offset"] == 0


async def test_a_broadcast_answers_for_each_channel(api: httpx.AsyncClient) -> None:
    answer = await result(api, "broadcast", channels=["a", "bare:b", "none:c", ""], data=1)
    positions, bare, unknown, empty = answer["responses"]
    assert positions["result"]["offset"] == 1
    assert bare["result"] == {}
    assert unknown["error"]["code"] == 102
    assert empty["error"]["code"] == 107


async def test_binary_data_and_tags_are_told(api: httpx.AsyncClient) -> None:
    await result(api, "publish", channel="a", b64data="AP8=", tags={"kind": "x"})
    (kept,) = (await result(api, "history", channel="a", limit=1))["publications"]
    assert (kept["data"], kept["tags"]) == ("AP8=", {"kind": "x"})


@pytest.mark.parametrize(
    ("method", "body", "code"),
    [
        ("publish", {"channel": "a"}, 107),
        ("publish", {"channel": "a", "b64data": "?"}, 107),
        ("publish", {"channel": "x" * 256, "data": 1}, 107),
        ("publish", {"channel": "none:a", "data": 1}, 102),
        ("broadcast", {"data": 1}, 107),
        ("history", {"channel": "bare:a"}, 108),
        ("presence", {"channel": "bare:a"}, 108),
        ("presence_stats", {"channel": ""}, 107),
        ("disconnect", {}, 107),
        ("disconnect", {"user": "a", "disconnect": {"code": 7}}, 107),
        ("unsubscribe", {"channel": "a"}, 107),
        ("subscribe", {"user": "a", "channel": "none:a"}, 102),
        ("map_publish", {"channel": "a", "key": "k", "data": 1}, 108),
        ("map_publish", {"channel": "map:a", "key": "", "data": 1}, 107),
        ("map_publish", {"channel": "map:a", "key": "k"}, 107),
    ],
)
async def test_a_call_that_cannot_be_has_a_code(
    api: httpx.AsyncClient, method: str, body: dict[str, Any], code: int
) -> None:
    assert await error(api, method, **body) == code


async def test_a_batch_is_carried_out_in_order(api: httpx.AsyncClient) -> None:
    commands = [
        {"publish": {"channel": "a", "data": 1}},
        {"publish": {"channel": "none:a", "data": 1}},
        {"history": {"channel": "a", "limit": 1}},
    ]
    answer = await call(api, "batch", commands=commands)
    published, refused, history = answer["replies"]
    assert published["publish"]["offset"] == 1
    assert refused["error"]["code"] == 102
    assert history["history"]["publications"][0]["data"] == 1


async def test_a_map_is_changed_key_by_key(api: httpx.AsyncClient) -> None:
    await result(api, "map_publish", channel="map:a", key="k", data=1)
    await result(api, "map_publish", channel="map:a", key="l", data=2)
    kept = await result(api, "map_publish", channel="map:a", key="k", data=3, key_mode="if_new")
    assert (kept["suppressed"], kept["suppress_reason"]) == (True, "key_exists")
    await result(api, "map_remove", channel="map:a", key="l")
    state = await result(api, "map_read_state", channel="map:a")
    assert [(one["key"], one["data"]) for one in state["publications"]] == [("k", 1)]
    await result(api, "map_clear", channel="map:a")
    assert (await result(api, "map_read_state", channel="map:a"))["publications"] == []


async def test_who_is_where_and_what_there_is(api: httpx.AsyncClient) -> None:
    assert await result(api, "presence", channel="there:a") == {"presence": {}}
    stats = await result(api, "presence_stats", channel="there:a")
    assert stats == {"num_clients": 0, "num_users": 0}
    (node,) = (await result(api, "info"))["nodes"]
    assert node["num_clients"] == 0
    assert await result(api, "channels") == {"channels": {}}
    for method in ("unsubscribe", "disconnect", "refresh"):
        assert await result(api, method, user="nobody", channel="a") == {}


async def test_health_and_metrics(api: httpx.AsyncClient) -> None:
    assert (await api.get("/health")).status_code == 200
    assert (await api.get("/metrics")).text == "0"
