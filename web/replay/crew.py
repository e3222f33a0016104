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
from web.replay.call import Service
from web.replay.motion import Leg, drive, nearest

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
    """Where crews work: the hospitals, and how long a drive takes."""

    hospitals: Sequence[Location]
    travel: TravelEstimate


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
    step: TaskStep, scene: Location, here: Location, now: float, service: Service, city: City
) -> Move:
    """What follows on a live task that has just come to `step`, with the unit `here`."""
    match step:
        case "accepted":
            return Move("en_route", now + TURNOUT_S)
        case "en_route":
            leg = drive(here, scene, now, city.travel)
            return Move("on_scene", leg.arrives_at, leg)
        case "on_scene":
            done = now + service.on_scene_s
            return Move("transporting" if service.transport else "completed", done)
        case "transporting":
            leg = drive(here, nearest(city.hospitals, here, city.travel), now, city.travel)
            return Move("at_hospital", leg.arrives_at, leg)
        case "at_hospital":
            return Move("completed", now + service.hospital_s)
        case "pending":
            raise ValueError("an offer has no next step before it is answered")
