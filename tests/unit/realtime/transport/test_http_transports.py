"""Sessions over HTTP: a stream of answers one way, posted commands the other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from realtime.errors import BrokerUnavailable
from realtime.nodes.control_memory import MemoryControlBus
from realtime.protocol.messages import EmulationRequest
from realtime.protocol.protobuf_schema import EMULATION_REQUEST
from realtime.protocol.protobuf_wire import read_span, varint
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.http_call import HttpCall
from tests.unit.realtime.protobuf_oracle import CLASSES, of_oracle
from tests.unit.realtime.server import Node, pair, running

JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/octet-stream"}
CONNECT: dict[str, Any] = {"id": 1, "connect": {"token": "ann"}}


class LostBus(MemoryControlBus):
    """Nodes that do not hear each other while it is `lost`."""

    lost = False

    async def send(self, message: bytes) -> None:
        if self.lost:
            raise BrokerUnavailable("lost")
        await super().send(message)


class Client:
    """An SDK on such a transport, as far as its commands go."""

    def __init__(self, node: Node, kind: str, **options: Any) -> None:
        self.node = node
        connect = json.dumps(CONNECT)
        if kind == "sse":
            query = urlencode({"cf_connect": connect})
            self.stream = HttpCall(node.server.sse_app, method="GET", query=query, **options)
        else:
            app = node.server.http_stream_app
            self.stream = HttpCall(app, connect.encode(), headers=JSON, **options)

    async def connected(self) -> dict[str, Any]:
        await settle()
        result: dict[str, Any] = self.stream.lines[0]["connect"]
        return result

    async def say(self, *commands: dict[str, Any], **changed: str) -> HttpCall:
        connect = self.stream.lines[0]["connect"]
        request = {
            "node": connect["node"],
            "session": connect["session"],
            "data": "\n".join(json.dumps(command) for command in commands),
            **changed,
        }
        app = self.node.server.emulation_app
        post = HttpCall(app, json.dumps(request).encode(), headers=JSON)
        await post.end()
        await settle()
        return post


@pytest.mark.parametrize("kind", ["http_stream", "sse"])
class TestSession:
    async def test_replies_and_pushes_come_in_the_stream(self, kind: str) -> None:
        async with running() as node:
            client = Client(node, kind)
            assert (await client.connected())["data"] == {"hello": "ann"}
            post = await client.say(
                {"id": 2, "subscribe": {"channel": "fact:1"}},
                {"id": 3, "rpc": {"method": "echo", "data": [1]}},
            )
            assert (post.status, post.body) == (204, b"")
            await node.publish("fact:1", b'{\r\n"a": 1\r\n}')
            replies = {line["id"]: line for line in client.stream.lines if "id" in line}
            assert replies[2]["subscribe"]["recoverable"]
            assert replies[3]["rpc"]["data"] == [1]
            assert client.stream.lines[-1]["push"]["pub"]["data"] == {"a": 1}
            client.stream.cut()
            await client.stream.end()

    async def test_nothing_on_the_way_may_keep_or_change_it(self, kind: str) -> None:
        async with running() as node:
            client = Client(node, kind)
            await client.connected()
            assert client.stream.headers["x-accel-buffering"] == "no"
            assert client.stream.headers["cache-control"] == "no-store, no-transform"

    async def test_sessions_have_names_that_cannot_be_guessed(self, kind: str) -> None:
        async with running() as node:
            first, second = Client(node, kind), Client(node, kind)
            names = [(await client.connected())["session"] for client in (first, second)]
            assert names[0] != names[1]
            assert all(len(name) >= 32 for name in names)
            assert (await first.connected())["client"] not in names

    async def test_a_socket_has_no_such_name(self, kind: str) -> None:
        async with running() as node:
            reply = await node.socket().connect()
            assert reply["connect"].keys() & {"session", "node"} == set()

    async def test_the_session_ends_with_the_stream(self, kind: str) -> None:
        async with running() as node:
            client = Client(node, kind)
            await client.connected()
            assert node.server.metrics.connections == 1
            client.stream.cut()
            await client.stream.end()
            assert node.server.metrics.connections == 0
            post = await client.say({"id": 2, "rpc": {"method": "echo"}})
            assert post.status == 204  # as the stream tells, or told

    async def test_the_stream_ends_with_the_session_and_says_why(self, kind: str) -> None:
        async with running() as node:
            client = Client(node, kind)
            await client.connected()
            await node.server.stop()
            await client.stream.end()
            assert client.stream.ended
            push = {"code": 3001, "reason": "shutdown", "reconnect": True}
            assert client.stream.lines[-1] == {"push": {"disconnect": push}}

    async def test_a_faulty_connect_command_ends_it_for_good(self, kind: str) -> None:
        async with running() as node:
            if kind == "sse":
                stream = HttpCall(node.server.sse_app, b"{", method="POST")
            else:
                stream = HttpCall(node.server.http_stream_app, b"{", headers=JSON)
            await stream.end()
            assert stream.status == 200
            assert stream.lines == [
                {"push": {"disconnect": {"code": 3501, "reason": "bad request"}}}
            ]

    async def test_pings_flow_and_no_pong_is_an_end(self, kind: str) -> None:
        settings = RealtimeSettings(ping_interval_s=10, pong_timeout_s=3)
        async with running(settings) as node:
            client = Client(node, kind)
            await client.connected()
            for _ in range(2):
                await node.clock.advance(1)
                while client.stream.lines[-1] != {}:
                    await node.clock.advance(0.1)
                await client.say({})
                before = len(client.stream.lines)
                await node.clock.advance(3.3)
                assert len(client.stream.lines) == before
                await client.say({"id": 2, "ping": {}})
            await node.clock.advance(13.5)
            await client.stream.end()
            assert client.stream.lines[-2] == {}
            assert client.stream.lines[-1]["push"]["disconnect"]["code"] == 3012

    @pytest.mark.parametrize("extension", [True, False])
    async def test_who_does_not_read_is_cut(self, kind: str, extension: bool) -> None:
        small = RealtimeSettings(queue_bytes=2000, queue_hard_bytes=8000, close_timeout_s=0.01)
        async with running(small) as node:
            client = Client(node, kind, extension=extension)
            await client.connected()
            await client.say({"id": 2, "subscribe": {"channel": "fact:1"}})
            client.stream.reading.clear()
            for _ in range(10):
                await node.publish("fact:1", json.dumps("x" * 1000).encode())
            await client.stream.call
            assert node.server.metrics.slow_disconnects == 1
            assert client.stream.resets == extension
            assert node.server.metrics.queue_bytes == 0

    async def test_a_full_node_takes_no_more(self, kind: str) -> None:
        async with running(RealtimeSettings(max_connections=1)) as node:
            Client(node, kind)
            await settle()
            second = Client(node, kind)
            await second.stream.end()
            assert second.stream.status == 503

    async def test_an_address_may_have_so_many(self, kind: str) -> None:
        async with running(RealtimeSettings(max_connections_per_address=1)) as node:
            first, second = Client(node, kind), Client(node, kind)
            other = Client(node, kind, address="192.0.2.2")
            await second.stream.end()
            assert second.stream.lines[-1]["push"]["disconnect"]["code"] == 3504
            await first.connected()
            await other.connected()


async def test_protobuf_streams_are_behind_their_lengths() -> None:
    async with running() as node:
        raw = CLASSES["Command"](id=1, connect={"token": "ann"}).SerializeToString()
        first = varint(len(raw)) + raw
        stream = HttpCall(node.server.http_stream_app, [first[:3], first[3:]], headers=PROTOBUF)
        await settle()
        assert stream.headers["content-type"] == "application/octet-stream"

        def replies() -> list[dict[str, Any]]:
            found, at = [], 0
            while at < len(stream.body):
                start, at = read_span(stream.body, at, len(stream.body))
                found.append(of_oracle(CLASSES["Reply"].FromString(stream.body[start:at])))
            return found

        connect = replies()[0]["connect"]
        assert connect["data"] == b'{"hello":"ann"}'
        raw = CLASSES["Command"](id=2, rpc={"method": "echo", "data": b"\xff"}).SerializeToString()
        request = EMULATION_REQUEST.encode(
            EmulationRequest(
                connect["node"],
                connect["session"],
                varint(len(raw)) + raw,
            )
        )
        post = HttpCall(node.server.emulation_app, request, headers=PROTOBUF)
        await post.end()
        await settle()
        assert post.status == 204
        assert replies()[-1] == {"id": 2, "rpc": {"data": b"\xff"}}
        stream.cut()
        await stream.end()


class TestEmulation:
    async def test_a_node_that_is_not_there_is_not_found(self) -> None:
        async with running() as node:
            client = Client(node, "http_stream")
            await client.connected()
            assert (await client.say({}, node="gone")).status == 404
            assert (await client.say({}, session="guessed")).status == 204
            assert node.server.metrics.messages_in == 1  # the connect command alone

    async def test_what_comes_to_another_node_is_passed_on(self) -> None:
        async with pair(MemoryControlBus(), RealtimeSettings()) as (home, other):
            client = Client(home, "http_stream")
            await client.connected()
            client.node = other
            post = await client.say({"id": 2, "rpc": {"method": "echo", "data": 7}})
            assert post.status == 204
            assert client.stream.lines[-1] == {"id": 2, "rpc": {"data": 7}}
            client.stream.cut()
            await client.stream.end()

    async def test_when_the_other_nodes_are_out_of_reach_it_says_so(self) -> None:
        bus = LostBus()
        async with pair(bus, RealtimeSettings()) as (home, other):
            client = Client(home, "http_stream")
            await client.connected()
            client.node = other
            bus.lost = True
            assert (await client.say({})).status == 503
            bus.lost = False

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b'{"data":{"id":1}}', b'{"session":"s","data":"\\ud800"}']
    )
    async def test_what_is_not_a_request_is_refused(self, body: bytes) -> None:
        async with running() as node:
            post = HttpCall(node.server.emulation_app, body, headers=JSON)
            await post.end()
            assert post.status == 400

    async def test_a_message_that_is_too_large_ends_the_session(self) -> None:
        async with running(RealtimeSettings(max_message_bytes=2000)) as node:
            client = Client(node, "http_stream")
            await client.connected()
            large: dict[str, Any] = {"id": 2, "rpc": {"method": "echo", "data": '"' * 900}}
            assert (await client.say(large)).status == 204
            assert client.stream.lines[-1]["id"] == 2
            large["rpc"]["data"] = "x" * 2000
            assert (await client.say(large)).status == 204
            await client.stream.end()
            assert client.stream.lines[-1]["push"]["disconnect"]["code"] == 1009
            assert (await client.say({"data": "x" * 6000})).status == 413


APPS = ["http_stream_app", "sse_app", "emulation_app"]


class TestRequests:
    @pytest.mark.parametrize("app", APPS)
    async def test_pages_of_other_origins_are_refused(self, app: str) -> None:
        async with running() as node:
            for method in ("POST", "OPTIONS"):
                headers = {**JSON, "origin": "https://evil.example"}
                call = HttpCall(getattr(node.server, app), b"{}", method=method, headers=headers)
                await call.end()
                assert call.status == 403
                assert "access-control-allow-origin" not in call.headers
            assert node.server.metrics.connections == 0

    @pytest.mark.parametrize("app", APPS)
    async def test_pages_of_allowed_origins_are_told_so(self, app: str) -> None:
        origin = "https://ops.example"
        async with running(RealtimeSettings(allowed_origins=(origin,))) as node:
            headers = {"origin": origin, "access-control-request-headers": "content-type,x-app"}
            call = HttpCall(getattr(node.server, app), method="OPTIONS", headers=headers)
            await call.end()
            assert (call.status, call.body) == (204, b"")
            assert call.headers["access-control-allow-origin"] == origin
            assert "POST" in call.headers["access-control-allow-methods"]
            assert call.headers["access-control-allow-headers"] == "content-type,x-app"
            assert "content-length" not in call.headers
            post = HttpCall(getattr(node.server, app), b"{", headers={**JSON, "origin": origin})
            await post.end()
            assert post.headers["access-control-allow-origin"] == origin
            assert post.headers["vary"] == "origin"

    @pytest.mark.parametrize("app", APPS)
    async def test_other_methods_are_refused(self, app: str) -> None:
        async with running() as node:
            call = HttpCall(getattr(node.server, app), method="PUT")
            await call.end()
            assert call.status == 405
            assert "POST" in call.headers["allow"]

    @pytest.mark.parametrize("app", ["http_stream_app", "emulation_app"])
    async def test_other_formats_are_refused(self, app: str) -> None:
        async with running() as node:
            headers = {"content-type": "application/xml"}
            call = HttpCall(getattr(node.server, app), b"<a/>", headers=headers)
            await call.end()
            assert call.status == 415
            assert b"application/octet-stream" in call.body

    @pytest.mark.parametrize("app", APPS)
    async def test_a_body_that_is_too_long_or_too_slow_is_refused(self, app: str) -> None:
        settings = RealtimeSettings(max_message_bytes=100, connect_timeout_s=0.01)
        async with running(settings) as node:
            long = HttpCall(getattr(node.server, app), [b"x" * 1000] * 3)
            await long.end()
            assert (long.status, long.headers["connection"]) == (413, "close")
            slow = HttpCall(getattr(node.server, app), None)
            await slow.call
            assert (slow.status, slow.headers["connection"]) == (408, "close")

    @pytest.mark.parametrize("app", APPS)
    async def test_who_goes_before_all_is_said_gets_no_answer(self, app: str) -> None:
        async with running() as node:
            call = HttpCall(getattr(node.server, app), None)
            call.cut()
            await call.end()
            assert call.status == 0

    async def test_an_event_source_must_say_who_it_is(self) -> None:
        async with running() as node:
            call = HttpCall(node.server.sse_app, method="GET")
            await call.end()
            assert call.status == 400

    @pytest.mark.parametrize("app", APPS)
    async def test_a_socket_is_turned_away(self, app: str) -> None:
        async with running() as node:
            sent = []

            async def send(message: Any) -> None:
                sent.append(message)

            async def receive() -> Any:
                return {"type": "websocket.connect"}

            await getattr(node.server, app)({"type": "websocket"}, receive, send)
            assert sent == [{"type": "websocket.close", "code": 1008}]
