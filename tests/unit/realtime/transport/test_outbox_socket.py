"""The outbox of a raw socket: one write a turn, shared bytes, and bounds for who does not read."""

from __future__ import annotations

import asyncio

from websockets.frames import Frame
from websockets.protocol import CLIENT, OPEN, Protocol

from realtime.codes import Disconnect
from realtime.hub.turn import Turn
from realtime.metrics import Metrics
from realtime.protocol.codec_json import JSON
from realtime.settings import RealtimeSettings
from realtime.transport.message import Message
from realtime.transport.outbox_socket import RawSocket, SocketOutbox
from realtime.wheel import TimerWheel
from tests.unit.realtime.clock import VirtualClock, settle

SMALL = RealtimeSettings(queue_bytes=1000, queue_hard_bytes=5000, frame_bytes=300)


class Pipe(RawSocket):
    """A socket into a list. `pause`: it takes no more; `go_on`: it does."""

    def __init__(self) -> None:
        self.writable = True
        self.written: list[bytes] = []
        self.taken_bytes: int | None = None
        self._outbox: SocketOutbox | None = None

    @property
    def buffered_bytes(self) -> int:
        all_bytes = sum(map(len, self.written))
        return all_bytes - (all_bytes if self.taken_bytes is None else self.taken_bytes)

    def attach(self, outbox: SocketOutbox) -> None:
        self._outbox = outbox

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def close(self, why: Disconnect) -> None:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError

    def pause(self) -> None:
        self.writable = False

    def go_on(self) -> None:
        assert self._outbox is not None
        self.writable = True
        self._outbox.flush()

    def messages(self) -> list[bytes]:
        """What a client reads."""
        client = Protocol(CLIENT, state=OPEN)
        for data in self.written:
            client.receive_data(data)
        events = client.events_received()
        return [bytes(event.data) for event in events if isinstance(event, Frame)]


class Place:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.metrics = Metrics()
        self.wheel = TimerWheel(self.clock, 0.1)
        self.turn = Turn(self.metrics)
        self.told: list[str] = []

    def outbox(self, pipe: Pipe) -> SocketOutbox:
        return SocketOutbox(
            pipe,
            JSON,
            SMALL,
            self.wheel,
            self.metrics,
            self.turn,
            on_slow=lambda: self.told.append("slow"),
            on_broken=lambda: self.told.append("broken"),
        )

    async def wait(self, delay_s: float) -> None:
        await self.clock.advance(delay_s)
        self.wheel.advance()


async def test_what_comes_in_one_turn_is_one_write() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    for n in range(3):
        outbox.put(b"%d" % n)
    assert pipe.written == []
    await settle()
    assert pipe.messages() == [b"0\n1\n2"]
    assert len(pipe.written) == 1
    assert (place.metrics.writes, place.metrics.messages_out) == (1, 3)
    assert outbox.queued_bytes == place.metrics.queue_bytes == 0


async def test_a_shared_message_is_the_same_bytes_for_all() -> None:
    place, pipes = Place(), [Pipe() for _ in range(3)]
    message = Message(JSON, (b"a", b"b"))
    for pipe in pipes:
        place.outbox(pipe).deliver(message)
    await settle()
    assert all(pipe.written[0] is message.websocket for pipe in pipes)


async def test_a_reply_and_a_shared_message_leave_in_order_in_one_frame() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    outbox.put(b"reply")
    outbox.deliver(Message(JSON, (b"a", b"b")))
    await settle()
    assert pipe.messages() == [b"reply\na\nb"]
    assert len(pipe.written) == 1


async def test_a_pause_holds_everything_until_it_goes_on() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    pipe.pause()
    for n in range(8):
        outbox.put(b"%d" % n * 100)
        await settle()
    assert pipe.written == []
    assert outbox.queued_bytes == place.metrics.queue_bytes == 800
    pipe.go_on()
    assert b"\n".join(pipe.messages()) == b"\n".join(b"%d" % n * 100 for n in range(8))
    assert len(pipe.written) == 3  # in messages of about frame_bytes
    assert outbox.queued_bytes == place.metrics.queue_bytes == 0


async def test_a_pause_in_the_middle_stops_the_rest() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    write = pipe.write

    def write_once(data: bytes) -> None:
        write(data)
        pipe.pause()

    pipe.write = write_once  # type: ignore[method-assign]  # of this one pipe
    for n in range(6):
        outbox.put(b"%d" % n * 150)
    await settle()
    assert len(pipe.messages()) == 1
    pipe.go_on()
    assert len(pipe.messages()) == 2
    assert outbox.queued_bytes == 300


async def test_too_much_waiting_without_progress_is_slow() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    pipe.pause()
    outbox.put(b"x" * 1001)
    await place.wait(0.9)
    assert place.told == []
    await place.wait(0.3)
    assert place.told == ["slow"]
    outbox.discard()
    assert place.metrics.queue_bytes == 0


async def test_progress_in_the_kernel_buys_time() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    outbox.put(b"first")
    await settle()
    pipe.taken_bytes = 0  # the kernel has taken nothing of it
    pipe.pause()
    outbox.put(b"x" * 1001)
    pipe.taken_bytes = 3
    await place.wait(1.2)
    assert place.told == []
    await place.wait(1.2)
    assert place.told == ["slow"]


async def test_far_too_much_is_slow_at_once_but_not_from_within() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    pipe.pause()
    outbox.put(b"x" * 5001)
    assert place.told == []
    await settle()
    assert place.told == ["slow"]
    outbox.put(b"more")
    outbox.discard()
    assert outbox.queued_bytes == place.metrics.queue_bytes == 0
    await settle()
    assert place.told == ["slow"]


async def test_drain_waits_until_all_is_written() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    pipe.pause()
    outbox.put(b"last")
    draining = asyncio.create_task(outbox.drain())
    await settle()
    assert not draining.done()
    outbox.put(b"too late")
    pipe.go_on()
    await draining
    assert pipe.messages() == [b"last"]


async def test_drain_does_not_wait_for_the_turn() -> None:
    place, pipe = Place(), Pipe()
    outbox = place.outbox(pipe)
    outbox.put(b"last")
    await outbox.drain()
    assert pipe.messages() == [b"last"]
    await settle()
    assert len(pipe.written) == 1
