"""What a crew does, decided without a socket: answer an offer, drive, treat, transport, hand over.

Everything follows from the task as its entity has it, so a crew whose program was restarted in the
middle goes on from the step it is at.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from msgspec import Struct

from actors.domain.task import TaskStep
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location, Step
from actors.fire_calls.call import Service
from web.replay.motion import Leg, Traffic, drive, nearest

# From the tone in the station to wheels rolling; the public record's median is about half a minute.
TURNOUT_S: Final = 30.0
# A crew looks at the device and presses the button within this.
SHORTEST_LOOK_S: Final = 2.0
LONGEST_LOOK_S: Final = 15.0

Reply = Literal["accept", "decline", "ignore"]


class Habits(Struct, frozen=True):
    """Shares of offers that a crew declines, and does not answer at all. 0 to 1, together too."""

    decline: float = 0.02
    ignore: float = 0.01


class Answer(Struct, frozen=True):
    """What a crew does about an offer, `look_s` virtual seconds after it came."""

    reply: Reply
    look_s: float


class Move(Struct, frozen=True):
    """The next step of a task, when it is taken (virtual), and the drive until then, if any."""

    step: Step
    at: float
    leg: Leg | None = None


class City(Struct, frozen=True):
    """Where crews work: the hospitals, and how long a drive takes.

    Without `traffic` each takes exactly as long as estimated.
    """

    hospitals: Sequence[Location]
    travel: TravelEstimate
    traffic: Traffic | None = None

    def leg(self, start: Location, end: Location, now: float, name: str) -> Leg:
        """The drive, by its name, that begins now."""
        paces = () if self.traffic is None else self.traffic.paces(name)
        return drive(start, end, now, self.travel, paces)


def answer(seed: int, offer: str, unit: str, habits: Habits) -> Answer:
    """How `unit` answers an offer. The same seed, offer and unit lead to the same answer."""
    # Not for secrets: a replay is to be repeatable.
    chance = Random(f"{seed}:{offer}:{unit}")  # noqa: S311
    look_s = chance.uniform(SHORTEST_LOOK_S, LONGEST_LOOK_S)
    fate = chance.random()
    if fate < habits.ignore:
        return Answer("ignore", look_s)
    return Answer("decline" if fate < habits.ignore + habits.decline else "accept", look_s)


def next_move(
    step: TaskStep,
    scene: Location,
    here: Location,
    now: float,
    service: Service,
    city: City,
    name: str = "",
) -> Move:
    """What follows on a live task, called `name`, that has just come to `step`, the unit `here`."""
    match step:
        case "accepted":
            return Move("en_route", now + TURNOUT_S)
        case "en_route":
            leg = city.leg(here, scene, now, f"{name}:scene")
            return Move("on_scene", leg.arrives_at, leg)
        case "on_scene":
            done = now + service.on_scene_s
            return Move("transporting" if service.transport else "completed", done)
        case "transporting":
            hospital = nearest(city.hospitals, here, city.travel)
            leg = city.leg(here, hospital, now, f"{name}:hospital")
            return Move("at_hospital", leg.arrives_at, leg)
        case "at_hospital":
            return Move("completed", now + service.hospital_s)
        case "pending":
            raise ValueError("an offer has no next step before it is answered")
