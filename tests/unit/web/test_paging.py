"""Cursors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.paging import cursor_of, id_of
from web.problems import ProblemError


@given(st.uuids())
def test_a_cursor_leads_back_to_its_id(id_: object) -> None:
    assert id_of(cursor_of(str(id_))) == str(id_)


@given(st.text(max_size=64))
def test_anything_else_is_refused_or_some_id(text: str) -> None:
    try:
        found = id_of(text)
    except ProblemError as error:
        assert error.problem.status == 400
    else:
        assert found is not None and len(found) == 36


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 23, "ü" * 22])
def test_these_are_no_cursors(text: str) -> None:
    with pytest.raises(ProblemError):
        id_of(text)
