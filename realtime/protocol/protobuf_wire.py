"""The Protobuf wire format over msgspec Structs, driven by tables (`protobuf_schema.py`).

proto3 as its encoding is published: fields of the zero value are not written, unknown ones are
skipped, of a repeated scalar the last counts, the parts of a repeated message field are merged.
Groups, which proto3 does not have, are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Raw, Struct

MAX_DEPTH = 32
"""Messages within messages; the deepest that has a use is a filter."""

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_UINT64 = 2**64 - 1
_ONE_BYTE = tuple(bytes((value,)) for value in range(128))

Span = tuple[int, int]
"""Where something starts and where it ends."""


class WireError(ValueError):
    """Bytes that are not this message."""


def varint(value: int) -> bytes:
    """An unsigned integer, seven bits a byte, the least first."""
    if value < 128:
        return _ONE_BYTE[value]
    if value < 16384:
        return bytes((value & 127 | 128, value >> 7))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int, end: int) -> Span:
    """The number at `at`, and where it ends. Raises WireError."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _UINT64, at
        shift += 7
    raise WireError("a varint without an end")


def read_span(data: bytes, at: int, end: int) -> Span:
    """What the length at `at` announces, all of it before `end`. Raises WireError."""
    if at < end and (size := data[at]) < 128:
        start = at + 1
    else:
        size, start = read_varint(data, at, end)
    stop = start + size
    if stop > end:
        raise WireError("a length beyond the end")
    return start, stop


class Scalar:
    """A varint: how its 64 bits become a value, and back."""

    __slots__ = ("from_bits", "to_bits")

    def __init__(self, from_bits: Callable[[int], Any], to_bits: Callable[[Any], int]) -> None:
        self.from_bits = from_bits
        self.to_bits = to_bits

    def write(self, parts: list[bytes], tag: bytes, value: Any) -> None:
        parts += tag, varint(self.to_bits(value))

    def zero(self) -> Any:
        return self.from_bits(0)


class Text:
    """A run of bytes and what it stands for. `from_bytes` may raise ValueError."""

    __slots__ = ("from_bytes", "to_bytes")

    def __init__(
        self, from_bytes: Callable[[bytes], Any], to_bytes: Callable[[Any], bytes]
    ) -> None:
        self.from_bytes = from_bytes
        self.to_bytes = to_bytes

    def write(self, parts: list[bytes], tag: bytes, value: Any) -> None:
        data = self.to_bytes(value)
        parts += tag, varint(len(data)), data

    def read_one(self, data: bytes, span: Span, depth: int) -> Any:
        return self.from_bytes(data[span[0] : span[1]])

    def zero(self) -> Any:
        return self.from_bytes(b"")


class Message:
    """How a Struct travels: for each of its fields the number and the kind.

    The defaults of the Struct must be what an absent field is: its zero value, None for a message.
    Fields without a default get their zero value when they are absent.
    """

    __slots__ = ("_by_tag", "_fields", "_make", "_values", "_zeros")

    def __init__(self, make: type[Struct], **fields: tuple[int, Kind]) -> None:
        self._make = make
        required = len(make.__struct_fields__) - len(make.__struct_defaults__)
        self._zeros = {name: fields[name][1].zero() for name in make.__struct_fields__[:required]}
        self._by_tag: dict[int, _Field] = {}
        self._fields: list[_Field] = []
        self._values: Callable[[Any], tuple[Any, ...]] = lambda _: ()
        for name, (number, kind) in fields.items():
            self.add(name, number, kind)

    def add(self, name: str, number: int, kind: Kind) -> None:
        """One more field; on its own where its kind is made of this very message."""
        field = _Field(name, number, kind)
        self._by_tag[field.tag] = field
        self._fields.append(field)
        read = attrgetter(*(one.name for one in self._fields))
        self._values = read if len(self._fields) > 1 else lambda message: (read(message),)

    def encode(self, message: Any) -> bytes:
        parts: list[bytes] = []
        for field, value in zip(self._fields, self._values(message), strict=True):
            if value:
                field.write(parts, field.tag_bytes, value)
        return b"".join(parts)

    def decode(self, data: bytes, span: Span | None = None) -> Any:
        """The message that `data`, or a span of it, is. Raises WireError."""
        try:
            return self.read_one(data, span or (0, len(data)), 0)
        except UnicodeDecodeError as error:
            raise WireError("a string that is not UTF-8") from error

    def write(self, parts: list[bytes], tag: bytes, value: Any) -> None:
        data = self.encode(value)
        parts += tag, varint(len(data)), data

    def read(self, data: bytes, spans: list[Span], depth: int) -> Any:
        if len(spans) > 1:
            data = b"".join(data[start:stop] for start, stop in spans)
            return self.read_one(data, (0, len(data)), depth)
        return self.read_one(data, spans[0], depth)

    def read_one(self, data: bytes, span: Span, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise WireError("messages too deep within each other")
        at, end = span
        values = self._zeros.copy()
        spans: dict[_Field, list[Span]] = {}
        while at < end:
            tag = data[at]
            at += 1
            if tag > 127:
                tag, at = read_varint(data, at - 1, end)
            field = self._by_tag.get(tag)
            if field is None:
                at = _skip(data, tag, at, end)
            elif field.from_bits is not None:
                bits, at = read_varint(data, at, end)
                values[field.name] = field.from_bits(bits)
            else:
                start, at = read_span(data, at, end)
                if field.from_bytes is not None:
                    values[field.name] = field.from_bytes(data[start:at])
                elif field in spans:
                    spans[field].append((start, at))
                else:
                    spans[field] = [(start, at)]
        for field, found in spans.items():
            values[field.name] = field.read(data, found, depth + 1)
        return self._make(**values)

    def zero(self) -> Any:
        return self.read_one(b"", (0, 0), 0)


class Repeated:
    """A tuple of texts or messages (the schema repeats nothing else)."""

    __slots__ = ("_of",)

    def __init__(self, of: Text | Message) -> None:
        self._of = of

    def write(self, parts: list[bytes], tag: bytes, value: Any) -> None:
        for one in value:
            self._of.write(parts, tag, one)

    def read(self, data: bytes, spans: list[Span], depth: int) -> Any:
        return tuple(self._of.read_one(data, span, depth) for span in spans)

    def zero(self) -> Any:
        return ()


class Map:
    """A dict with strings as keys: repeated messages of a key (1) and a value (2)."""

    __slots__ = ("_entry", "_of")

    def __init__(self, of: Text | Message) -> None:
        class Entry(Struct):
            key: str
            value: Any

        self._of = of
        self._entry = Message(Entry, key=(1, STRING), value=(2, of))

    def write(self, parts: list[bytes], tag: bytes, value: Any) -> None:
        for key, one in value.items():
            entry: list[bytes] = []
            STRING.write(entry, b"\x0a", key)
            self._of.write(entry, b"\x12", one)
            parts += tag, varint(sum(map(len, entry))), *entry

    def read(self, data: bytes, spans: list[Span], depth: int) -> Any:
        entries = (self._entry.read_one(data, span, depth) for span in spans)
        return {entry.key: entry.value for entry in entries}

    def zero(self) -> Any:
        return {}


Kind = Scalar | Text | Message | Repeated | Map


class _Field:
    """What `Message` asks of a field, laid ready."""

    __slots__ = ("from_bits", "from_bytes", "name", "read", "tag", "tag_bytes", "write")

    def __init__(self, name: str, number: int, kind: Kind) -> None:
        self.name = name
        self.tag = number << 3 | (_VARINT if isinstance(kind, Scalar) else _DELIMITED)
        self.tag_bytes = varint(self.tag)
        self.write = kind.write
        self.from_bits = kind.from_bits if isinstance(kind, Scalar) else None
        self.from_bytes = kind.from_bytes if isinstance(kind, Text) else None
        self.read = _unread if isinstance(kind, Scalar | Text) else kind.read


def _unread(data: bytes, spans: list[Span], depth: int) -> Any:
    raise AssertionError("scalars are read as they come")


def _skip(data: bytes, tag: int, at: int, end: int) -> int:
    """Where an unknown field ends."""
    if not 0 < tag >> 3 < 2**29:
        raise WireError("no such field number")
    wire_type = tag & 7
    if wire_type == _VARINT:
        return read_varint(data, at, end)[1]
    if wire_type == _DELIMITED:
        return read_span(data, at, end)[1]
    size = _FIXED_SIZES.get(wire_type)
    if size is None:
        raise WireError("no such wire type")
    if at + size > end:
        raise WireError("a field beyond the end")
    return at + size


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _uint63(bits: int) -> int:
    if bits >> 63:
        raise WireError("a position beyond 63 bits")
    return bits


BOOL = Scalar(bool, int)
UINT32 = Scalar(lambda bits: bits & 0xFFFFFFFF, lambda value: value & 0xFFFFFFFF)
UINT64 = Scalar(_uint63, lambda value: value & _UINT64)
"""Read up to 63 bits: nothing here counts further, so more is refused."""
INT32 = Scalar(lambda bits: _signed(bits, 32), lambda value: value & _UINT64)
INT64 = Scalar(lambda bits: _signed(bits, 64), lambda value: value & _UINT64)
SINT64 = Scalar(
    lambda bits: bits >> 1 ^ -(bits & 1), lambda value: (value << 1 ^ value >> 63) & _UINT64
)
STRING = Text(bytes.decode, str.encode)
PAYLOAD = Text(Raw, bytes)
"""Bytes that stay what they are."""
