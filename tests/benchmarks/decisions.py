"""B8: one decision of a dispatcher, a new call or a unit freed, for each policy there is.

Measured is the whole `decide` on one command: the message is taken in, the situation is made, the
policy is asked, offers are written. 100 calls wait throughout: for the crews with advanced skills,
which are nearly all out, so that a policy cannot clear them and be done. Between two decisions a
tenth of the free units send a position, so that nothing of the last situation may simply be kept.
`combined` is measured besides where nobody waits and a freed unit only leads to the question where
idle ones should stand, and over the roads of a made-up city, by the hour.

Time is the process's own (CPU): a decision does nothing but compute, and what else runs on the
machine says nothing of it. It still stretches single decisions, by what it takes of the caches and
the clock; so the same seeded day is played several times, and a decision's time is the median of
what it took in each play. The clock on the wall, taken the same way, is in the notes. `combined` is
what a region follows if nobody chooses another, `closest_idle` what everything is compared with;
the others have no target.
"""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from math import cos, radians
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
from msgspec.structs import replace

from actors.domain.dispatch import Part, Plan, Policy, Proposal, Situation, suits
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.dispatch.demand import Demand
from actors.domain.dispatcher.behaviour import behaviour
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher, KnownHospital
from actors.domain.hospital.choice import Candidate
from actors.domain.kernel import Command, Context, Sender
from actors.domain.messages.card import EmergencyCard, StationRef, UnitStatus
from actors.domain.messages.status import EmergencyStatus
from actors.domain.messages.telemetry import UnitPosition
from actors.domain.messages.to_dispatcher import EmergencyChanged, TaskEnded
from actors.domain.travel import EARTH_RADIUS_M, GreatCircle, TravelEstimate
from actors.domain.values import Location, Position
from actors.roads.grid import write_grid
from actors.roads.network import read_network
from actors.roads.times import road_times
from actors.roads.travel import RoadTravel
from tests.benchmarks.claim import Claim, quantile

WAITING = 100
HOSPITALS = 12
STEPS: tuple[EmergencyStatus, ...] = (
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
)
SYSTEM = Sender("system", "dispatcher:bench")
NOW = 1_000_000.0
# The city is 12 by 12 km from here. At two the afternoon's traffic begins: 13 minutes after NOW.
CORNER = Location(37.70, -122.51)
CITY_M = 12_250.0
HOURS = "hour,class,factor\n" + "".join(f"{hour},primary,0.6\n" for hour in range(14, 19))
SIZES = {500: (200, 1.0), 5_000: (60, 10.0)}
"""Units -> decisions measured, and the p99 they are to stay under, ms."""
PLAYS = 5
"""Of the same day. The baseline, far from any limit, is played once."""
HELD_TO_IT = {"combined", "closest_idle"}


@dataclass(frozen=True, slots=True)
class AllPairs:
    """The baseline: `priority` by asking about every unit for every call."""

    name: str = "every pair"
    wants: frozenset[Part] = frozenset()

    def plan(self, situation: Situation, travel: TravelEstimate) -> Plan:
        """See Policy."""
        left = {unit.unit: unit for unit in situation.free}
        proposals: list[Proposal] = []
        for case in sorted(situation.waiting, key=lambda case: case.rank):
            ways = [
                (travel.seconds(unit.location, case.location, situation.now), unit.unit)
                for unit in left.values()
                if unit.unit not in case.refused_by and suits(unit, case)
            ]
            if ways:
                eta_s, unit_id = min(ways)
                proposals.append(Proposal(case.emergency, unit_id, eta_s))
                del left[unit_id]
        return Plan(tuple(proposals))


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of each decision."""

    cpu: list[float]
    wall: list[float]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `waiting`: how many calls wait throughout."""

    policy: Policy
    travel: TravelEstimate
    waiting: int = WAITING
    where: str = ""

    @property
    def held(self) -> bool:
        return self.policy.name in HELD_TO_IT

    def name(self, units: int) -> str:
        waiting = f"{self.waiting} waiting" if self.waiting else "nobody waiting"
        return f"{self.policy.name}{self.where}: one decision (CPU), {units:,} units, {waiting}"


async def measure() -> tuple[list[Claim], list[str]]:
    claims: list[Claim] = []
    notes = [
        "B8 ratio: how many times faster than asking about every pair (p99, CPU time).",
        f"B8: a decision's time is the median of {PLAYS} plays of the same day.",
    ]
    straight, combined = GreatCircle(), POLICIES["combined"]
    rows = [Row(policy, straight) for policy in POLICIES.values()]
    rows.append(Row(combined, straight, waiting=0))
    for units, (decisions, limit_ms) in SIZES.items():
        baseline = _took(Row(AllPairs(), straight), units, decisions // 2)
        base_p99 = quantile(baseline.cpu, 0.99)
        here = [*rows, Row(combined, _roads(), where=" over roads")] if units == 500 else rows
        for row in here:
            took = _typical([_took(row, units, decisions) for _ in range(PLAYS)])
            p99 = quantile(took.cpu, 0.99)
            claims.append(
                Claim(
                    id="B8",
                    name=row.name(units),
                    value=p99,
                    unit="ms",
                    p50_ms=quantile(took.cpu, 0.5),
                    p99_ms=p99,
                    baseline=base_p99,
                    ratio=base_p99 / p99,
                    target=f"p99 ≤ {limit_ms:.0f} ms" if row.held else None,
                    met=p99 <= limit_ms if row.held else None,
                )
            )
            if row.held:
                notes.append(
                    f"B8 {row.name(units).replace('CPU', 'on the wall')}: "
                    f"p50 {quantile(took.wall, 0.5):.2f} ms, p99 {quantile(took.wall, 0.99):.2f} ms"
                )
    return claims, notes


def _typical(plays: list[Took]) -> Took:
    """Of each decision the median over the plays."""
    cpu = [median(times) for times in zip(*(play.cpu for play in plays), strict=True)]
    wall = [median(times) for times in zip(*(play.wall for play in plays), strict=True)]
    return Took(cpu, wall)


def _roads() -> RoadTravel:
    """The streets of the city, slower in the afternoon."""
    with TemporaryDirectory() as folder:
        nodes, arcs, hours = write_grid(Path(folder), CITY_M, seed=8)
        hours.write_text(HOURS)
        flat = read_network(nodes, arcs, hours)
    metre = radians(1.0) * EARTH_RADIUS_M
    scale = np.array([metre * cos(radians(CORNER.lat)), metre])
    network = replace(flat, at=flat.at / scale + (CORNER.lon, CORNER.lat), sphere=True)
    every = range(len(network.ids))
    return RoadTravel(network, road_times(network, every, None), every, UTC)


def _took(row: Row, units: int, decisions: int) -> Took:
    """Each decision, after some to warm up; the collector runs between them."""
    rng = random.Random(units)
    state = _region(rng, units, row.waiting)
    decide = behaviour(row.policy, row.travel, DispatchRules())
    telemetry: dict[str, Any] = {}
    free = [unit.unit for unit in state.units.values() if unit.free]
    took = Took([], [])
    commands = _commands(rng, state) if row.waiting else _freed(rng, state)
    for count, command in zip(range(decisions + 20), commands, strict=False):
        now = NOW + count
        for unit in rng.sample(free, len(free) // 10):
            place = _place(rng)
            seen = UnitPosition(unit=unit, lat=place.lat, lon=place.lon, at=now)
            decide.absorb(state, telemetry, seen, now)
        context = Context(now=now, by=SYSTEM, id=f"bench-{count}", telemetry=telemetry)
        gc.disable()
        begun, cpu_begun = perf_counter(), process_time()
        decision = decide.decide(state, command, context)
        cpu_s, wall_s = process_time() - cpu_begun, perf_counter() - begun
        gc.enable()
        assert decision.events, "a decision that was none says nothing"
        assert isinstance(decision.after, Dispatcher)
        # Who waits stays the same; where calls come from is learnt on.
        state = replace(state, demand=decision.after.demand)
        if count >= 20:
            took.cpu.append(cpu_s * 1e3)
            took.wall.append(wall_s * 1e3)
    return took


def _commands(rng: random.Random, state: Dispatcher) -> Iterator[Command]:
    """Calls and freed units in turn; each is decided on as if the others had not been."""
    freed = _freed(rng, state)
    for count in itertools.count(1):
        needs = rng.choice([(), ("bls",), ("als",)])
        yield EmergencyChanged(card=_card(f"new{count}", rng, needs, NOW + count))
        yield next(freed)


def _freed(rng: random.Random, state: Dispatcher) -> Iterator[Command]:
    """One unit after the other comes free."""
    for case in itertools.cycle([case for case in state.cases.values() if case.phase == "engaged"]):
        assert case.unit is not None and case.task is not None
        unit = state.units[case.unit]
        yield TaskEnded(
            task=case.task,
            emergency=case.card.emergency,
            attempt=case.attempt,
            outcome="completed",
            unit=_unit(unit.unit, rng, unit.skills, free=True, revision=2),
        )


def _region(rng: random.Random, units: int, waiting: int = WAITING) -> Dispatcher:
    """Two thirds of the units are out, nearly all advanced crews among them."""
    crews: dict[str, UnitStatus] = {}
    cases: dict[str, Case] = {}
    for index in range(units):
        id_ = f"u{index:05}"
        out = index % 3 != 0
        skills = ("als",) if out else ("bls",)
        crews[id_] = _unit(id_, rng, skills, free=not out, revision=1)
        if out:
            card = _card(f"b{index:05}", rng, (), NOW - 900.0)
            cases[f"b{index:05}"] = Case(
                card=replace(card, status=rng.choice(STEPS)),
                phase="engaged",
                task=f"t{index:05}",
                unit=id_,
                attempt=1,
                since=NOW - rng.random() * 1_500.0,
                eta_at=NOW + rng.random() * 600.0,
            )
    for index in range(waiting):
        key = f"w{index:05}"
        card = _card(key, rng, ("als",), NOW - rng.random() * 900.0)
        cases[key] = Case(card=card, starved=True, escalate_at=NOW + 1e6)
    demand = Demand()
    for _ in range(400):
        demand = demand.with_call(_place(rng), NOW - rng.random() * 1e6)
    return Dispatcher(
        id="bench",
        cases=cases,
        units=crews,
        stations=tuple(
            StationRef(id=f"s{index:02}", name=f"Station {index}", location=_place(rng))
            for index in range(40)
        ),
        stations_revision=1,
        demand=demand,
        hospitals={
            id_: KnownHospital(1, Candidate(id_, _place(rng), wait_s=rng.choice([0.0, 900.0])))
            for id_ in (f"h{index:02}" for index in range(HOSPITALS))
        },
    )


def _unit(
    id_: str, rng: random.Random, skills: tuple[str, ...], *, free: bool, revision: int
) -> UnitStatus:
    place = _place(rng)
    return UnitStatus(
        unit=id_,
        revision=revision,
        region="bench",
        name=id_,
        status="available" if free else "on_task",
        free=free,
        skills=skills,
        vehicle="ambulance",
        position=Position(place.lat, place.lon, NOW - 60.0),
        station=f"s{rng.randrange(40):02}",
    )


def _card(id_: str, rng: random.Random, needs: tuple[str, ...], at: float) -> EmergencyCard:
    return EmergencyCard(
        emergency=id_,
        revision=1,
        status="raised",
        patient_id=None,
        priority=rng.choice([1, 2, 3, 4]),
        location=_place(rng),
        address=None,
        needs=needs,
        symptoms=(),
        raised_at=at,
    )


def _place(rng: random.Random) -> Location:
    """Anywhere in the city."""
    return Location(CORNER.lat + rng.random() * 0.11, CORNER.lon + rng.random() * 0.13)
