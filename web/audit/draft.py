"""What is learned on the way about the request at hand, for its line in the trail.

The door knows who and what; of whom it is, and that it was refused, only those know who look it up.
They say so here, without having the request: the draft is that of the context they run in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class Draft:
    """One request's. `why_denied`: a code; empty where nothing was refused. `withheld`: an entity
    did not show itself to this caller; should the answer be 404, that is why. `written`: the reason
    that an order gives, clear; the door seals it (note.py)."""

    action: str = ""
    kind: str = ""
    id: str = ""
    patients: dict[str, None] = field(default_factory=dict)
    why_denied: str = ""
    withheld: bool = False
    reason: str = ""
    note: bytes | None = None
    written: str = ""
    details: dict[str, str | int | bool] = field(default_factory=dict)


CURRENT: Final[ContextVar[Draft | None]] = ContextVar("audit_draft", default=None)


def audited(
    *,
    action: str = "",
    kind: str = "",
    id: str = "",  # noqa: A002 - the resource's, as in AuditEntry
    patients: Iterable[str | None] = (),
    reason: str = "",
    note: bytes | None = None,
    written: str = "",
    details: Mapping[str, str | int | bool] | None = None,
) -> None:
    """More about this request, for its line; without a request at hand it is nobody's to keep.

    `patients`: of whom it is, added to those known already. `reason` is a code, `note` sealed text;
    `details` are ids and codes, never anything about a person. `written` is why an order is given:
    say it together with whose matter it is, for under that patient's key it is sealed.
    """
    draft = CURRENT.get()
    if draft is None:
        return
    for name, value in (
        ("action", action),
        ("kind", kind),
        ("id", id),
        ("reason", reason),
        ("note", note),
        ("written", written),
    ):
        if value:
            setattr(draft, name, value)
    draft.patients |= dict.fromkeys(one for one in patients if one)
    draft.details |= details or {}


def asked_for(action: str) -> None:
    """The action that somebody is about to be allowed or denied: the first one names the line."""
    draft = CURRENT.get()
    if draft is not None and not draft.action:
        draft.action = action


def refused(action: str, why: str) -> None:
    """A permission decision went against the caller."""
    draft = CURRENT.get()
    if draft is not None:
        draft.why_denied = why
        if draft.action != action:
            draft.details["denied"] = action


def withheld(code: str) -> None:
    """An entity refused to be seen (`code` of its DomainError): it may be one of many, in a list,
    or the one that was asked for."""
    draft = CURRENT.get()
    if draft is not None and code == "forbidden":
        draft.withheld = True
