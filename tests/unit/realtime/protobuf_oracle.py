"""The protocol as Google's runtime speaks it, to hold ours against.

The classes are those of the official Python SDK, with the fields that the published schema has
gained since added to their descriptors. Messages are compared as plain dicts: fields of the zero
value left out, for that is how they travel.
"""

from __future__ import annotations

import functools
from typing import Any

import centrifuge.protocol.client_pb2 as generated
from google.protobuf import descriptor_pb2, descriptor_pool  # type: ignore[import-untyped]  # it has none
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]  # nor here
from hypothesis import strategies as st
from msgspec import Raw, Struct
from msgspec.structs import asdict

_Field = descriptor_pb2.FieldDescriptorProto
_NEWER: dict[str, dict[str, tuple[int, int] | tuple[int, str]]] = {
    "Publication": {
        "key": (11, _Field.TYPE_STRING),
        "removed": (12, _Field.TYPE_BOOL),
        "score": (13, _Field.TYPE_SINT64),
        "epoch": (14, _Field.TYPE_STRING),
        "version": (16, _Field.TYPE_UINT64),
    },
    "SubscribeRequest": {
        "type": (15, _Field.TYPE_INT32),
        "phase": (16, _Field.TYPE_INT32),
        "cursor": (17, _Field.TYPE_STRING),
        "limit": (18, _Field.TYPE_INT32),
        "asc": (19, _Field.TYPE_BOOL),
    },
    "SubscribeResult": {
        "type": (15, _Field.TYPE_INT32),
        "phase": (16, _Field.TYPE_INT32),
        "cursor": (17, _Field.TYPE_STRING),
        "state": (18, "Publication"),
        "publish_debounce": (19, _Field.TYPE_UINT32),
    },
    "KeyedItem": {"key": (1, _Field.TYPE_STRING), "version": (2, _Field.TYPE_UINT64)},
    "SubRefreshRequest": {
        "items": (3, "KeyedItem"),
        "untrack_keys": (4, -_Field.TYPE_STRING),
        "type": (5, _Field.TYPE_INT32),
        "signature": (6, _Field.TYPE_STRING),
    },
    "SubRefreshResult": {"items": (3, "Publication")},
    "PublishRequest": {
        "type": (3, _Field.TYPE_INT32),
        "key": (4, _Field.TYPE_STRING),
        "removed": (5, _Field.TYPE_BOOL),
    },
    "PublishResult": {"debounce": (1, _Field.TYPE_INT32)},
}
"""Of a message a field's number and type: a scalar's (negative: repeated), or of which message."""


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto()
    generated.DESCRIPTOR.CopyToProto(file)
    messages = {message.name: message for message in file.message_type}
    for name, fields in _NEWER.items():
        message = messages.get(name) or file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=_Field.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type, field.label = _Field.TYPE_MESSAGE, _Field.LABEL_REPEATED
                field.type_name = f".{file.package}.{kind}"
            else:
                field.type = abs(kind)
                field.label = _Field.LABEL_OPTIONAL if kind > 0 else _Field.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message.name: GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))
        for message in file.message_type
    }


CLASSES = _classes()

_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    _Field.TYPE_STRING: st.text(max_size=5),
    _Field.TYPE_BYTES: st.binary(max_size=5) | st.binary(min_size=200, max_size=200),
    _Field.TYPE_BOOL: st.booleans(),
    _Field.TYPE_UINT32: st.integers(0, 2**32 - 1),
    _Field.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    _Field.TYPE_UINT64: st.integers(0, 2**63 - 1),
    _Field.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    _Field.TYPE_SINT64: st.integers(-(2**63), 2**63 - 1),
}


@functools.cache
def plain_messages(cls: Any, depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """Any message of a class, as a dict."""
    fields = {
        field.name: strategy
        for field in cls.DESCRIPTOR.fields
        if (strategy := _values(field, depth)) is not None
    }
    return st.fixed_dictionaries({}, optional=fields)


def _values(field: Any, depth: int) -> st.SearchStrategy[Any] | None:
    if field.type == _Field.TYPE_MESSAGE and field.message_type.GetOptions().map_entry:
        values = _values(field.message_type.fields_by_name["value"], depth)
        return None if values is None else st.dictionaries(st.text(max_size=3), values, max_size=2)
    if field.type != _Field.TYPE_MESSAGE:
        one = _SCALARS[field.type]
    elif depth == 0:
        return None
    else:
        one = plain_messages(CLASSES[field.message_type.name], depth - 1)
    return st.lists(one, max_size=2) if field.is_repeated else one


def to_oracle(cls: Any, message: dict[str, Any]) -> Any:
    made = cls()
    for name, value in message.items():
        field = cls.DESCRIPTOR.fields_by_name[name]
        if field.type != _Field.TYPE_MESSAGE:
            if field.is_repeated:
                getattr(made, name).extend(value)
            else:
                setattr(made, name, value)
        elif field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            for key, one in value.items():
                if inner.type == _Field.TYPE_MESSAGE:
                    inner_cls = CLASSES[inner.message_type.name]
                    getattr(made, name)[key].CopyFrom(to_oracle(inner_cls, one))
                else:
                    getattr(made, name)[key] = one
        elif field.is_repeated:
            inner_cls = CLASSES[field.message_type.name]
            getattr(made, name).extend(to_oracle(inner_cls, one) for one in value)
        else:
            inner_cls = CLASSES[field.message_type.name]
            getattr(made, name).CopyFrom(to_oracle(inner_cls, value))
    return made


def of_oracle(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.type != _Field.TYPE_MESSAGE:
            found[field.name] = list(value) if field.is_repeated else value
        elif field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"]
            found[field.name] = {
                key: of_oracle(one) if inner.type == _Field.TYPE_MESSAGE else one
                for key, one in value.items()
            }
        elif field.is_repeated:
            found[field.name] = [of_oracle(one) for one in value]
        else:
            found[field.name] = of_oracle(value)
    return found


def of_struct(message: Struct) -> dict[str, Any]:
    """One of ours as a dict."""
    found = {name: _of_value(value) for name, value in asdict(message).items()}
    return {
        name: value
        for name, value in found.items()
        if value or isinstance(getattr(message, name), Struct)
    }


def _of_value(value: Any) -> Any:
    if isinstance(value, Struct):
        return of_struct(value)
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, tuple):
        return [_of_value(one) for one in value]
    if isinstance(value, dict):
        return {key: _of_value(one) for key, one in value.items()}
    return value
