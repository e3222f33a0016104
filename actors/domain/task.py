"""A task: one emergency in one paramedic's queue. Part of the paramedic's state.

States: pending (offered, waiting for the crew's answer until `expires_at`);
in_progress = accepted, en_route, on_scene, transporting, at_hospital; then one of
completed, declined, expired, withdrawn, after which it leaves the queue.

A diversion takes a task that the crew is not yet on scene of and gives it another one, in one step:
who was on its way already is on its way then too. With a staging point the crew waits there; it
cannot be on scene before the go-ahead.

Who: OfferTask, DivertUnit and StageTask come from the dispatcher, WithdrawTask from the dispatcher,
the emergency or staff; AcceptTask, DeclineTask, ProgressTask, HandBackTask from the crew; Wake from
the runtime when the offer's time is over. A crew that treats on scene completes from there.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from actors.domain.choice import Choice
from actors.domain.machine import NEW, Machine
from actors.domain.values import (
    Destination,
    Id,
    Location,
    Note,
    Priority,
    Region,
    Seconds,
    Skills,
    Step,
)

TaskStep = Literal["pending", "accepted", "en_route", "on_scene", "transporting", "at_hospital"]

LIVE: tuple[Step, ...] = ("accepted", "en_route", "on_scene", "transporting", "at_hospital")
# A unit that is this far can be given another task instead.
ON_THE_WAY: tuple[TaskStep, ...] = ("pending", "accepted", "en_route")
# Until then whoever called about the same sees where the unit is. From the scene on it is where it
# brings its patient, which is nobody's business but the patient's.
SHARED: tuple[TaskStep, ...] = ("accepted", "en_route", "on_scene")


MACHINE = Machine(
    "task",
    {
        (NEW, "OfferTask"): "pending",
        (NEW, "DivertUnit"): "accepted",
        ("pending", "AcceptTask"): "accepted",
        ("pending", "DeclineTask"): "declined",
        ("pending", "Wake"): "expired",
        ("pending", "WithdrawTask"): "withdrawn",
        ("accepted", "ProgressTask:en_route"): "en_route",
        ("en_route", "ProgressTask:on_scene"): "on_scene",
        ("on_scene", "ProgressTask:transporting"): "transporting",
        ("on_scene", "ProgressTask:completed"): "completed",
        ("transporting", "ProgressTask:at_hospital"): "at_hospital",
        ("at_hospital", "ProgressTask:completed"): "completed",
        ("transporting", "RedirectTask"): "transporting",
        **{(step, "HandBackTask"): "withdrawn" for step in LIVE},
        **{(step, "WithdrawTask"): "withdrawn" for step in LIVE},
        **{(step, "DivertUnit"): "withdrawn" for step in ON_THE_WAY},
        **{(step, "StageTask"): step for step in ON_THE_WAY},
    },
    groups={"in_progress": LIVE},
)


def case_key(emergency: str, slot: int) -> str:
    """What a unit is wanted for: the emergency itself, or a further unit (`slot` > 1) of it."""
    return emergency if slot == 1 else f"{emergency}#{slot}"


class Task(Struct, frozen=True, kw_only=True, gc=False):
    """What a crew must know of one emergency, and how far it is with it.

    `attempt` counts the offers of its emergency, in the order the dispatcher made them: a higher
    one is newer. `revision` is the emergency's revision that `priority` was read from. `eta_s`:
    travel time to the scene as estimated at the offer. `expires_at`: until when it may be accepted.
    `destination`: the hospital that the crew has chosen, from when it sets out for it.
    `slot`: 1 for the primary unit; further ones where several were ordered. `staging`: where to
    wait for the go-ahead, for the scene is not safe, as of the emergency's `staging_revision`.
    `choice`: why this unit was asked. `followers`: the emergencies that were merged into its own,
    as of the emergency's `followers_revision`: who called there sees the unit come, too.
    """

    id: Id
    emergency: Id
    region: Region
    attempt: int
    revision: int
    patient_id: Id | None
    priority: Priority
    location: Location
    address: Note | None
    symptoms: tuple[Note, ...]
    needs: Skills
    raised_at: Seconds
    offered_at: Seconds
    expires_at: Seconds
    eta_s: Seconds
    step: TaskStep = "pending"
    accepted_at: Seconds | None = None
    step_at: Seconds | None = None
    destination: Destination | None = None
    slot: int = 1
    staging: Location | None = None
    staging_revision: int = 0
    choice: Choice | None = None
    followers: tuple[Id, ...] = ()
    followers_revision: int = 0

    @property
    def staged(self) -> bool:
        """Whether the crew must wait for the go-ahead before it goes in."""
        return self.staging is not None

    @property
    def live(self) -> bool:
        """Whether the crew has taken it on and not yet ended it."""
        return self.step != "pending"

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sort key of a queue: priority, then age, then id so that the order is total."""
        return (self.priority, self.raised_at, self.id)
