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
from actors.domain.machine import NEW, Machine
from actors.domain.messages import EmergencyCard, EmergencyStatus, SlotStatus
from actors.domain.task import case_key
from actors.domain.values import Id, Note, Seconds

CasePhase = Literal["waiting", "offered", "engaged", "done"]

MACHINE = Machine(
    "case",
    {
        (NEW, "EmergencyChanged"): "waiting",
        ("waiting", "OfferTask"): "offered",
        ("waiting", "DivertUnit"): "offered",
        ("offered", "OfferAnswered:accepted"): "engaged",
        **{
            ("offered", f"OfferAnswered:{outcome}"): "waiting"
            for outcome in ("declined", "expired", "withdrawn", "unavailable")
        },
        # To the case that it was diverted to, and from the one it left.
        ("offered", "UnitDiverted:accepted"): "engaged",
        **{(phase, "UnitDiverted:left"): "waiting" for phase in ("offered", "engaged")},
        # From offered too: the end of a task can overtake the word that it was accepted.
        **{
            (phase, f"TaskEnded:{outcome}"): target
            for phase in ("offered", "engaged")
            for outcome, target in (
                ("handed_back", "waiting"),
                ("withdrawn", "waiting"),
                ("completed", "done"),
                ("cancelled", "done"),
            )
        },
        # Of a further unit: it was stood down.
        **{
            (phase, f"EmergencyChanged:{word}" if word else "RemoveEmergency"): "removed"
            for word in ("stood_down", "")
            for phase in ("waiting", "offered", "engaged", "done")
        },
    },
)


class DispatchRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may tune.

    `offer_ttl_s`: how long a crew may think; a device that does not answer in half a minute is
    not looked at, and every second of it is the patient's. `max_tries`: after so many crews that
    did not take it (and each so many more) a human is alerted: three lost half minutes are more
    than an urgent call has. `retry_s`: when every unit that could go has refused, they are asked
    again after this; shorter would only nag the same crews.

    `escalate_s`: an emergency that nobody has taken, once ops knows of it, is called again after
    each so many seconds, a level higher each time; None: never. A minute is what one desk needs to
    look, and no more than the next one up may lose.

    `on_scene_s`, `transport_s`, `handover_s`: what a task takes on average, for estimates of when
    a unit is free again: 20 minutes on scene and 30 at the hospital door are the usual planning
    figures of urban services, 12 minutes of driving between them. Only estimates hang on them.

    `plans_when_asked`: the policy is asked with PlanNow alone, not after each message: where many
    things happen in one moment, and the decision is to see all of them.

    `runners_up`: how many other units are noted with each choice; 0: choices are not noted.
    `moves_at_once`, `move_rest_s`: how many units of a region may be on their way to another
    station at a time, and how long each is left there: crews that are sent about all shift are
    worn out, and on no post at all.
    """

    offer_ttl_s: float = 30.0
    max_tries: int = 3
    retry_s: float = 20.0
    escalate_s: float | None = 60.0
    on_scene_s: float = 1200.0
    transport_s: float = 720.0
    handover_s: float = 1800.0
    runners_up: int = 3
    moves_at_once: int = 2
    move_rest_s: float = 1200.0
    plans_when_asked: bool = False


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
        """Sort key: priority; whose unit was taken, first of its class; age; key, to be total."""
        return (self.card.priority, self.preempted == 0, self.card.raised_at, self.key)

    @property
    def status(self) -> EmergencyStatus | SlotStatus:
        """How far the emergency says that this unit is."""
        if self.slot == 1:
            return self.card.status
        return next((s.status for s in self.card.further if s.slot == self.slot), "ordered")
