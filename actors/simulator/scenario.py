"""A scenario, read and checked: who is stationed where, and who calls when. Times are seconds."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.travel import TravelEstimate
from actors.simulator.nearest import NearestPlace
from actors.simulator.place import Place


class Unit(Struct, frozen=True):
    """A crew and its vehicle. `base`: where it stands when there is nothing to do."""

    id: str
    base: Place
    skills: tuple[str, ...] = ()


class Call(Struct, frozen=True):
    """`handover_s` counts with `transport` only."""

    id: str
    at_s: float
    place: Place
    priority: int
    on_scene_s: float
    transport: bool
    handover_s: float
    needs: tuple[str, ...] = ()


class Scenario(Struct, frozen=True, kw_only=True):
    """What a folder of files says (see `load`).

    `places`, `units`, `hospitals` and `calls` are in the order of their files, which decides ties;
    `place_ids` are the names of `places`, which are in degrees where `sphere`, else in metres.
    `return_speed_factor`: the way home takes travel divided by this. `targets`: priority ->
    response time to be within.
    """

    name: str
    policy: str
    return_speed_factor: float
    targets: dict[int, float]
    place_ids: tuple[str, ...]
    places: tuple[Place, ...]
    sphere: bool
    nearest: NearestPlace
    travel: TravelEstimate
    units: tuple[Unit, ...]
    hospitals: tuple[Place, ...]
    calls: tuple[Call, ...]
