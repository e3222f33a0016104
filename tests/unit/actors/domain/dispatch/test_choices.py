"""What tells the policies apart: waiting for a unit, taking one, sparing one, moving one."""

from __future__ import annotations

import pytest

from actors.domain.dispatch import (
    BusyUnit,
    FreeUnit,
    Hotspot,
    Plan,
    Policy,
    Situation,
    Station,
    Waiting,
)
from actors.domain.dispatch.catalogue import policy_named
from actors.domain.dispatch.explain import Explanation, explain
from actors.domain.dispatch.preemption import PreemptionRules
from actors.domain.dispatch.preemptive import Preemptive
from actors.domain.task import TaskStep
from actors.domain.travel import GreatCircle
from actors.domain.values import Location

NOW = 1_000.0
TRAVEL = GreatCircle()


def km(north: float) -> Location:
    return Location(18.9 + north / 111.195, 72.8)


def call(id_: str, priority: int, at: float = 0.0, age: float = 0.0, **more: object) -> Waiting:
    return Waiting(id_, priority, NOW - age, km(at), (), **more)  # type: ignore[arg-type]  # shorthand


def free(id_: str, at: float, station: str | None = None) -> FreeUnit:
    return FreeUnit(id_, km(at), (), "", station)


def busy(
    id_: str,
    at: float,
    priority: int = 3,
    step: TaskStep = "on_scene",
    free_in: float = 1500.0,
    target: float = 0.0,
    preempted: int = 0,
    age: float = 0.0,
) -> BusyUnit:
    return BusyUnit(
        id_,
        km(at),
        (),
        "",
        f"of-{id_}",
        priority,
        km(target),
        step,
        preempted,
        NOW + free_in,
        km(at),
        NOW - age,
    )


def decided(policy: str, *parts: Waiting | FreeUnit | BusyUnit) -> Plan:
    return policy_named(policy).plan(shown(*parts), TRAVEL)


def shown(*parts: Waiting | FreeUnit | BusyUnit) -> Situation:
    return Situation(
        now=NOW,
        waiting=tuple(part for part in parts if isinstance(part, Waiting)),
        free=tuple(part for part in parts if isinstance(part, FreeUnit)),
        busy=tuple(part for part in parts if isinstance(part, BusyUnit)),
    )


def pairs(plan: Plan) -> set[tuple[str, str]]:
    return {(proposal.emergency, proposal.unit) for proposal in plan.proposals}


# --- closest_idle


def test_one_queue_whoever_no_unit_suits_holds_up_those_behind() -> None:
    head = Waiting("head", 4, NOW - 60, km(0), ("rescue",))
    assert decided("closest_idle", head, call("next", 1), free("u", 1)) == Plan()
    assert pairs(decided("priority", head, call("next", 1), free("u", 1))) == {("next", "u")}


def test_first_come_first_served_whatever_the_priority() -> None:
    cases = call("old", 4, age=9), call("new", 1)
    assert pairs(decided("closest_idle", *cases, free("u", 1))) == {("old", "u")}


# --- lookahead


def test_units_are_matched_so_that_all_together_wait_least() -> None:
    # The only unit near `b` is also the nearest to `a`, which is older.
    parts = call("a", 2, at=1, age=5), call("b", 2, at=5), free("mid", 2), free("south", -1)
    assert pairs(decided("priority", *parts)) == {("a", "mid"), ("b", "south")}
    assert pairs(decided("lookahead", *parts)) == {("a", "south"), ("b", "mid")}


def test_an_emergency_is_held_for_a_unit_about_to_be_free_nearby() -> None:
    plan = decided("lookahead", call("e", 3), free("far", 12), busy("near", 0.2, free_in=60))
    assert not plan.proposals
    (hold,) = plan.holds
    assert (hold.emergency, hold.unit, hold.until) == ("e", "near", NOW + 120)


@pytest.mark.parametrize(
    "parts",
    [
        (call("e", 3, age=121), busy("near", 0.2, free_in=60)),
        (call("e", 1, age=21), busy("near", 0.2, free_in=60)),
        (call("e", 3), busy("near", 0.2, free_in=1500)),
        (call("e", 3), busy("near", 0.2, free_in=0)),
        (call("e", 3, refused_by=("near",)), busy("near", 0.2, free_in=60)),
        (call("e", 3), call("x", 2, refused_by=("far",)), busy("other", 9, free_in=60)),
    ],
    ids=["too old", "urgent and too old", "not soon", "overdue", "refused", "not nearer"],
)
def test_otherwise_the_free_unit_is_sent(parts: tuple[Waiting | BusyUnit, ...]) -> None:
    assert ("e", "far") in pairs(decided("lookahead", *parts, free("far", 12)))


def test_a_quarter_of_an_hour_of_waiting_raises_a_class_but_never_to_the_first() -> None:
    old, new = call("old", 3, age=901), call("new", 2)
    assert pairs(decided("lookahead", old, new, free("u", 1))) == {("old", "u")}
    younger = call("younger", 3, age=899)
    assert pairs(decided("lookahead", younger, new, free("u", 1))) == {("new", "u")}
    oldest, urgent = call("oldest", 4, age=90_000), call("urgent", 1)
    assert pairs(decided("lookahead", oldest, urgent, free("u", 1))) == {("urgent", "u")}


# --- preemptive


def test_who_has_waited_long_keeps_its_unit_as_one_of_a_higher_class() -> None:
    long, fresh = (busy("near", 1, 4, "en_route", age=age) for age in (1800.0, 0.0))
    for policy in ("preemptive", "preemptive_lookahead", "combined"):
        assert decided(policy, call("e", 2), free("far", 30), fresh).preemptions
        assert not decided(policy, call("e", 2), free("far", 30), long).preemptions
        assert decided(policy, call("e", 1), free("far", 30), long).preemptions
        # To have waited long is no reason to turn a crew round.
        aged = call("e", 4, age=1800.0)
        assert not decided(policy, aged, free("far", 30), fresh).preemptions


def test_of_one_turned_round_and_one_sent_afresh_neither_is_taken_back() -> None:
    """`e` takes the unit of a class 2, who is then to be thought of before a class 4."""
    parts = (call("e", 1), call("low", 4, 3.0), busy("near", 0.1, 2, "en_route", target=3.0))
    plan = decided("preemptive", *parts, free("own", -6), free("other", 7))
    assert [p.unit for p in plan.preemptions] == ["near"] and not plan.proposals
    assert [(hold.emergency, hold.unit) for hold in plan.holds] == [("low", "other")]


def test_nobody_gets_a_unit_by_preemption_that_somebody_more_urgent_could_take_in_turn() -> None:
    crew, soon = busy("near", 1, 4, "en_route", target=1.5), busy("soon", 0, free_in=10.0)
    second = call("second", 3, 1.0, refused_by=("soon",))
    assert decided("preemptive", second, crew, soon).preemptions
    # It counts on the other one, but may think better of that.
    assert not decided("preemptive", call("first", 1), second, crew, soon).preemptions


def test_a_unit_on_its_way_is_taken_for_a_more_urgent_call() -> None:
    plan = decided("preemptive", call("e", 1), free("far", 10), busy("near", 1, 3, "en_route"))
    assert not plan.proposals
    (taken,) = plan.preemptions
    assert (taken.unit, taken.from_emergency, taken.emergency) == ("near", "of-near", "e")
    assert "from priority 3" in taken.reason


@pytest.mark.parametrize(
    "crew",
    [
        busy("near", 1, 3, "on_scene"),
        busy("near", 1, 1, "en_route"),
        busy("near", 1, 3, "en_route", preempted=2),
        busy("near", 9, 3, "en_route"),
    ],
    ids=["has arrived", "not less urgent", "taken too often", "hardly nearer"],
)
def test_otherwise_it_is_left_where_it_goes(crew: BusyUnit) -> None:
    plan = decided("preemptive", call("e", 1), free("far", 10), crew)
    assert pairs(plan) == {("e", "far")} and not plan.preemptions


def test_nor_is_it_taken_where_the_other_would_lose_more() -> None:
    # A few minutes for class 2 against as many for class 3, which it has nearly reached, and more
    # until anybody else is there.
    crew = busy("near", 0, 3, "en_route", target=0.1)
    parts = call("e", 2, at=-8), free("far", -17.3), crew
    plan = decided("preemptive", *parts)
    assert pairs(plan) == {("e", "far")} and not plan.preemptions
    careless = Preemptive(rules=PreemptionRules(worth=0.0))
    assert careless.plan(shown(*parts), TRAVEL).preemptions


# --- coverage

STATIONS = (Station("busy", km(0)), Station("quiet", km(30)))
DEMAND = (Hotspot(km(0), 9.0), Hotspot(km(30), 1.0))


def covered(policy: Policy, cases: tuple[Waiting, ...], *units: FreeUnit) -> Plan:
    return policy.plan(
        Situation(now=NOW, waiting=cases, free=units, stations=STATIONS, demand=DEMAND), TRAVEL
    )


def test_a_lower_class_gets_a_unit_that_is_missed_less_a_little_later() -> None:
    # Between two units: the one at the busy place is 20 s nearer.
    policy = policy_named("coverage")
    units = free("needed", 0), free("spare", 0.6)
    assert pairs(covered(policy, (call("e", 4, at=0.2),), *units)) == {("e", "spare")}
    assert pairs(covered(policy, (call("e", 1, at=0.2),), *units)) == {("e", "needed")}
    assert pairs(covered(policy, (call("e", 4, at=-0.4),), *units)) == {("e", "needed")}


@pytest.mark.parametrize("name", ["coverage", "combined"])
def test_an_idle_unit_is_moved_to_where_calls_are_expected(name: str) -> None:
    policy = policy_named(name)
    plan = covered(policy, (), free("a", 3, "quiet"), free("b", 30, "quiet"))
    assert [(move.unit, move.station) for move in plan.moves] == [("a", "busy")]
    assert "nearer" in plan.moves[0].reason
    assert not covered(policy, (), free("a", 0, "busy"), free("b", 30, "quiet")).moves
    waiting = Waiting("e", 4, NOW, km(0), ("rescue",))
    assert not covered(policy, (waiting,), free("a", 3, "quiet"), free("b", 30, "quiet")).moves


# --- why


def why(policy: str, emergency: str, *parts: Waiting | FreeUnit | BusyUnit) -> Explanation:
    return explain(shown(*parts), emergency, TRAVEL, policy_named(policy))


def test_it_is_said_why_each_unit_was_not_sent() -> None:
    said = why(
        "priority",
        "e",
        Waiting("e", 2, NOW, km(0), ("bls",), ("asked",), ("ambulance",)),
        Waiting("x", 1, NOW, km(3), ("bls",)),
        FreeUnit("near", km(1), ("als",), "ambulance"),
        FreeUnit("far", km(-4), ("als",), "ambulance"),
        FreeUnit("other", km(3), ("als",), "ambulance"),
        FreeUnit("asked", km(0), ("als",), "ambulance"),
        FreeUnit("clerk", km(0), (), "ambulance"),
        FreeUnit("bike", km(0), ("als",), "bike"),
        BusyUnit(
            "at1", km(0), ("als",), "ambulance", "y", 1, km(0), "on_scene", 0, NOW + 600, km(0), NOW
        ),
        BusyUnit(
            "at2", km(0), ("als",), "ambulance", "v", 2, km(0), "on_scene", 0, NOW + 700, km(0), NOW
        ),
        BusyUnit(
            "at4", km(0), ("als",), "ambulance", "z", 4, km(0), "on_scene", 0, NOW + 900, km(0), NOW
        ),
    )
    assert (said.decision, said.chosen) == ("send", "near")
    assert said.reason == "closest that can provide bls and is ambulance and has not refused it"
    assert [(c.unit, c.verdict) for c in said.candidates] == [
        ("near", "chosen"),
        ("other", "taken"),
        ("far", "farther"),
        ("at1", "busy_more_urgent"),
        ("at2", "busy_as_urgent"),
        ("at4", "busy"),
        ("asked", "refused"),
        ("bike", "wrong_vehicle"),
        ("clerk", "no_skills"),
    ]
    farther = TRAVEL.seconds(km(-4), km(0)) - TRAVEL.seconds(km(1), km(0))
    assert said.candidates[2].why == f"{farther:.0f} s farther"


def test_the_closest_is_called_that_where_no_nearer_one_was_ruled_out() -> None:
    case = Waiting("e", 2, NOW, km(0), ("als",))
    near, basic = FreeUnit("near", km(2), ("als",), ""), FreeUnit("basic", km(3), ("bls",), "")
    assert why("priority", "e", case, near, basic).reason == "closest"
    nearer = FreeUnit("nearer", km(1), ("bls",), "")
    said = why("priority", "e", case, near, basic, nearer)
    assert (said.chosen, said.reason) == ("near", "closest that can provide als")
    # A nearer one that is busy would not have been there sooner.
    out = BusyUnit("out", km(1), ("bls",), "", "x", 1, km(0), "on_scene", 0, NOW + 60, km(0), NOW)
    assert why("priority", "e", case, near, out).reason == "closest"


def test_it_is_said_for_whom_an_emergency_is_held_or_a_unit_taken() -> None:
    held = why("lookahead", "e", call("e", 3), free("far", 12), busy("near", 0.2, free_in=60))
    assert (held.decision, held.chosen) == ("hold", "near")
    assert [(c.unit, c.verdict) for c in held.candidates] == [
        ("near", "chosen"),
        ("far", "kept_back"),
    ]
    taken = why("preemptive", "e", call("e", 1), free("far", 10), busy("near", 1, 3, "en_route"))
    assert (taken.decision, taken.chosen) == ("preempt", "near")
    assert taken.candidates[0].free_in_s == 0.0 and "of-near" in taken.candidates[0].why


def test_it_is_said_when_nobody_can_go() -> None:
    assert why("priority", "e", call("e", 1)).decision == "wait"
    assert why("priority", "e", call("e", 1, refused_by=("u",)), free("u", 1)).decision == "refused"
    with pytest.raises(KeyError):
        why("priority", "other", call("e", 1))
