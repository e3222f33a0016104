"""Tables: looking up, refusing, drawing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain import task
from actors.domain.dispatcher import machine as dispatcher
from actors.domain.doctor import machine as doctor
from actors.domain.emergency import machine as emergency
from actors.domain.kernel import DomainError
from actors.domain.machine import NEW, Machine
from actors.domain.paramedic import machine as paramedic

DOOR = Machine(
    "door",
    {
        (NEW, "Build"): "open",
        ("open", "Shut"): "shut",
        ("shut", "Open"): "open",
        ("shut", "Open:wide"): "open",
        ("shut", "Brick"): "gone",
    },
    groups={"there": ("open", "shut")},
)
MACHINES = [m.MACHINE for m in (emergency, task, paramedic, doctor, dispatcher)]


def test_a_trigger_leads_to_the_state_the_table_says() -> None:
    assert DOOR.next("shut", "Brick") == "gone"


def test_an_impossible_transition_says_what_was_tried_where_and_what_was_possible() -> None:
    with pytest.raises(DomainError) as refused:
        DOOR.next("shut", "Paint")
    assert refused.value.code == "impossible_transition"
    assert refused.value.allowed == ("Open", "Open:wide", "Brick")
    assert "Paint" in refused.value.message and "shut" in refused.value.message


def test_out_of_a_terminal_state_nothing_is_possible() -> None:
    assert DOOR.terminal() == {"gone"}
    with pytest.raises(DomainError) as refused:
        DOOR.next("gone", "Open")
    assert refused.value.allowed == ()


def test_a_diagram_has_one_arrow_for_all_triggers_between_two_states() -> None:
    assert DOOR.mermaid() == (
        "stateDiagram-v2\n"
        "    state there {\n        open\n        shut\n    }\n"
        "    [*] --> open : Build\n"
        "    open --> shut : Shut\n"
        "    shut --> open : Open, Open wide\n"
        "    shut --> gone : Brick\n"
        "    gone --> [*]\n"
    )


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_can_be_reached_and_can_come_to_an_end(machine: Machine) -> None:
    reached = {NEW}
    for _ in machine.states():
        reached |= {to for (state, _), to in machine.table.items() if state in reached}
    assert reached == set(machine.states())
    ending = set(machine.terminal())
    for _ in machine.states():
        ending |= {state for (state, _), to in machine.table.items() if to in ending}
    assert ending == set(machine.states())


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@given(data=st.data())
def test_next_raises_exactly_what_allowed_leaves_out(machine: Machine, data: st.DataObject) -> None:
    state = data.draw(st.sampled_from(machine.states()))
    trigger = data.draw(st.sampled_from([trigger for _, trigger in machine.table]))
    assert machine.can(state, trigger) == (trigger in machine.allowed(state))
    if machine.can(state, trigger):
        assert machine.next(state, trigger) in machine.states()
        return
    with pytest.raises(DomainError) as refused:
        machine.next(state, trigger)
    assert refused.value.code == "impossible_transition"
    assert refused.value.allowed == machine.allowed(state)
