"""Our Protobuf against Google's, byte for byte, and frames of it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has none
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from realtime.errors import MalformedFrame
from realtime.protocol import protobuf_schema as schema
from realtime.protocol.codec import publication_push
from realtime.protocol.codec_protobuf import PROTOBUF
from realtime.protocol.messages import (
    EMPTY,
    Command,
    JoinPush,
    Push,
    Reply,
    SubscribeResult,
)
from realtime.protocol.protobuf_wire import MAX_DEPTH, Message, WireError, read_span, varint
from realtime.publication import Delivery, Peer, Publication
from tests.unit.realtime.protobuf_oracle import (
    CLASSES,
    of_oracle,
    of_struct,
    plain_messages,
    to_oracle,
)

PAIRS = {
    "Command": schema.COMMAND,
    "Reply": schema.REPLY,
    "EmulationRequest": schema.EMULATION_REQUEST,
}
"""Every other message is within one of these."""


@st.composite
def messages(draw: st.DrawFn) -> tuple[Any, Message, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(PAIRS)))
    return CLASSES[name], PAIRS[name], draw(plain_messages(CLASSES[name]))


def frames(data: bytes) -> list[Any]:
    """The replies of a message, as an SDK reads them."""
    found, at = [], 0
    while at < len(data):
        start, at = read_span(data, at, len(data))
        found.append(CLASSES["Reply"].FromString(data[start:at]))
    return found


def known(plain: dict[str, Any]) -> dict[str, Any]:
    """What is left of a message once our Structs have read it."""
    push = plain.get("push", {})
    push.pop("connect", None)  # for clients that send nothing, whom we do not serve
    for kind in push.keys() & {"join", "leave"}:
        push[kind].setdefault("info", {})
    return plain


@given(messages())
def test_what_theirs_writes_ours_reads_and_writes_again(
    case: tuple[Any, Message, dict[str, Any]],
) -> None:
    cls, table, _ = case
    theirs = to_oracle(cls, case[2])
    plain = known(of_oracle(theirs))
    message = table.decode(theirs.SerializeToString())
    assert of_struct(message) == plain
    assert of_oracle(cls.FromString(table.encode(message))) == plain


@given(messages(), messages(), st.data())
def test_of_any_bytes_ours_thinks_as_theirs(
    case: tuple[Any, Message, dict[str, Any]],
    other: tuple[Any, Message, dict[str, Any]],
    data: st.DataObject,
) -> None:
    cls, table, plain = case
    raw = bytearray(to_oracle(cls, plain).SerializeToString())
    # Parts of one message behind those of another: repeats, parts to be merged, unknown fields.
    raw += to_oracle(other[0], other[2]).SerializeToString()
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    check(cls, table, bytes(raw))


@given(st.sampled_from(sorted(PAIRS)), st.binary())
@example("Command", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example("Command", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
@example("Command", b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00")
@example("Command", b"\x00\x00")
@example("Command", b"\x88\x00\x07")
def test_of_random_bytes_too(name: str, raw: bytes) -> None:
    check(CLASSES[name], PAIRS[name], raw)


def check(cls: Any, table: Message, raw: bytes) -> None:
    try:
        theirs = cls.FromString(raw)
    except DecodeError:
        with pytest.raises(WireError):
            table.decode(raw)
        return
    try:
        ours = table.decode(raw)
    except WireError as error:
        # What only ours refuses, on purpose.
        assert str(error) in ("no such wire type", "a position beyond 63 bits")
        return
    expected = known(of_oracle(theirs))
    assert of_struct(ours) == expected


def test_the_depth_is_limited() -> None:
    node = b""
    for _ in range(MAX_DEPTH - 2):
        node = b"\x32" + varint(len(node)) + node
    subscribe = b"\x6a" + varint(len(node)) + node
    assert schema.COMMAND.decode(b"\x2a" + varint(len(subscribe)) + subscribe).subscribe.tf
    node = b"\x32" + varint(len(node)) + node
    subscribe = b"\x6a" + varint(len(node)) + node
    with pytest.raises(WireError, match="too deep"):
        schema.COMMAND.decode(b"\x2a" + varint(len(subscribe)) + subscribe)


def test_a_hostile_length_costs_nothing() -> None:
    for raw in (b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x05\x2a\xff\xff\xff\x7f"):
        with pytest.raises(MalformedFrame):
            PROTOBUF.decode(raw, 256)


def test_several_commands_come_in_one_message() -> None:
    command = CLASSES["Command"](id=300, rpc={"method": "m", "data": b"\xff\x00"})
    raw = command.SerializeToString()
    message = varint(len(raw)) + raw + b"\x00" + b"\x02\x08\x07"
    first, pong, bare = PROTOBUF.decode(message, 3)
    assert first.id == 300
    assert first.rpc is not None
    assert bytes(first.rpc.data) == b"\xff\x00"
    assert pong == Command()
    assert bare == Command(7)
    with pytest.raises(MalformedFrame):
        PROTOBUF.decode(message, 2)
    assert PROTOBUF.decode(b"", 1) == []


def test_what_is_not_a_message_is_refused() -> None:
    wrong_utf8 = b"\x06\x6a\x04\x12\x02\xff\xfe"
    for raw in (b"\x05\x08", b"{}", wrong_utf8):
        with pytest.raises(MalformedFrame):
            PROTOBUF.decode(raw, 256)


@pytest.mark.parametrize("delivery", ["fact", "latest", "signal"])
@given(data=st.binary(max_size=300), offset=st.integers(1, 2**63 - 1), rich=st.booleans())
def test_a_publication_is_what_theirs_would_write(
    delivery: Delivery, data: bytes, offset: int, rich: bool
) -> None:
    publication = Publication("çh:1", data, offset, "e", "k", delivery)
    if rich:
        peer = Peer("ann", "c-1", b"\xff")
        publication = Publication(
            "çh:1", data, offset, "e", "k", delivery, peer, {"a": "b"}, 1_700_000_000_000, True
        )
    (reply,) = frames(PROTOBUF.publication(publication))
    expected: dict[str, Any] = {"data": data, "offset": offset} if data else {"offset": offset}
    if delivery != "latest":
        expected["key"] = "k"
    if rich:
        expected["info"] = {"user": "ann", "client": "c-1", "conn_info": b"\xff"}
        expected |= {"tags": {"a": "b"}, "time": 1_700_000_000_000, "removed": True}
    assert of_oracle(reply) == {"push": {"channel": "çh:1", "pub": expected}}


def test_a_publication_laid_by_hand_is_the_one_from_the_table() -> None:
    for data in (b"", b"x", b"x" * 200, b"x" * 70_000):
        for offset in (0, 1, 300, 2**40):
            for time in (0, 1_700_000_000_000):
                plain = Publication("ch", data, offset, "e", delivery="signal", time=time)
                by_table = PROTOBUF.push(publication_push(PROTOBUF, plain))
                assert PROTOBUF.publication(plain) == by_table
                (reply,) = frames(by_table)
                assert reply.push.HasField("pub")
                assert reply.push.pub.data == data


def test_joins_and_leaves_say_who() -> None:
    peer = Peer("ann", "c-1")
    (join,) = frames(PROTOBUF.publication(Publication("ch", b"", delivery="join", info=peer)))
    (leave,) = frames(PROTOBUF.publication(Publication("ch", b"", delivery="leave", info=peer)))
    info = {"info": {"user": "ann", "client": "c-1"}}
    assert of_oracle(join) == {"push": {"channel": "ch", "join": info}}
    assert of_oracle(leave) == {"push": {"channel": "ch", "leave": info}}


def test_frames_are_joined_as_they_are() -> None:
    first, second = PROTOBUF.reply(Reply(1, unsubscribe=EMPTY)), PROTOBUF.ping
    assert PROTOBUF.join([first]) is first
    one, ping = frames(PROTOBUF.join([first, second]))
    assert of_oracle(one) == {"id": 1, "unsubscribe": {}}
    assert of_oracle(ping) == {}


def test_recovered_is_false_or_absent_alike() -> None:
    for recovered in (None, False):
        result = SubscribeResult(recovered=recovered, was_recovering=True)
        (reply,) = frames(PROTOBUF.reply(Reply(1, subscribe=result)))
        assert not reply.subscribe.recovered
        assert reply.subscribe.was_recovering


def test_absent_required_fields_are_read_as_zero() -> None:
    reply = schema.REPLY.decode(bytes(CLASSES["Reply"](push={"join": {}}).SerializeToString()))
    assert isinstance(reply.push.join, JoinPush)
    assert of_struct(reply.push) == {"join": {"info": {}}}


def test_payloads_need_not_be_json() -> None:
    assert bytes(PROTOBUF.payload(b"\xff")) == b"\xff"
    assert bytes(PROTOBUF.delta(b"\xff")) == b"\xff"
    assert frames(PROTOBUF.push(Push(channel="c")))[0].push.channel == "c"
    assert PROTOBUF.emulated(b"\x0a\x01n\x12\x01s\x1a\x01\x00").data == Raw(b"\x00")
    with pytest.raises(MalformedFrame):
        PROTOBUF.emulated(b"\x0a")
