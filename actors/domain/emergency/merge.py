"""What two emergencies that are one say to each other, so that neither caller is ever lost.

The duplicate ends first, and tells the other; should the other be over by then, or be cancelled
later, the duplicate is raised again. Each link is named by the duplicate's revision when it was
made, so that an old word about an older link changes nothing.

Who called about a duplicate follows: `emergency:` says how far help is, and on the duplicate's own
`track:` comes the very unit, for the crews are told whom to share it with (consequences.py). No
door to the other emergency is opened for it.
"""

from __future__ import annotations

from typing import Final

from actors.domain.emergency.events import (
    DuplicateLinked,
    DuplicateReturned,
    Events,
    PrimaryFollowed,
)
from actors.domain.emergency.orders import Duplicate, Followed
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Context, EntityRef, Send
from actors.domain.machine import NEW
from actors.domain.messages.status import EmergencyStatus
from actors.domain.messages.to_emergency import FollowPrimary, LinkDuplicate, ReturnDuplicate

# Steps that tell of the patient of that emergency, and of nobody else.
_WITH_PATIENT: Final[tuple[EmergencyStatus, ...]] = ("transporting", "at_hospital")


def linked(
    state: Emergency, message: LinkDuplicate, ctx: Context
) -> tuple[Events, tuple[Send, ...]]:
    """Taken on; or given back, where this one is over itself."""
    if state.status == NEW or state.ended:
        return (), (_returned(state, message.duplicate, message.revision),)
    duplicate = Duplicate(message.duplicate, message.patient_id, message.revision)
    if any(
        known.emergency == duplicate.emergency and known.revision >= duplicate.revision
        for known in state.orders.duplicates
    ):
        return (), ()
    return (DuplicateLinked(at=ctx.now, duplicate=duplicate),), ()


def returned(state: Emergency, message: ReturnDuplicate, ctx: Context) -> Events:
    """Raised again, if it is still merged into that one, by that link."""
    followed = state.orders.followed
    if state.status != "merged" or followed is None or followed.emergency != message.primary:
        return ()
    if message.revision != state.orders.merged_at:
        return ()
    return (DuplicateReturned(at=ctx.now, primary=message.primary, reason=message.reason),)


def followed(state: Emergency, message: FollowPrimary, ctx: Context) -> Events:
    """How far the other is, if that is news."""
    known = state.orders.followed
    if state.status != "merged" or known is None or known.emergency != message.primary:
        return ()
    if message.revision <= known.revision:
        return ()
    news = Followed(
        emergency=message.primary,
        revision=message.revision,
        status=message.status,
        unit=message.unit,
        eta_at=message.eta_at,
    )
    return (PrimaryFollowed(at=ctx.now, followed=news),)


def followers(state: Emergency) -> tuple[str, ...]:
    """The emergencies that were merged into this one."""
    return tuple(one.emergency for one in state.orders.duplicates)


def _shown(state: Emergency) -> tuple[EmergencyStatus, str | None, float | None]:
    """Status, unit and ETA as duplicates hear of them. Where a patient is brought is nobody's
    business but the patient's: for the others help is there, until it is over."""
    status = "on_scene" if state.status in _WITH_PATIENT else state.status
    return status, state.unit, state.eta_at


def told(before: Emergency, after: Emergency) -> tuple[Send, ...]:
    """What the duplicates hear of a change."""
    duplicates = after.orders.duplicates
    if not duplicates:
        return ()
    if after.status == "cancelled":
        return tuple(_returned(after, one.emergency, one.revision) for one in duplicates)
    status, unit, eta_at = shown = _shown(after)
    if (_shown(before), before.orders.duplicates) == (shown, duplicates):
        return ()
    news = FollowPrimary(
        primary=after.id,
        revision=after.revision,
        status=status,
        unit=unit,
        eta_at=eta_at,
    )
    return tuple(Send(EntityRef("emergency", one.emergency), news) for one in duplicates)


def merged(state: Emergency) -> Send | None:
    """What the other one hears of a merge."""
    followed = state.orders.followed
    if followed is None:
        return None
    link = LinkDuplicate(
        duplicate=state.id, patient_id=state.patient_id, revision=state.orders.merged_at
    )
    return Send(EntityRef("emergency", followed.emergency), link)


def _returned(state: Emergency, duplicate: str, revision: int) -> Send:
    word = "unknown" if state.status == NEW else state.status
    reason = f"the emergency that it was merged into is {word}"
    message = ReturnDuplicate(primary=state.id, revision=revision, reason=reason)
    return Send(EntityRef("emergency", duplicate), message)
