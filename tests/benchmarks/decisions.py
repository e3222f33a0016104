"""B8: one decision of a dispatcher, a new call or a unit freed, for each policy there is.

Measured is the whole `decide` on one command: the message is taken in, the situation is made, the
policy is asked, offers are written. 100 calls wait throughout: for the crews with advanced skills,
which are nearly all out, so that a policy cannot clear them and be done. Between two decisions a
tenth of the free units send a position, so that nothing of the last situation may simply be kept.

Time is the process's own (CPU): a decision does nothing but compute, and what else runs on the
machine says nothing of it. The clock on the wall is in the notes. `combined` is what a region
follows if nobody chooses another, `closest_idle` what everything is compared with; the others have
no target.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter, process_time
from typing import Any

from msgspec.structs import replace

from actors.domain.dispatch import Part, Plan, Policy, Proposal, Situation, suits
from actors.domain.dispatch.catalogue import POLICIES
from actors.domain.dispatch.demand import Demand
from actors.domain.dispatcher.behaviour import behaviour
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.dispatcher.state import Dispatcher
from actors.domain.kernel import Command, Context, Sender
from actors.domain.messages.card import EmergencyCard, StationRef, UnitStatus
from actors.domain.messages.status import EmergencyStatus
from actors.domain.messages.telemetry import UnitPosition
from actors.domain.messages.to_dispatcher import EmergencyChanged, TaskEnded
from actors.domain.travel import GreatCircle, TravelEstimate
from actors.domain.values import Location, Position
from tests.benchmarks.claim import Claim, quantile

WAITING = 100
STEPS: tuple[EmergencyStatus, ...] = (
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
)
SYSTEM = Sender("system", "dispatcher:bench")
NOW = 1_000_000.0
SIZES = {500: (400, 1.0), 5_000: (120, 10.0)}
"""Units -> decisions measured, and the p99 they are to stay under, ms."""
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


async def measure() -> tuple[list[Claim], list[str]]:
    claims: list[Claim] = []
    notes = ["B8 ratio: how many times faster than asking about every pair (p99, CPU time)."]
    for units, (decisions, limit_ms) in SIZES.items():
        base_p99 = quantile(_took(AllPairs(), units, decisions // 4).cpu, 0.99)
        for policy in POLICIES.values():
            took = _took(policy, units, decisions)
            p99 = quantile(took.cpu, 0.99)
            held = policy.name in HELD_TO_IT
            claims.append(
                Claim(
                    id="B8",
                    name=f"{policy.name}: one decision (CPU), {units:,} units, {WAITING} waiting",
                    value=p99,
                    unit="ms",
                    p50_ms=quantile(took.cpu, 0.5),
                    p99_ms=p99,
                    baseline=base_p99,
                    ratio=base_p99 / p99,
                    target=f"p99 ≤ {limit_ms:.0f} ms" if held else None,
                    met=p99 <= limit_ms if held else None,
                )
            )
            if held:
                notes.append(
                    f"B8 {policy.name}, {units:,} units, on the wall: "
                    f"p50 {quantile(took.wall, 0.5):.2f} ms, p99 {quantile(took.wall, 0.99):.2f} ms"
                )
    return claims, notes


def _took(policy: Policy, units: int, decisions: int) -> Took:
    """Each decision, after some to warm up; the collector runs between them."""
    rng = random.Random(units)
    state = _region(rng, units)
    decide = behaviour(policy, GreatCircle(), DispatchRules())
    telemetry: dict[str, Any] = {}
    free = [unit.unit for unit in state.units.values() if unit.free]
    took = Took([], [])
    for count, command in zip(range(decisions + 20), _commands(rng, state), strict=False):
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
    engaged = cycle([case for case in state.cases.values() if case.phase == "engaged"])
    count = 0
    while True:
        count += 1
        needs = rng.choice([(), ("bls",), ("als",)])
        yield EmergencyChanged(card=_card(f"new{count}", rng, needs, NOW + count))
        case = next(engaged)
        assert case.unit is not None and case.task is not None
        unit = state.units[case.unit]
        yield TaskEnded(
            task=case.task,
            emergency=case.card.emergency,
            attempt=case.attempt,
            outcome="completed",
            unit=_unit(unit.unit, rng, unit.skills, free=True, revision=2),
        )


def _region(rng: random.Random, units: int) -> Dispatcher:
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
    for index in range(WAITING):
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
    """Anywhere in a city of 12 by 12 km."""
    return Location(37.70 + rng.random() * 0.11, -122.51 + rng.random() * 0.13)
