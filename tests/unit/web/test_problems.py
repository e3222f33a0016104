"""Where a decoder's refusal points."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Struct, field

from web.problems import FieldError, of_validation


class Inner(Struct, forbid_unknown_fields=True):
    phone: str = ""
    odd: int = field(default=0, name="a/b~c")


class Outer(Struct):
    contacts: list[Inner] = []
    by_name: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({"contacts": 5}, "/contacts"),
        ({"contacts": [{}, {"phone": 5}]}, "/contacts/1/phone"),
        ({"contacts": [{"fax": ""}]}, "/contacts/0"),
        ({"contacts": [{"a/b~c": ""}]}, "/contacts/0/a~1b~0c"),
        ({"by_name": {"x": {"phone": 1}}}, "/by_name"),  # the decoder does not say which
    ],
)
def test_a_refusal_is_pointed_at_as_a_json_pointer(body: Any, pointer: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(msgspec.json.encode(body), type=Outer)
    problem = of_validation(refused.value).problem
    assert isinstance(problem.errors, tuple)
    (error,) = problem.errors
    assert isinstance(error, FieldError)
    assert error.pointer == pointer and "`$" not in error.detail
