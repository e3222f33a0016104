"""RFC 6455 framing, with the `websockets` library as the peer that knows it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

from realtime.transport.websocket_frames import (
    BINARY,
    CLOSE,
    INVALID_DATA,
    MESSAGE_TOO_BIG,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    FrameReader,
    FramingError,
    close_payload,
    frame,
    parse_close,
)

MESSAGES = st.one_of(
    st.tuples(st.just(TEXT), st.text(max_size=300).map(str.encode)),
    st.tuples(st.just(BINARY), st.binary(max_size=300)),
    st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)),
)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """The bytes in pieces, as a network delivers them."""
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[a:b] for a, b in itertools.pairwise(bounds)]


def read(pieces: list[bytes], max_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
    reader = FrameReader(max_bytes)
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (one := reader.next()) is not None:
            found.append(one)
    assert not reader.buffered
    return found


def from_client(*frames: Frame) -> bytes:
    return b"".join(one.serialize(mask=True) for one in frames)


@given(st.lists(MESSAGES, max_size=8), st.lists(st.integers(0, 5000), max_size=12))
def test_what_a_client_sends_is_read_however_it_is_cut(
    messages: list[tuple[int, bytes]], at: list[int]
) -> None:
    data = from_client(*(Frame(Opcode(opcode), payload) for opcode, payload in messages))
    assert read(cut(data, at)) == messages


@given(
    st.binary(max_size=400),
    st.lists(st.integers(0, 400), max_size=4),
    st.lists(st.binary(max_size=20), max_size=3),
    st.lists(st.integers(0, 1000), max_size=6),
)
def test_fragments_are_put_together_and_pings_may_stand_between(
    payload: bytes, bounds: list[int], pings: list[bytes], at: list[int]
) -> None:
    parts = cut(payload, bounds) or [b""]
    frames: list[Frame] = []
    for index, part in enumerate(parts):
        opcode = Opcode.CONT if index else Opcode.BINARY
        frames.append(Frame(opcode, part, fin=index == len(parts) - 1))
        if index < len(pings) and index < len(parts) - 1:
            frames.append(Frame(Opcode.PING, pings[index]))
    found = read(cut(from_client(*frames), at))
    assert [one for one in found if one[0] == BINARY] == [(BINARY, payload)]
    assert [one[1] for one in found if one[0] == PING] == pings[: len(parts) - 1]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_client_reads_what_is_framed_here(size: int, opcode: int) -> None:
    client = Protocol(CLIENT, state=OPEN, max_size=1 << 20)
    client.receive_data(frame(opcode, b"x" * size))
    (event,) = client.events_received()
    assert isinstance(event, Frame)
    assert (event.opcode, event.data, event.fin) == (opcode, b"x" * size, True)


@pytest.mark.parametrize("size", [126, 65535, 65536, 100_000])
def test_long_frames_are_read(size: int) -> None:
    data = from_client(Frame(Opcode.BINARY, bytes(range(256)) * (size // 256 + 1)))
    assert read([data]) == [(BINARY, bytes(range(256)) * (size // 256 + 1))]


TOO_LONG_PING = b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + b"x" * 126


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02hi", PROTOCOL_ERROR),  # not masked
        (b"\xc1\x80\x00\x00\x00\x00", PROTOCOL_ERROR),  # a reserved bit
        (b"\x83\x80\x00\x00\x00\x00", PROTOCOL_ERROR),  # a reserved opcode
        (b"\x8b\x80\x00\x00\x00\x00", PROTOCOL_ERROR),  # and a control one
        (b"\x09\x80\x00\x00\x00\x00", PROTOCOL_ERROR),  # half a ping
        (TOO_LONG_PING, PROTOCOL_ERROR),
        (from_client(Frame(Opcode.CONT, b"x")), PROTOCOL_ERROR),  # of nothing
        (
            from_client(Frame(Opcode.TEXT, b"a", fin=False), Frame(Opcode.TEXT, b"b")),
            PROTOCOL_ERROR,
        ),
        (from_client(Frame(Opcode.TEXT, b"\xff")), INVALID_DATA),
        (
            from_client(Frame(Opcode.TEXT, b"\xc3", fin=False), Frame(Opcode.CONT, b"(")),
            INVALID_DATA,
        ),
        (from_client(Frame(Opcode.BINARY, b"x" * 1001)), MESSAGE_TOO_BIG),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", MESSAGE_TOO_BIG),  # by its header alone
        (
            from_client(Frame(Opcode.TEXT, b"a" * 600, fin=False), Frame(Opcode.CONT, b"a" * 600)),
            MESSAGE_TOO_BIG,
        ),
    ],
)
def test_who_breaks_the_rules_is_told_which(data: bytes, code: int) -> None:
    with pytest.raises(FramingError) as error:
        read([data], max_bytes=1000)
    assert error.value.code == code
    with pytest.raises(FramingError) as error:
        read([data[i : i + 1] for i in range(len(data))], max_bytes=1000)
    assert error.value.code == code


def test_a_character_may_be_cut_by_fragments() -> None:
    euro = "€".encode()
    frames = Frame(Opcode.TEXT, euro[:1], fin=False), Frame(Opcode.CONT, euro[1:])
    assert read([from_client(*frames)]) == [(TEXT, euro)]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_messages_or_a_framing_error(data: bytes, at: list[int]) -> None:
    reader = FrameReader(100)
    try:
        for piece in cut(data, at):
            reader.feed(piece)
            while (one := reader.next()) is not None:
                assert len(one[1]) <= 125
    except FramingError as error:
        assert error.code in (PROTOCOL_ERROR, INVALID_DATA, MESSAGE_TOO_BIG)


class TestClose:
    def test_code_and_reason_travel(self) -> None:
        client = Protocol(CLIENT, state=OPEN)
        client.receive_data(frame(CLOSE, close_payload(3500, "invalid token")))
        assert client.close_rcvd is not None
        assert (client.close_rcvd.code, client.close_rcvd.reason) == (3500, "invalid token")

    def test_a_long_reason_is_cut_between_characters(self) -> None:
        payload = close_payload(3000, "ä" * 100)
        assert parse_close(payload) == (3000, "ä" * 61)

    def test_none_is_given(self) -> None:
        assert parse_close(b"") == (None, "")

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            (b"\x03", PROTOCOL_ERROR),
            (b"\x03\xed", PROTOCOL_ERROR),  # 1005 never stands in a frame
            (b"\x03\xe8\xff", INVALID_DATA),
            (b"\x00\x00", PROTOCOL_ERROR),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, payload: bytes, code: int) -> None:
        with pytest.raises(FramingError) as error:
            parse_close(payload)
        assert error.value.code == code
