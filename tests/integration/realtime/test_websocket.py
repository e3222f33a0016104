"""The WebSocket of our own on real TCP: handshake, closing, peers that keep to no rule or speed."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.frames import Close, Frame, Opcode

from realtime.broker.broker_memory import MemoryBroker
from realtime.nodes.control import Target
from realtime.session.connection import Connection
from realtime.settings import RealtimeSettings
from realtime.transport.outbox_socket import SocketOutbox
from realtime.transport.websocket import WebSocket
from tests.integration.realtime.raw_peer import ACCEPT, RawPeer
from tests.integration.realtime.service import PATH, Service, serving
from tests.integration.realtime.waiting import until

SMALL = RealtimeSettings(
    max_message_bytes=2000,
    queue_bytes=100_000,
    queue_hard_bytes=400_000,
    slow_grace_s=0.2,
    close_timeout_s=0.2,
    allowed_origins=("https://ops.example",),
)


@pytest_asyncio.fixture(loop_scope="session")
async def service() -> AsyncIterator[Service]:
    async with serving(MemoryBroker(), settings=SMALL) as service:
        yield service
        await until(lambda: service.realtime.metrics.connections == 0)
        assert service.realtime.metrics.queue_bytes == 0


class TestHandshake:
    async def test_it_is_that_of_the_standard(self, service: Service) -> None:
        peer = await RawPeer.shake(service.url, Sec_WebSocket_Protocol="chat, centrifuge-json")
        assert peer.status == 101
        assert peer.headers["sec-websocket-accept"] == ACCEPT
        assert peer.headers["sec-websocket-protocol"] == "centrifuge-json"
        assert "sec-websocket-extensions" not in peer.headers
        peer.end()

    @pytest.mark.parametrize(
        ("header", "value", "status"),
        [
            ("Sec_WebSocket_Version", "8", 426),
            ("Sec_WebSocket_Version", None, 426),
            ("Sec_WebSocket_Key", None, 400),
            ("Sec_WebSocket_Key", "c2hvcnQ=", 400),
            ("Sec_WebSocket_Key", "not base 64", 400),
            ("Origin", "https://evil.example", 403),
        ],
    )
    async def test_others_are_refused(
        self, service: Service, header: str, value: str | None, status: int
    ) -> None:
        peer = await RawPeer.shake(service.url, **{header: value})
        assert peer.status == status
        assert peer.headers.get("sec-websocket-version") == ("13" if status == 426 else None)
        await peer.ended()

    @pytest.mark.parametrize("origin", ["https://ops.example", "https://maxray.example", None])
    async def test_known_origins_come_in(self, service: Service, origin: str | None) -> None:
        peer = await RawPeer.shake(service.url, Origin=origin)
        assert peer.status == 101
        peer.end()

    async def test_a_format_that_is_not_spoken_is_said_so(self, service: Service) -> None:
        peer = await RawPeer.shake(service.url, "?format=xml")
        assert await peer.closed() == (3506, "inappropriate protocol")
        await peer.ended()

    async def test_a_node_that_drains_takes_nobody(self, service: Service) -> None:
        await service.realtime.drain(0)
        peer = await RawPeer.shake(service.url)
        assert peer.status == 503
        await peer.ended()

    async def test_another_path_goes_by_asgi(self, service: Service) -> None:
        url = service.url.replace(PATH, "/elsewhere")  # the application serves any path
        peer = await RawPeer.connect(url)
        assert (await peer.ask({"id": 2, "rpc": {"method": "whoami"}}))["rpc"]["data"] == "ann"
        peer.end()

    async def test_a_trusted_proxy_says_where_a_client_is(self, service: Service) -> None:
        peer = await RawPeer.shake(service.url, X_Forwarded_For="203.0.113.9, 127.0.0.1")
        await peer.ask({"id": 1, "connect": {"token": "ann"}})
        assert service.tokens.seen[-1][1].address == "203.0.113.9"
        peer.end()


class TestClosing:
    async def test_codes_and_reasons_travel(self, service: Service) -> None:
        peer = await RawPeer.shake(service.url)
        peer.say({"id": 1, "connect": {"token": "forged"}})
        assert await peer.closed() == (3500, "invalid token")
        peer.send(Frame(Opcode.CLOSE, b"\x0d\xac"))
        assert await peer.reader.read() == b""  # and then the server ends the connection
        peer.end()

    async def test_who_does_not_answer_is_left_after_a_while(self, service: Service) -> None:
        peer = await RawPeer.shake(service.url)
        peer.say({"id": 1, "rpc": {"method": "too soon"}})
        assert (await peer.closed())[0] == 3501
        await peer.ended()

    async def test_the_peers_close_is_answered_with_its_code(self, service: Service) -> None:
        peer = await RawPeer.connect(service.url)
        peer.send(Frame(Opcode.CLOSE, b"\x03\xe8bye"), Frame(Opcode.TEXT, b"too late"))
        assert await peer.closed() == (1000, "")
        await peer.ended()

    async def test_what_was_queued_comes_before_the_close(self, service: Service) -> None:
        peer = await RawPeer.connect(service.url)
        big = b'"' + b"x" * 60_000 + b'"'
        for _ in range(5):
            await service.realtime.message(Target(user="ann"), big)
        await service.realtime.disconnect(Target(user="ann"))
        received = 0
        while (frame := await peer.receive()).opcode is Opcode.TEXT:
            received += bytes(frame.data).count(b'"message"')
        assert received == 5
        assert Close.parse(bytes(frame.data)).code == 3503
        peer.end()

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\x81\x02hi", 1002),
            (Frame(Opcode.TEXT, b"\xff\xff").serialize(mask=True), 1007),
            (Frame(Opcode.TEXT, b"x" * 2001).serialize(mask=True), 1009),
            (Frame(Opcode.CLOSE, b"\x03\xed").serialize(mask=True), 1002),
            (b"GET / HTTP/1.1\r\n\r\n", 1002),
        ],
    )
    async def test_broken_framing_ends_it(self, service: Service, data: bytes, code: int) -> None:
        peer = await RawPeer.connect(service.url)
        peer.writer.write(data)
        assert (await peer.closed())[0] == code
        await peer.ended()

    async def test_a_reset_in_mid_frame_is_an_end_like_any_other(self, service: Service) -> None:
        peer = await RawPeer.connect(service.url)
        peer.writer.write(b"\x81\xfe\x01")
        raw = peer.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        peer.writer.transport.abort()


async def test_messages_in_parts_and_pings_between(service: Service) -> None:
    peer = await RawPeer.connect(service.url)
    peer.send(
        Frame(Opcode.TEXT, b'{"id":2,"rpc":{"met', fin=False),
        Frame(Opcode.PING, b"are you there"),
        Frame(Opcode.CONT, b'hod":"whoami"}}'),
    )
    pong = await peer.receive()
    assert (pong.opcode, pong.data) == (Opcode.PONG, b"are you there")
    assert b'"ann"' in bytes((await peer.receive()).data)
    peer.end()


async def test_a_burst_is_one_frame_and_the_same_for_all(service: Service) -> None:
    peers = [await RawPeer.connect(service.url) for _ in range(3)]
    for peer in peers:
        await peer.ask({"id": 2, "subscribe": {"channel": "fact:burst"}})
    writes = service.realtime.metrics.writes
    await service.publish("fact:burst", 20)
    frames = [await peer.receive() for peer in peers]
    assert len({bytes(frame.data) for frame in frames}) == 1
    assert bytes(frames[0].data).count(b"\n") == 19
    assert service.realtime.metrics.writes == writes + 3
    for peer in peers:
        peer.end()


async def test_an_ended_connection_leaves_nothing_to_the_collector(service: Service) -> None:
    def held() -> int:
        kinds = WebSocket, Connection, SocketOutbox, HttpToolsProtocol
        return sum(isinstance(one, kinds) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = held()
        peers = [await RawPeer.connect(service.url) for _ in range(3)]
        for peer in peers:
            await peer.ask({"id": 2, "subscribe": {"channel": "fact:a"}})
        assert held() == before + 3 * 3  # the HTTP protocol has gone by itself
        for peer in peers:
            peer.end()
        await until(lambda: held() == before)
    finally:
        gc.enable()


class TestOverload:
    async def test_a_flood_of_commands_delays_nobody(self, service: Service) -> None:
        flooding, other = [await RawPeer.connect(service.url) for _ in range(2)]
        ping = Frame(Opcode.TEXT, b'{"id":7,"ping":{}}').serialize(mask=True)
        flooding.writer.write(ping * 20_000)
        loop = asyncio.get_running_loop()
        slowest = 0.0
        for number in range(20):
            began = loop.time()
            await other.ask({"id": number + 2, "ping": {}})
            slowest = max(slowest, loop.time() - began)
        answers = 0
        while answers < 20_000:
            answers += bytes((await flooding.receive()).data).count(b'"ping"')
        assert answers == 20_000
        assert service.realtime.metrics.slow_disconnects == 0
        for peer in (flooding, other):
            peer.end()

    async def test_who_never_reads_is_cut_for_good(self, service: Service) -> None:
        peer, other = [await RawPeer.connect(service.url) for _ in range(2)]
        for one in (peer, other):
            await one.ask({"id": 2, "subscribe": {"channel": "fact:wide"}})
        big = b'"' + b"x" * 50_000 + b'"'
        metrics = service.realtime.metrics
        published = 0
        while not metrics.slow_disconnects:
            await service.realtime.publish([service.journal.append("fact:wide", big)])
            published += 1
            frame = await other.receive()  # every one of them, while the first does not read
            assert len(frame.data) > 50_000
            assert published < 2000
        await until(lambda: len(service.sockets) == 1)
        with pytest.raises(ConnectionError):  # a reset: what waited in the kernel is gone, too
            while await peer.reader.read(1 << 20):
                pass
        for one in (peer, other):
            one.end()

    async def test_pings_of_who_never_reads_do_not_pile_up(self, service: Service) -> None:
        peer = await RawPeer.connect(service.url)
        (held,) = service.sockets
        pings = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 1000
        while held.writable:  # until the kernel takes no more of the answers
            peer.writer.write(pings)
            await peer.writer.drain()
            await asyncio.sleep(0)
        for _ in range(10):
            peer.writer.write(pings)
            await peer.writer.drain()
        other = await RawPeer.connect(service.url)  # so all of them have been read
        assert held.buffered_bytes < 100_000
        for one in (peer, other):
            one.end()
