"""What a policy is shown is the same whatever was shown before: memory only saves time."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.domain.dispatch import Situation
from actors.domain.dispatch.combined import Combined
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.positions import absorb
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.situation import Showing
from actors.domain.dispatcher.state import Dispatcher, KnownHospital, Post
from actors.domain.hospital.choice import Candidate
from actors.domain.messages.card import EmergencyCard, UnitStatus
from actors.domain.messages.telemetry import UnitPosition
from actors.domain.travel import GreatCircle
from actors.domain.values import Location, Position

NOW = 1_000.0
RULES = DispatchRules(on_scene_s=100.0, transport_s=200.0, handover_s=400.0)
TRAVEL = GreatCircle()

ids = st.sampled_from(["u1", "u2", "u3", "u4"])
keys = st.sampled_from(["e1", "e2", "e3", "e4"])
coordinate = st.sampled_from([18.9, 19.0, 19.1])
places = st.builds(Location, coordinate, coordinate)
cards = st.builds(
    EmergencyCard,
    emergency=keys,
    revision=st.just(1),
    status=st.sampled_from(["raised", "assigned", "en_route", "on_scene", "at_hospital"]),
    patient_id=st.none(),
    priority=st.integers(1, 4),
    location=places,
    address=st.none(),
    needs=st.just(()),
    symptoms=st.just(()),
    raised_at=st.just(NOW),
    destination=st.one_of(st.none(), places),
    care=st.sampled_from([(), ("stroke",)]),
)
cases = st.builds(
    Case,
    card=cards,
    phase=st.sampled_from(["waiting", "offered", "engaged", "done"]),
    task=st.sampled_from(["t1", "t2"]),
    unit=st.one_of(st.none(), ids),
    since=st.just(NOW),
    eta_at=st.sampled_from([None, NOW + 5.0, NOW + 500.0]),
)
units = st.builds(
    UnitStatus,
    unit=ids,
    revision=st.just(1),
    region=st.just("r"),
    name=st.just("crew"),
    status=st.just("available"),
    free=st.booleans(),
    skills=st.sampled_from([(), ("als",)]),
    vehicle=st.just("van"),
    position=st.one_of(st.none(), st.builds(Position, coordinate, coordinate, st.just(NOW))),
    station=st.sampled_from([None, "s1"]),
)
hospitals = st.builds(
    KnownHospital,
    st.just(1),
    st.one_of(
        st.none(),
        st.builds(
            Candidate,
            st.just(""),
            places,
            st.sampled_from([(), ("stroke",)]),
            st.sampled_from(["open", "open", "divert", "closed"]),
            st.sampled_from([0.0, 450.0, 5000.0]),
        ),
    ),
)
posts = st.builds(Post, st.sampled_from([None, "s1", "s2"]), st.just(NOW))
positions = st.tuples(ids, coordinate, coordinate)
# What happens between two looks: seconds pass, and some of it is another or gone.
turns = st.fixed_dictionaries(
    {
        "seconds": st.sampled_from([0.0, 1.0, 40.0, 700.0, -300.0]),
        "units": st.lists(units, max_size=2),
        "left": st.lists(ids, max_size=1),
        "cases": st.lists(cases, max_size=2),
        "over": st.lists(keys, max_size=1),
        "reserved": st.one_of(st.none(), st.dictionaries(ids, st.sampled_from(["t1", "t2"]))),
        "posts": st.one_of(st.none(), st.dictionaries(ids, posts)),
        "hospitals": st.dictionaries(st.sampled_from(["h1", "h2", "h3"]), hospitals, max_size=2),
        "positions": st.lists(positions, max_size=2),
        "restarted": st.booleans(),
        "uncounted": st.booleans(),
    }
)


@settings(max_examples=150)
@given(st.lists(turns, max_size=6), st.sampled_from([0, 2, 64]))
def test_with_and_without_memory_the_same_is_shown(
    happened: list[dict[str, Any]], few: int
) -> None:
    showing, state, now = Showing(TRAVEL, RULES, few), Dispatcher(id="r"), NOW
    telemetry: dict[str, Any] = {}
    for turn in happened:
        now += turn["seconds"]
        state = after(state, turn)
        if turn["restarted"]:
            telemetry = {}
        for unit, lat, lon in turn["positions"]:
            absorb(state, telemetry, UnitPosition(unit=unit, lat=lat, lon=lon, at=now), now)
        seen = telemetry
        if turn["uncounted"]:  # as who computes positions when asked
            seen = {"positions": dict(telemetry.get("positions", {}))}
        assert shown(showing, state, now, seen) == shown(Showing(TRAVEL, RULES), state, now, seen)


def after(state: Dispatcher, turn: dict[str, Any]) -> Dispatcher:
    changed: dict[str, Any] = {}
    if turn["units"] or turn["left"]:
        crews = state.units | {unit.unit: unit for unit in turn["units"]}
        changed["units"] = {id_: unit for id_, unit in crews.items() if id_ not in turn["left"]}
    if turn["cases"] or turn["over"]:
        known = state.cases | {case.key: case for case in turn["cases"]}
        changed["cases"] = {key: case for key, case in known.items() if key not in turn["over"]}
    if turn["hospitals"]:
        # Some are there already, and stand otherwise now.
        named = {
            id_: one
            if one.candidate is None
            else replace(one, candidate=replace(one.candidate, id=id_))
            for id_, one in turn["hospitals"].items()
        }
        changed["hospitals"] = state.hospitals | named
    for part in ("reserved", "posts"):
        if turn[part] is not None:
            changed[part] = turn[part]
    return replace(state, **changed)


def shown(
    showing: Showing, state: Dispatcher, now: float, telemetry: dict[str, Any]
) -> tuple[object, ...]:
    queue = showing.queue(state)
    made: Situation = showing.situation(state, queue.shown, Combined(), now, telemetry)
    assert len(set(made.waiting)) == len(made.waiting)
    assert len(set(made.free)) == len(made.free) and len(set(made.busy)) == len(made.busy)
    wished, untold = ({case.key: case for case in some} for some in (queue.wished, queue.untold))
    waiting = set(made.waiting), wished, untold, {c.key for c in showing.diverting(state)}
    return waiting, set(made.free), set(made.busy), made.stations, tuple(made.demand)
