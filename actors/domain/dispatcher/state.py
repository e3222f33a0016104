"""The state of a dispatcher, and when it wants to be woken."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.dispatch.demand import Demand
from actors.domain.dispatcher.case import Case
from actors.domain.hospital.choice import Candidate
from actors.domain.messages.card import StationRef, UnitStatus
from actors.domain.task import case_key
from actors.domain.values import Id, Seconds


class Post(Struct, frozen=True):
    """Where an idle unit was last sent to stand by, and when; no station once it did else.

    `until`: when it is expected there.
    """

    station: Id | None
    at: Seconds
    until: Seconds = 0.0


class KnownHospital(Struct, frozen=True):
    """The newest word of a hospital. `candidate`: None: it is none of the region's any more, and
    remembered only so that no older word brings it back."""

    revision: int
    candidate: Candidate | None = None


class Dispatcher(Struct, frozen=True, kw_only=True, gc=False):
    """The state. The dicts are never changed in place.

    `cases`: by case key. `reserved`: unit -> the task it was asked for and has not answered.
    `ended`: emergencies that are over -> when that was learnt. `merged`: cases of emergencies that
    were merged into others, set aside as they were: should the other not stand for them any more,
    they go on from there. `posts`: where idle units were sent. `hospitals`: by id.
    """

    id: str
    cases: dict[str, Case] = {}
    units: dict[str, UnitStatus] = {}
    reserved: dict[str, str] = {}
    ended: dict[str, float] = {}
    merged: dict[str, Case] = {}
    posts: dict[str, Post] = {}
    stations: tuple[StationRef, ...] = ()
    stations_revision: int = 0
    demand: Demand = Demand()
    hospitals: dict[str, KnownHospital] = {}

    def case(self, emergency: str, slot: int = 1) -> Case | None:
        """The case, of an emergency that was merged too."""
        key = emergency if slot == 1 else case_key(emergency, slot)
        found = self.cases.get(key)
        return self.merged.get(key) if found is None else found


def wake_at(state: Dispatcher) -> float | None:
    """When a round is to be forgotten, ops called again, or the policy asked again."""
    first: float | None = None
    for case in state.cases.values():
        for due in (case.retry_at, case.deferred_until, _next_call(case)):
            if due is not None and (first is None or due < first):
                first = due
    return first


def _next_call(case: Case) -> float | None:
    """Nobody is called about what a human holds back."""
    return None if case.card.held else case.escalate_at
