"""Frames: whatever happens to a file, what is read is the beginning of what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.spool.frame import MAGIC, MAX_PAYLOAD, Frames, frame, read_file, read_frames

payloads = st.lists(st.binary(min_size=1, max_size=200), max_size=8)


def written(records: list[bytes]) -> bytes:
    return MAGIC + b"".join(map(frame, records))


def contents(frames: Frames) -> list[bytes]:
    return [payload for _, payload in frames.payloads]


def whole_within(records: list[bytes], size: int) -> list[bytes]:
    """The records that lie wholly in the first `size` bytes."""
    end, found = len(MAGIC), []
    for record in records:
        end += len(frame(record))
        if end <= size:
            found.append(record)
    return found


@given(payloads)
def test_what_is_written_is_read(records: list[bytes]) -> None:
    data = written(records)
    frames = read_file(data)
    assert contents(frames) == records
    assert frames.end == len(data)


@given(payloads, st.data())
def test_of_a_file_that_is_cut_anywhere_the_whole_records_are_read(
    records: list[bytes], data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(written(records))))
    frames = read_file(written(records)[:size])
    assert contents(frames) == whole_within(records, size)


@given(payloads, st.data())
def test_of_a_file_with_a_flipped_bit_the_records_before_it_are_read(
    records: list[bytes], data: st.DataObject
) -> None:
    raw = bytearray(written(records))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    found = contents(read_file(bytes(raw)))
    if bit // 8 < len(MAGIC):
        assert found == []
    else:
        assert found == whole_within(records, bit // 8)


@given(payloads, st.binary(max_size=300), st.data())
def test_garbage_in_the_middle_changes_nothing_before_it(
    records: list[bytes], garbage: bytes, data: st.DataObject
) -> None:
    raw = written(records)
    at = data.draw(st.integers(len(MAGIC), len(raw)))
    found = contents(read_file(raw[:at] + garbage))
    before = whole_within(records, at)
    assert found[: len(before)] == before


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    frames = read_frames(raw)
    assert b"".join(map(frame, contents(frames))) == raw[: frames.end]
    assert read_file(raw).end <= len(raw)


@given(payloads, payloads)
def test_reading_on_finds_what_reading_at_once_does(first: list[bytes], then: list[bytes]) -> None:
    begun = read_file(written(first))
    onwards = read_frames(written(first + then)[begun.end :], begun.end)
    assert begun.payloads + onwards.payloads == read_file(written(first + then)).payloads


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 4096])
def test_zeros_at_the_end_are_no_record(zeros: int) -> None:
    raw = written([b"one", b"two"])
    assert read_file(raw + bytes(zeros)) == read_file(raw)


@pytest.mark.parametrize("size", [0, MAX_PAYLOAD + 1])
def test_a_payload_is_neither_empty_nor_longer_than_a_reader_takes(size: int) -> None:
    with pytest.raises(ValueError, match="a payload is"):
        frame(bytes(size))
