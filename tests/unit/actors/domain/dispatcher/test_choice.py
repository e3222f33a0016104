"""What is noted with a choice is what a look at every unit says."""

from __future__ import annotations

import random

import pytest

from actors.domain.dispatch import FreeUnit, Proposal, Situation, Waiting
from actors.domain.dispatch.suitability import bar
from actors.domain.dispatcher.choice import passed_over
from actors.domain.travel import GreatCircle
from actors.domain.values import Location

TRAVEL = GreatCircle()
SKILLS = (("als",), ("bls",), ())


@pytest.mark.parametrize("seed", range(6))
def test_the_soonest_of_each_are_noted_however_many_units_there_are(seed: int) -> None:
    rng = random.Random(seed)

    def place() -> Location:
        return Location(18.9 + rng.random() / 5, 72.8 + rng.random() / 5)

    free = tuple(
        FreeUnit(f"u{n:03}", place(), rng.choice(SKILLS), rng.choice(("ambulance", "bike")))
        for n in range(rng.choice((1, 5, 90)))
    )
    vehicles = rng.choice(((), ("ambulance",)))
    case = Waiting("e", 1, 0.0, place(), rng.choice(SKILLS), ("u000", "u003", "gone"), vehicles)
    ways = sorted((TRAVEL.seconds(unit.location, case.location), unit.unit) for unit in free)
    able = [way for way in ways if bar(next(u for u in free if u.unit == way[1]), case) is None]
    sent = able[len(able) // 2] if able else (600.0, "elsewhere")
    found, ruled_out = passed_over(
        Situation(now=0.0, waiting=(case,), free=free),
        case,
        Proposal("e", sent[1], sent[0]),
        TRAVEL,
        3,
    )
    others = [way for way in able if way != sent]
    nearer = [way for way in ways if way not in able and way[0] < sent[0]]
    assert [(one.eta_s, one.unit) for one in found] == others[:3]
    assert [(one.eta_s, one.unit) for one in ruled_out] == nearer[:3]
    assert all(one.why for one in ruled_out)
