"""Every command, event and state travels as JSON, and nothing unknown travels with it."""

from __future__ import annotations

from types import UnionType
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from actors.domain.kernel import Command, EntityRef, Event
from actors.domain.registry import KINDS


def values(type_: inspect.Type) -> st.SearchStrategy[Any]:
    """Anything that a decoder of this type lets in."""
    match type_:
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=ge, le=le):
            return st.integers(ge if ge is not None else -(2**53), le if le is not None else 2**53)
        case inspect.FloatType(ge=ge, le=le):
            return st.floats(ge, le, allow_nan=False, allow_infinity=False)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern.rstrip("$") + r"\Z")
        case inspect.StrType(min_length=low, max_length=high):
            return st.text(min_size=low or 0, max_size=min(high or 20, 20))
        case inspect.LiteralType(values=choices):
            return st.sampled_from(choices)
        case inspect.UnionType(types=types):
            return st.one_of(*map(values, types))
        case inspect.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=3).map(tuple)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=3)
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: values(field.type) for field in fields})
    raise AssertionError(f"no strategy for {type_}")


def words() -> list[tuple[Any, type[Any]]]:
    """(the type it is decoded as, the Struct), of every kind."""
    return [
        (type_, word)
        for behaviour in KINDS.values()
        for type_ in (
            behaviour.command_type,
            behaviour.event_type,
            behaviour.state_type,
            behaviour.signal_type,
        )
        if type_ is not None
        for word in (get_args(type_) if isinstance(type_, UnionType) else (type_,))
    ]


@pytest.mark.parametrize(("decoded_as", "word"), words(), ids=lambda w: getattr(w, "__name__", ""))
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_is_what_is_read(
    decoded_as: Any, word: type[Any], data: st.DataObject
) -> None:
    value = data.draw(values(inspect.type_info(word)))
    wire = msgspec.json.encode(value)
    assert msgspec.json.decode(wire, type=decoded_as) == value


@pytest.mark.parametrize(
    "word", [w for _, w in words() if issubclass(w, Command)], ids=lambda w: w.__name__
)
def test_a_command_with_a_field_too_many_is_refused(word: type[Any]) -> None:
    config = word.__struct_config__
    assert config.forbid_unknown_fields and config.frozen and config.tag == word.__name__


@pytest.mark.parametrize(
    "word", [w for _, w in words() if issubclass(w, Event)], ids=lambda w: w.__name__
)
def test_an_event_says_when_and_lets_later_fields_pass(word: type[Any]) -> None:
    assert "at" in word.__struct_fields__
    assert not word.__struct_config__.forbid_unknown_fields


def test_places_off_the_globe_are_refused_at_the_door() -> None:
    decoder = msgspec.json.Decoder(KINDS["paramedic"].command_type)
    body = b'{"type":"GoOnDuty","position":{"lat":91,"lon":0,"at":1}}'
    with pytest.raises(msgspec.ValidationError, match="lat"):
        decoder.decode(body)


def test_the_registry_names_each_kind_by_its_own_name() -> None:
    assert set(KINDS) == {"emergency", "paramedic", "doctor", "dispatcher", "hospital", "shift"}
    assert all(kind == behaviour.kind for kind, behaviour in KINDS.items())
    assert {kind for kind, behaviour in KINDS.items() if behaviour.urgent} == {
        "emergency",
        "paramedic",
        "dispatcher",
    }


def test_an_entity_reference_reads_back_what_it_writes() -> None:
    ref = EntityRef("emergency", "a:b")
    assert EntityRef.parse(str(ref)) == ref
    for text in ("emergency", ":x", "emergency:"):
        with pytest.raises(ValueError, match="expected kind:id"):
            EntityRef.parse(text)
