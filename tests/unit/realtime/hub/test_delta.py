"""Deltas bring every target back, as texts too, in the format that the SDKs apply."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.hub.delta import DeltaError, apply, checksum, create

PIECES = st.binary(max_size=40)
TEXTS = st.text(st.sampled_from('añ日😀{}:,"1 '), max_size=40)


@st.composite
def edited(draw: st.DrawFn, pieces: st.SearchStrategy[bytes]) -> tuple[bytes, bytes]:
    """A source, and a target made of parts of it, in another order, with new ones between."""
    parts = draw(st.lists(pieces, min_size=1, max_size=12))
    kept = draw(st.lists(st.one_of(st.sampled_from(parts), pieces), max_size=16))
    return b"".join(parts), b"".join(kept)


@given(edited(PIECES))
def test_what_was_made_of_a_source_is_made_again(pair: tuple[bytes, bytes]) -> None:
    source, target = pair
    assert apply(source, create(source, target)) == target


@given(edited(TEXTS.map(str.encode)))
def test_between_texts_it_is_a_text(pair: tuple[bytes, bytes]) -> None:
    source, target = pair
    delta = create(source, target)
    assert apply(source, json.loads(json.dumps(delta.decode())).encode()) == target


@pytest.mark.parametrize(
    ("one", "other"),
    [("é", "ĩ"), ("é", "ñ"), ("日", "旤"), ("日", "末"), ("😀", "😁")],
)
def test_no_character_is_cut_in_two(one: str, other: str) -> None:
    for frame in ("{0}" + "x" * 30, "x" * 30 + "{0}", "ab{0}" * 20, "x" * 20 + "{0}" + "y" * 20):
        source, target = frame.format(one).encode(), frame.format(other).encode()
        delta = create(source, target)
        assert apply(source, delta.decode().encode()) == target


@given(edited(PIECES), st.data())
def test_a_damaged_one_is_refused_or_does_no_harm(
    pair: tuple[bytes, bytes], data: st.DataObject
) -> None:
    source, target = pair
    delta = bytearray(create(source, target))
    delta[data.draw(st.integers(0, len(delta) - 1))] = data.draw(st.integers(0, 255))
    try:
        got = apply(source, bytes(delta))
    except DeltaError:
        return
    # Where the damage is not seen, the length and the sum are right all the same.
    assert (len(got), checksum(got)) == (len(target), checksum(target))


@pytest.mark.parametrize(
    ("source", "target", "delta"),
    [
        # As the JavaScript SDK's own decoder applies them.
        (b"", b"", b"0\n0;"),
        (b"", b"hello", b"5\n5:hello3NPMmh;"),
        (b"hello, hello, hello", b"hello, hello, hello", b"J\nJ@0,3LYi2d;"),
    ],
)
def test_the_format_is_that_of_the_sdks(source: bytes, target: bytes, delta: bytes) -> None:
    assert create(source, target) == delta
    assert apply(source, delta) == target


@pytest.mark.parametrize(
    "delta",
    [
        b"",
        b"5",
        b"5\n",
        b"5\n5:hello",
        b"5\n5:hello0;",
        b"4\n5:hello3NPMmh;",
        b"5\n9:hello",
        b"5\n5@0;",
        b"5\n5@1,0;",
        b"5\n5?hello",
        b"zzzzzzzzzzzz\n0;",
    ],
)
def test_what_does_not_fit_is_refused(delta: bytes) -> None:
    with pytest.raises(DeltaError):
        apply(b"hello", delta)


def test_the_checksum_adds_big_endian_words() -> None:
    assert checksum(b"") == 0
    assert checksum(b"\x01\x02\x03\x04\x05") == 0x01020304 + 0x05000000
    assert checksum(b"\xff" * 8) == (2 * 0xFFFFFFFF) & 0xFFFFFFFF


def test_a_small_change_in_much_is_a_small_delta() -> None:
    fleet = [{"id": number, "status": "available", "at": [18.5, 73.8]} for number in range(1700)]
    source = json.dumps(fleet).encode()
    fleet[700]["status"] = "on_task"
    fleet[1200]["at"] = [18.52, 73.87]
    target = json.dumps(fleet).encode()
    delta = create(source, target)
    assert len(target) > 90_000
    assert len(delta) < 100
    assert apply(source, delta) == target


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_the_work_is_bounded_whatever_the_data(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(size)
    looks = 0

    class Index(dict[bytes, int]):
        # dict.get is overloaded; one form of it is used.
        def get(self, piece: bytes, default: int | None = None) -> int | None:  # type: ignore[override]
            nonlocal looks
            looks += 1
            return super().get(piece, default)

    from realtime.hub import delta

    build = delta._index
    monkeypatch.setattr(
        delta, "_index", lambda *given: ((built := build(*given)), (Index(built[0]), built[1]))[1]
    )
    once = dice.randbytes(32)
    for source, target in (
        (dice.randbytes(size), dice.randbytes(size)),
        ((once + b"ab") * (size // 34), (once + b"abcde") * (size // 37)),
        (bytes(size), dice.randbytes(size)),
    ):
        looks = 0
        assert apply(source, create(source, target)) == target
        assert looks <= delta._WORK
