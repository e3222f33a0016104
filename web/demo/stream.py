"""The emergencies of the demo: when, what, and how long a crew is busy with each. Pure, seeded."""

from __future__ import annotations

from random import Random
from typing import Final

from msgspec import Struct

from actors.domain.values import Location
from actors.fire_calls.call import Service
from web.demo.city import CityPlan, scene

# Calls a (virtual) minute at the busiest hour. A call takes a crew about 45 minutes, so two of
# three of the 24 units are busy then: enough to see, and seldom so many that calls wait.
PEAK_PER_MIN: Final = 0.36
# The share of the peak by hour of the day, as ambulance services know it: quiet before dawn, busy
# from late morning to evening. Flatter than in truth, for a demo is looked at in the night too.
_DAY: Final = (
    0.66, 0.62, 0.58, 0.56, 0.55, 0.57, 0.64, 0.74, 0.84, 0.92, 0.97, 1.00,
    1.00, 0.98, 0.96, 0.95, 0.96, 0.98, 1.00, 0.97, 0.92, 0.85, 0.78, 0.71,
)  # fmt: skip
_PRIORITIES: Final = {1: 8, 2: 37, 3: 45, 4: 10}
_COMPLAINTS: Final = {
    1: ("not breathing", "unconscious after a fall", "severe bleeding"),
    2: ("short of breath", "chest pain", "signs of a stroke", "hit by a car"),
    3: ("broken arm", "abdominal pain", "high fever", "cut that needs stitches"),
    4: ("twisted ankle", "back pain since days", "dressing came off"),
}
_TRANSPORTED: Final = {1: 0.9, 2: 0.75, 3: 0.55, 4: 0.2}
_ON_SCENE_S: Final = (420.0, 1500.0)
_HOSPITAL_S: Final = (900.0, 2400.0)


class DemoCall(Struct, frozen=True, kw_only=True):
    """A call for help. `reference` is what its emergency can be known by."""

    reference: str
    patient: int
    priority: int
    complaint: str
    location: Location
    address: str


def rate_per_s(at: float) -> float:
    """Calls a virtual second at a time of day (virtual epoch seconds, UTC)."""
    hour = at / 3600 % 24
    before = int(hour)
    share = hour - before
    level = _DAY[before] * (1 - share) + _DAY[(before + 1) % 24] * share
    return PEAK_PER_MIN / 60 * level


def next_call_at(now: float, chance: Random) -> float:
    """When the next call comes: a Poisson process of a changing rate, by thinning.

    Lewis and Shedler 1979, doi:10.1002/nav.3800260304.
    """
    peak = PEAK_PER_MIN / 60
    at = now
    while True:
        at += chance.expovariate(peak)
        if chance.random() * peak <= rate_per_s(at):
            return at


def make_call(plan: CityPlan, reference: str, chance: Random) -> DemoCall:
    """What the next call is about."""
    (priority,) = chance.choices(tuple(_PRIORITIES), tuple(_PRIORITIES.values()))
    location, address = scene(plan, chance)
    return DemoCall(
        reference=reference,
        patient=chance.randrange(len(plan.patients)),
        priority=priority,
        complaint=chance.choice(_COMPLAINTS[priority]),
        location=location,
        address=address,
    )


def service_for(reference: str, priority: int) -> Service:
    """How long a crew is busy with a call. The same for the same reference, so that a demo that
    was started again plays a call on as it began."""
    chance = Random(f"service {reference}")  # noqa: S311  to be the same again, not a secret
    on_scene_s = chance.uniform(*_ON_SCENE_S)
    if chance.random() >= _TRANSPORTED[priority]:
        return Service(on_scene_s=on_scene_s)
    return Service(on_scene_s=on_scene_s, transport=True, hospital_s=chance.uniform(*_HOSPITAL_S))
