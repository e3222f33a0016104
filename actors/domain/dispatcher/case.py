"""A case: one unit that is wanted for one emergency, as its dispatcher works on it.

An emergency has one case, its primary unit's (slot 1), and one more for each further unit that was
ordered (slot 2, 3, …): each is waited for, offered and engaged by itself. In the dispatcher's state
a case stands under its key (`task.case_key`).

waiting (no offer out), offered (one unit is asked), engaged (its crew has accepted), done (its crew
has completed; the emergency itself says when all of it is over).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from actors.domain.choice import Choice
from actors.domain.dispatch.situation import rank_of
from actors.domain.messages.card import EmergencyCard
from actors.domain.messages.status import EmergencyStatus, SlotStatus
from actors.domain.messages.to_paramedic import Offer
from actors.domain.task import case_key
from actors.domain.values import Id, Note, Seconds

CasePhase = Literal["waiting", "offered", "engaged", "done"]


class Wish(Struct, frozen=True, kw_only=True):
    """A certain unit is to go: ordered by a dispatcher (`by`), or with the further units.

    `divert`: also from another emergency that it is on its way to.
    """

    unit: Id
    by: Id | None = None
    reason: Note | None = None
    divert: bool = False


class Case(Struct, frozen=True, kw_only=True, gc=False):
    """See above. `attempt` counts its offers, `tries` those that came to nothing since the last
    crew.

    `refused_by`: units that are not asked again this round; `retry_at` ends the round. `starved`:
    ops has been told that no unit is free for it. `preempted`: how often its unit was taken from
    it for a more urgent one. `diverts`: the case that the unit that is asked is to leave. `firm`:
    its crew cannot be diverted: it was tried. `recalled`: the task whose crew was called back when
    the emergency was merged; that is no refusal. `level`, `escalate_at`: how often ops was called,
    and when it is again. `deferred_until`: the policy waits for a certain unit until then.
    `since`: when its crew entered its present step; `eta_at`: when it is expected on scene.
    """

    card: EmergencyCard
    slot: int = 1
    phase: CasePhase = "waiting"
    task: Id | None = None
    unit: Id | None = None
    attempt: int = 0
    tries: int = 0
    refused_by: tuple[Id, ...] = ()
    retry_at: Seconds | None = None
    starved: bool = False
    expires_at: Seconds | None = None
    preempted: int = 0
    diverts: Id | None = None
    firm: bool = False
    recalled: Id | None = None
    wish: Wish | None = None
    choice: Choice | None = None
    level: int = 0
    escalate_at: Seconds | None = None
    deferred_until: Seconds | None = None
    since: Seconds = 0.0
    eta_at: Seconds | None = None

    @property
    def key(self) -> str:
        emergency = self.card.emergency
        return emergency if self.slot == 1 else case_key(emergency, self.slot)

    @property
    def rank(self) -> tuple[int, bool, float, str]:
        """That of the emergency where it waits; see rank_of."""
        return rank_of(self.card.priority, self.preempted, self.card.raised_at, self.key)

    @property
    def status(self) -> EmergencyStatus | SlotStatus:
        """How far the emergency says that this unit is."""
        if self.slot == 1:
            return self.card.status
        return next((s.status for s in self.card.further if s.slot == self.slot), "ordered")


def offer_of(case: Case, region: str) -> Offer | None:
    """The offer that is out, should its withdrawal overtake it."""
    if case.expires_at is None:
        return None
    return Offer(
        emergency=case.card.emergency,
        region=region,
        attempt=case.attempt,
        expires_at=case.expires_at,
        slot=case.slot,
    )
