"""UUIDv7 from given bits."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.ids import derive_id, uuid7

times = st.floats(0, 2**37)  # to the year 6325; 48 bits of milliseconds reach further


@given(times, st.integers(0, 2**74 - 1))
def test_it_is_a_version_7_uuid_that_carries_its_millisecond(now: float, bits: int) -> None:
    id_ = UUID(uuid7(now, bits))
    assert (id_.version, id_.variant) == (7, RFC_4122)
    assert id_.int >> 80 == int(now * 1000)
    assert str(id_) == uuid7(now, bits)


@given(times, st.text(max_size=20), st.text(max_size=20))
def test_the_same_command_always_names_the_same_thing(now: float, command: str, why: str) -> None:
    assert derive_id(now, command, why) == derive_id(now, command, why)
    assert derive_id(now, command, why) != derive_id(now, command, why + "!")


def test_later_ids_sort_after_earlier_ones() -> None:
    assert derive_id(1.0, "z", "x") < derive_id(1.001, "a", "x") < derive_id(2.0, "a", "a")
