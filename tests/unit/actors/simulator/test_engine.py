"""What holds of every run: determinism, whole rows, preemption, moves, figures, RESULT.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from actors.domain.dispatch import Move, Plan, Preemption, Situation
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.dispatch.situation import Part
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location
from actors.simulator import Result, Row, SimulationStuck, load, simulate, write_rows
from tests.unit.actors.simulator.folder import CALLS, SETTINGS, write

BUSY = CALLS + "".join(
    f"k{n},{n * 9},{'cbda'[n % 4]},{4 - n % 4},{20 + n % 5},{n % 2},{n % 7}\n" for n in range(30)
)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_serves_every_call_the_same_way_each_time(policy: str, tmp_path: Path) -> None:
    scenario = load(write(tmp_path, {"calls.csv": BUSY}))
    one, other = simulate(scenario, policy, 7), simulate(scenario, policy, 7)
    assert one.rows == other.rows
    assert (one.preemptions, one.moves, one.seed) == (other.preemptions, other.moves, 7)
    assert [row.call for row in one.rows] == [call.id for call in scenario.calls]
    for row, call in zip(one.rows, scenario.calls, strict=True):
        assert call.at_s <= row.assigned_s <= row.arrived_s <= row.cleared_s
        assert row.response_s == row.arrived_s - call.at_s
        assert (row.hospital is not None) == call.transport
        assert row.queued or row.assigned_s >= call.at_s


def test_no_unit_is_on_two_tasks_at_once(tmp_path: Path) -> None:
    rows = simulate(load(write(tmp_path, {"calls.csv": BUSY})), "priority").rows
    for unit in {row.unit for row in rows}:
        spells = sorted((r.assigned_s, r.cleared_s) for r in rows if r.unit == unit)
        assert all(end <= start for (_, end), (start, _) in pairwise(spells))


@dataclass
class Grabbing:
    """Takes any unit on its way to the least urgent for the most urgent."""

    name: str = "grabbing"
    wants: frozenset[Part] = frozenset({"busy"})

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        plan = POLICIES["closest_idle"].plan(situation, travel)
        urgent = [case for case in situation.waiting if case.priority == 1]
        way = [unit for unit in situation.busy if unit.priority == 4 and unit.step == "en_route"]
        if plan.proposals or not urgent or not way:
            return plan
        eta_s = travel.seconds(way[0].location, urgent[0].location, situation.now)
        taken = Preemption(way[0].unit, way[0].emergency, urgent[0].emergency, eta_s, "more urgent")
        return Plan(preemptions=(taken,))


def test_a_unit_on_its_way_is_taken_for_a_more_urgent_call(tmp_path: Path) -> None:
    """It turns round at the place nearest to where it is; its first patient is served after."""
    files = {
        "units.csv": "id,base\nu1,a\n",
        "calls.csv": CALLS + "k1,0,d,4,10,0,0\nk2,110,c,1,10,0,0\n",
    }
    result = simulate(load(write(tmp_path, files)), Grabbing())
    assert result.preemptions == 1
    first, urgent = result.rows
    # At 110 s it is 110 m along, nearest to b.
    assert (urgent.assigned_s, urgent.arrived_s, urgent.cleared_s) == (110.0, 210.0, 220.0)
    assert (first.assigned_s, first.arrived_s) == (220.0, 320.0)
    assert (first.queued, urgent.queued) == (False, False)


def test_what_a_diverted_unit_had_planned_is_void(tmp_path: Path) -> None:
    """The diversion comes in the very second in which it would have been there: it is there."""
    files = {
        "units.csv": "id,base\nu1,a\n",
        "calls.csv": CALLS + "k1,0,d,4,10,0,0\nk2,300,c,1,10,0,0\n",
    }
    result = simulate(load(write(tmp_path, files)), Grabbing())
    assert result.preemptions == 0
    assert [row.arrived_s for row in result.rows] == [300.0, 410.0]


@dataclass
class Looking:
    """`closest_idle`, keeping where and when it was shown that busy units will be free."""

    seen: dict[str, set[tuple[Location, float]]]
    name: str = "looking"
    wants: frozenset[Part] = frozenset({"busy"})

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        for unit in situation.busy:
            self.seen.setdefault(unit.emergency, set()).add((unit.free_where, unit.free_at))
        return POLICIES["closest_idle"].plan(situation, travel)


def test_a_policy_is_shown_the_hospital_that_the_patient_is_brought_to(tmp_path: Path) -> None:
    """Of two that are as near the first of the file, by the rule that the crews follow."""
    files = {
        "locations.csv": "id,x_m,y_m\na,0,0\nb,100,0\nc,200,0\nd,300,0\ne,250,0\n",
        "units.csv": "id,base\nu1,d\nu2,e\n",
        "hospitals.csv": "location\nb\nd\n",
        "calls.csv": CALLS + "k1,0,c,2,10,1,20\nk2,5,a,3,10,1,20\nk3,60,d,2,10,1,20\n",
    }
    scenario = load(write(tmp_path, files))
    looking = Looking({})
    rows = simulate(scenario, looking).rows
    places = dict(zip(scenario.place_ids, scenario.places, strict=True))
    assert [row.hospital for row in rows] == ["b", "b", "d"]
    first = looking.seen["c000000000"]
    assert {where for where, _ in first} == {places["b"]}
    # 50 s there, 10 s on scene, 100 s to the hospital and 20 s in it: all calls are alike.
    assert {at for _, at in first} == {180.0} == {rows[0].cleared_s}
    assert {where for where, _ in looking.seen["c000000001"]} == {places["b"]}


@dataclass
class Restless:
    """`closest_idle`, and from some second on the first unit is to stand at the last base."""

    since: float = 10.0
    name: str = "restless"
    wants: frozenset[Part] = frozenset({"stations"})

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        plan = POLICIES["closest_idle"].plan(situation, travel)
        first = [unit for unit in situation.free if unit.unit == "u000000"]
        last = situation.stations[-1].id
        if plan.proposals or situation.now < self.since or not first or first[0].station == last:
            return plan
        return Plan(moves=(Move("u000000", last, "cover"),))


def test_an_idle_unit_that_is_moved_starts_from_where_it_is_on_its_way(tmp_path: Path) -> None:
    files = {
        "units.csv": "id,base\nu1,a\nu2,d\n",
        "calls.csv": CALLS + "k1,10,d,1,50,0,0\nk2,70,c,1,5,0,0\n",
    }
    result = simulate(load(write(tmp_path, files)), Restless())
    assert result.moves == 1
    # Ordered at 10 s from a to d, at 70 s it is 60 m along, nearest to b: as far from c as u2.
    assert [(row.unit, row.arrived_s) for row in result.rows] == [("u2", 10.0), ("u1", 170.0)]


def test_a_unit_is_moved_before_anybody_has_called(tmp_path: Path) -> None:
    files = {
        "units.csv": "id,base\nu1,a\nu2,d\n",
        "calls.csv": CALLS + "k1,299,d,1,50,0,0\nk2,299,d,1,50,0,0\n",
    }
    result = simulate(load(write(tmp_path, files)), Restless(since=-1.0))
    # Ordered at -1 s from a to d, it is there at 299 s.
    assert (result.moves, [row.response_s for row in result.rows]) == (1, [0.0, 0.0])


@dataclass
class Idle:
    """Sends nobody."""

    name: str = "idle"
    wants: frozenset[Part] = frozenset()

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        return Plan()


def test_a_policy_that_leaves_calls_for_ever_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(SimulationStuck, match="the policy idle leaves 3 calls"):
        simulate(load(write(tmp_path, {})), Idle())


def test_a_policy_that_there_is_none_of_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no policy 'luck'"):
        simulate(load(write(tmp_path, {})), "luck")


def test_figures_are_those_of_the_rows() -> None:
    rows = tuple(
        Row(f"k{n}", "u", 0.0, float(n), 0.0, None, 0.0, 1 + n % 2, n >= 8) for n in range(11)
    )
    result = Result(
        scenario="s",
        policy="p",
        seed=0,
        targets={1: 4.0, 2: 100.0, 3: 1.0},
        rows=rows,
        preemptions=2,
        moves=3,
        decisions_s=(),
        elapsed_s=1.0,
    )
    found = result.statistics()
    assert (found.calls, found.queued, found.preemptions, found.moves) == (11, 3, 2, 3)
    assert (found.mean_s, found.p50_s, found.p90_s, found.p95_s) == (5.0, 5.0, 9.0, 9.5)
    # Priority 1 has 0, 2, 4, 6, 8, 10 seconds: being there at the target is in time.
    assert found.over_target == {1: 0.5, 2: 0.0, 3: None}


def test_result_csv_is_read_back_as_it_was(tmp_path: Path) -> None:
    third = SETTINGS.replace("speed_mps = 1.0", "speed_mps = 3.0")
    result = simulate(load(write(tmp_path / "s", {"scenario.toml": third, "calls.csv": BUSY})))
    write_rows(result, tmp_path / "RESULT.csv")
    text = (tmp_path / "RESULT.csv").read_bytes().decode()
    head, *lines = list(csv.reader(text.splitlines()))
    assert ",".join(head) == "call,unit,assigned_s,response_s,arrived_s,hospital,cleared_s"
    assert [
        (c, u, float(a), float(r), float(at), h, float(cl)) for c, u, a, r, at, h, cl in lines
    ] == [
        (r.call, r.unit, r.assigned_s, r.response_s, r.arrived_s, r.hospital or "", r.cleared_s)
        for r in result.rows
    ]


def test_no_calls_make_no_figures(tmp_path: Path) -> None:
    found = simulate(load(write(tmp_path, {"calls.csv": CALLS}))).statistics()
    assert (found.calls, found.mean_s, found.p95_s) == (0, None, None)
