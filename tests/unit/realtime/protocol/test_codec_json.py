"""Frames in and out, and payloads that could break them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import MalformedFrame, UnencodablePayload
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import Reply, RpcResult
from realtime.publication import Peer, Publication

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values, st.sampled_from([None, 2]))
def test_a_payload_travels_unchanged_on_one_line(value: object, indent: int | None) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    frame = JSON.publication(Publication("a:1", data, 7, "e"))
    assert b"\n" not in frame
    assert json.loads(frame) == {"push": {"channel": "a:1", "pub": {"data": value, "offset": 7}}}
    reply = JSON.reply(Reply(3, rpc=RpcResult(JSON.payload(data))))
    assert json.loads(reply) == {"id": 3, "rpc": {"data": value}}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"nope", b'{"a":1}{"b":2}', b'"\xff"', b"\xff", b"[" * 20_000]
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(UnencodablePayload):
        JSON.payload(data)


def test_a_publication_without_offset_has_none_on_the_wire() -> None:
    frame = JSON.publication(Publication("a", b"1", delivery="signal"))
    assert frame == b'{"push":{"channel":"a","pub":{"data":1}}}'


def test_several_commands_come_in_one_message() -> None:
    commands = JSON.decode(b'{"id":1,"connect":{}}\n\n{"id":2,"rpc":{"method":"m"}}\n{}', 3)
    assert [command.id for command in commands] == [1, 2, 0]
    with pytest.raises(MalformedFrame):
        JSON.decode(b"{}\n{}\n{}\n{}", 3)
    with pytest.raises(MalformedFrame):
        JSON.decode(b"\n" * 1000, 3)


def test_frames_are_joined_by_newlines() -> None:
    assert JSON.join([b"{}"]) == b"{}"
    assert JSON.join([b"{}", b'{"id":1}']) == b'{}\n{"id":1}'


def test_returns_would_break_the_lines_of_event_streams() -> None:
    assert bytes(JSON.payload(b'{\r\n"a":\r"b\\r"}')) == b'{  "a": "b\\r"}'


@given(st.text())
def test_for_deltas_a_payload_is_a_string(text: str) -> None:
    assert json.loads(bytes(JSON.delta(text.encode()))) == text
    with pytest.raises(UnencodablePayload):
        JSON.delta(text.encode() + b"\xff")


def test_joins_and_leaves_say_who() -> None:
    peer = Peer("ann", "c-1", b'{"name":"Ann"}')
    info = {"user": "ann", "client": "c-1", "conn_info": {"name": "Ann"}}
    join = JSON.publication(Publication("ch", b"", delivery="join", info=peer))
    assert json.loads(join) == {"push": {"channel": "ch", "join": {"info": info}}}
    leave = JSON.publication(Publication("ch", b"", delivery="leave", info=peer))
    assert json.loads(leave) == {"push": {"channel": "ch", "leave": {"info": info}}}


def test_a_publication_has_what_is_known_of_it() -> None:
    publication = Publication(
        "ch", b"1", 3, "e", "k", "fact", Peer("ann", "c-1"), {"a": "b"}, 1_700_000_000_000
    )
    assert json.loads(JSON.publication(publication))["push"]["pub"] == {
        "data": 1,
        "offset": 3,
        "key": "k",
        "info": {"user": "ann", "client": "c-1"},
        "tags": {"a": "b"},
        "time": 1_700_000_000_000,
    }
    gone = Publication("ch", b"", 4, "e", "k", removed=True)
    pub = json.loads(JSON.publication(gone))["push"]["pub"]
    assert pub == {"offset": 4, "key": "k", "removed": True}


def test_numbers_are_as_large_as_in_the_schema() -> None:
    assert JSON.decode(b'{"id":1,"history":{"limit":-2147483648}}', 1)[0].history
    for wrong in (b'{"limit":2147483648}', b'{"since":{"offset":-1}}', b'{"limit":1.5}'):
        with pytest.raises(MalformedFrame):
            JSON.decode(b'{"id":1,"history":' + wrong + b"}", 1)


def test_what_is_posted_for_a_session_holds_a_message() -> None:
    request = JSON.emulated(b'{"node":"n","session":"s","data":"{\\"id\\":1}\\n{}","more":1}')
    assert (request.node, request.session) == ("n", "s")
    assert [one.id for one in JSON.decode(bytes(request.data), 2)] == [1, 0]
    for wrong in (b"", b"{}", b"[]", b'{"data":{}}', b'{"data":"\\ud800"}', b'{"data":"\xff"}'):
        with pytest.raises(MalformedFrame):
            JSON.emulated(wrong)
