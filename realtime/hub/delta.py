"""Fossil deltas: what to copy of the previous payload and what to insert to get the next one. Pure.

The format is that of the Fossil version control system, as the client SDKs apply it: the length of
the target and a newline; then commands, `<count>@<offset>,` to copy from the source and
`<count>:<bytes>` to insert; at the end `<checksum>;`. Numbers are written in base 64, digits
0-9 A-Z _ a-z ~.

`create` trims what both ends have in common and looks up pieces of the rest in an index of the
source. Its work is bounded whatever the contents are (`_WORK`): of more than `_LOOKUPS` positions
it looks at every third, fifth, ... one only, and finds long matches still (see `_strides`).
"""

from __future__ import annotations

import sys
from array import array

_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}

_PIECE = 16
"""Bytes that must be equal for a match to be found. A copy command costs up to 10 bytes."""
_LOOKUPS = 16384
"""About so many positions of either side are looked at, which takes some 3 ms."""
_HIT = 48
"""What following up one match costs, in looks that find nothing."""
_WORK = 3 * _LOOKUPS
"""After so much the rest is inserted as it is: data full of short matches is bounded, too."""
_WINDOW = 4096
"""How far behind the last copy the next one is looked for first: edits keep the order of things."""
_CANDIDATES = 4
"""How many places with the same piece are compared, for the longest match."""
_WORTHWHILE = 10
"""A copy of fewer bytes is no shorter than the bytes."""


class DeltaError(ValueError):
    """Not a delta, or not one for this source."""


def create(source: bytes, target: bytes) -> bytes:
    """A delta that makes `target` out of `source`.

    It may be longer than the target: the caller compares. Where both are UTF-8 the delta is, too,
    for no insert begins or ends within a character.
    """
    shorter = min(len(source), len(target))
    prefix = _equal_after(source, 0, target, 0, shorter)
    suffix = _equal_before(source, len(source), target, len(target), shorter - prefix)
    writer = _Writer(target)
    writer.copy(0, 0, prefix)
    end = len(target) - suffix
    if end - prefix >= _PIECE and len(source) >= _PIECE:
        _match(source, target, prefix, end, writer)
    writer.copy(len(source) - suffix, end, suffix)
    return writer.finish()


def apply(source: bytes, delta: bytes) -> bytes:
    """The target of a delta. Raises DeltaError."""
    length, position = _number(delta, 0)
    if delta[position : position + 1] != b"\n":
        raise DeltaError("the length is not followed by a newline")
    position += 1
    out = bytearray()
    while position < len(delta):
        count, position = _number(delta, position)
        command = delta[position : position + 1]
        position += 1
        if command == b"@":
            offset, position = _number(delta, position)
            if delta[position : position + 1] != b",":
                raise DeltaError("a copy is not ended by a comma")
            position += 1
            if offset + count > len(source):
                raise DeltaError("a copy goes beyond the source")
            out += source[offset : offset + count]
        elif command == b":":
            if position + count > len(delta):
                raise DeltaError("an insert goes beyond the delta")
            out += delta[position : position + count]
            position += count
        elif command == b";":
            if len(out) != length or checksum(bytes(out)) != count:
                raise DeltaError("the result is not what the delta was made for")
            return bytes(out)
        else:
            raise DeltaError(f"no such command: {command!r}")
        if len(out) > length:
            raise DeltaError("the result is longer than announced")
    raise DeltaError("a delta without an end")


def checksum(data: bytes) -> int:
    """The sum of the big-endian 32-bit words, the last filled up with zeros, modulo 2**32."""
    words = array("I", data + bytes(-len(data) % 4))
    if sys.byteorder == "little":
        words.byteswap()
    return sum(words) & 0xFFFFFFFF


class _Writer:
    """Writes commands; what was not copied of the target is inserted."""

    def __init__(self, target: bytes) -> None:
        self._target = target
        self._parts = [_encode(len(target)), b"\n"]
        self.position = 0
        """Up to here the target is written."""
        self.source_end = 0
        """Where the last copy ended in the source."""

    def copy(self, offset: int, position: int, length: int) -> None:
        """target[position:position + length] is source[offset:offset + length]."""
        start, end = position, position + length
        target = self._target
        # Whole characters only: a delta travels as a JSON string. (Three bytes are enough for
        # UTF-8; what goes on beyond that is no text and may be cut anywhere.)
        for _ in range(3):
            if start < end and target[start] & 0xC0 == 0x80:
                start += 1
            if start < end < len(target) and target[end] & 0xC0 == 0x80:
                end -= 1
        if end - start < _WORTHWHILE:
            return
        self._insert(start)
        self._parts += (_encode(end - start), b"@", _encode(offset + start - position), b",")
        self.position = end
        self.source_end = offset + end - position

    def finish(self) -> bytes:
        """The whole delta."""
        self._insert(len(self._target))
        self._parts += (_encode(checksum(self._target)), b";")
        return b"".join(self._parts)

    def _insert(self, until: int) -> None:
        if until > self.position:
            self._parts += (
                _encode(until - self.position),
                b":",
                self._target[self.position : until],
            )


def _match(source: bytes, target: bytes, start: int, end: int, writer: _Writer) -> None:
    """Find copies for target[start:end], in order, and write them."""
    stride, step = _strides(len(source), end - start)
    index, earlier = _index(source, stride)
    position, work = start, 0
    while position <= end - _PIECE and work < _WORK:
        piece = target[position : position + _PIECE]
        block = index.get(piece)
        if block is None:
            position += step
            work += 1
            continue
        work += _HIT
        candidates = []
        # What follows the last copy is the likeliest; in repetitive data it alone makes sense.
        near = source.find(piece, writer.source_end, writer.source_end + _WINDOW)
        if near >= 0:
            candidates.append(near)
        while block >= 0 and len(candidates) < _CANDIDATES:
            candidates.append(block * stride)
            block = earlier[block]
        length, offset = max(
            (_equal_after(source, one, target, position, end - position), one) for one in candidates
        )
        back = _equal_before(source, offset, target, position, position - writer.position)
        writer.copy(offset - back, position - back, length + back)
        position = max(position + step, writer.position)


def _strides(source: int, target: int) -> tuple[int, int]:
    """Every how many bytes the source is indexed, and the target looked up.

    They have no common divisor (a power of two and an odd number), so any match of at least
    `_PIECE` plus their product is found.
    """
    stride = _PIECE
    while source > stride * _LOOKUPS:
        stride *= 2
    return stride, (target // _LOOKUPS) | 1


def _index(source: bytes, stride: int) -> tuple[dict[bytes, int], list[int]]:
    """The last block that holds each piece, and for each block the one before with the same."""
    index: dict[bytes, int] = {}
    earlier: list[int] = []
    for block, position in enumerate(range(0, len(source) - _PIECE + 1, stride)):
        piece = source[position : position + _PIECE]
        earlier.append(index.get(piece, -1))
        index[piece] = block
    return index, earlier


def _equal_after(one: bytes, start: int, other: bytes, begin: int, limit: int) -> int:
    """How many bytes from there on are equal, at most `limit`.

    Slices compare at memory speed, and as numbers they tell where they differ.
    """
    limit = min(limit, len(one) - start)
    equal, size = 0, 32
    while size := min(size, limit - equal):
        left = one[start + equal : start + equal + size]
        right = other[begin + equal : begin + equal + size]
        if left != right:
            apart = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
            return equal + size - (apart.bit_length() + 7) // 8
        equal += size
        size *= 2
    return equal


def _equal_before(one: bytes, stop: int, other: bytes, end: int, limit: int) -> int:
    """How many bytes up to there are equal, at most `limit`."""
    limit = min(limit, stop)
    equal, size = 0, 32
    while size := min(size, limit - equal):
        left = one[stop - equal - size : stop - equal]
        right = other[end - equal - size : end - equal]
        if left != right:
            apart = int.from_bytes(left, "little") ^ int.from_bytes(right, "little")
            return equal + size - (apart.bit_length() + 7) // 8
        equal += size
        size *= 2
    return equal


def _encode(number: int) -> bytes:
    digits = bytearray()
    while number >= 64:
        digits.append(_DIGITS[number & 63])
        number >>= 6
    digits.append(_DIGITS[number])
    digits.reverse()
    return bytes(digits)


def _number(delta: bytes, position: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number, start = 0, position
    while position < len(delta) and (value := _VALUES.get(delta[position])) is not None:
        number = number * 64 + value
        position += 1
    if position == start or position - start > 6:
        raise DeltaError("a number is missing or too large")
    return number, position
