"""What people at the dispatch desk order. Each order says why; it is audited."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from actors.domain.emergency.orders import MOST_UNITS
from actors.domain.values import Location, Note

Slot = Annotated[int, Meta(ge=1, le=MOST_UNITS * 10)]


class AssignmentBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """This unit is to go to that emergency.

    `divert`: also when it is on its way to another one, which then waits again. `slot`: for which
    of the units that were ordered; 1 is the primary one.
    """

    emergency: UUID
    unit: UUID
    reason: Note
    slot: Slot = 1
    divert: bool = False


class HoldBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Send nobody automatically. `until`: when that ends by itself; in a quarter of an hour, if it
    is left out, and in four hours at the latest."""

    reason: Note
    until: datetime | None = None


class ReleaseBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """End the hold; or give the go-ahead to units that wait at the staging point."""

    ends: Literal["hold", "staging"]
    reason: Note


class StageBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Units wait there for the go-ahead."""

    location: Location
    reason: Note


class UnitsBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """So many further units. `units`: certain ones, as far as they are free then."""

    reason: Note
    count: Annotated[int, Meta(ge=1, le=MOST_UNITS - 1)] = 1
    units: Annotated[tuple[UUID, ...], Meta(max_length=MOST_UNITS - 1)] = ()


class StandDownBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why that unit is not needed (any more)."""

    reason: Note


class MergeBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The emergency that goes on for both, and why they are one."""

    into: UUID
    reason: Note
