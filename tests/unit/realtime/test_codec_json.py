"""Frames in and out, and payloads that could break them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.codec_json import JSON
from realtime.errors import MalformedFrame, UnencodablePayload
from realtime.protocol import Reply, RpcResult
from realtime.publication import Publication

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
