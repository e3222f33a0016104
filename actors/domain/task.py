"""A task: one emergency in one paramedic's queue. Part of the paramedic's state.

States: pending (offered, waiting for the crew's answer until `expires_at`);
in_progress = accepted, en_route, on_scene, transporting, at_hospital; then one of
completed, declined, expired, withdrawn, after which it leaves the queue.

Who: OfferTask and WithdrawTask come from the dispatcher or the emergency (WithdrawTask from
staff too); AcceptTask, DeclineTask, ProgressTask, HandBackTask from the crew; Wake from the
runtime when the offer's time is over. A crew that treats on scene completes from there.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from actors.domain.machine import NEW, Machine
from actors.domain.values import Id, Location, Note, Priority, Region, Seconds, Skills, Step

TaskStep = Literal["pending", "accepted", "en_route", "on_scene", "transporting", "at_hospital"]

LIVE: tuple[Step, ...] = ("accepted", "en_route", "on_scene", "transporting", "at_hospital")
# The order of a crew's work; a step behind the current one is old news.
STEPS: tuple[Step, ...] = (*LIVE, "completed")


MACHINE = Machine(
    "task",
    {
        (NEW, "OfferTask"): "pending",
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
        **{(step, "HandBackTask"): "withdrawn" for step in LIVE},
        **{(step, "WithdrawTask"): "withdrawn" for step in LIVE},
    },
    groups={"in_progress": LIVE},
)


class Task(Struct, frozen=True, kw_only=True):
    """What a crew must know of one emergency, and how far it is with it.

    `attempt` counts the offers of its emergency, in the order the dispatcher made them: a higher
    one is newer. `revision` is the emergency's revision that `priority` was read from. `eta_s`:
    travel time to the scene as estimated at the offer. `expires_at`: until when it may be accepted.
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

    @property
    def live(self) -> bool:
        """Whether the crew has taken it on and not yet ended it."""
        return self.step != "pending"

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sort key of a queue: priority, then age, then id so that the order is total."""
        return (self.priority, self.raised_at, self.id)
