"""One line of the trail: who did or saw what, of whom, from where, and how it ended.

Ids and codes only. Nothing that says anything about a person's health or names a person goes in:
what somebody wrote (the reason of a break-glass) comes sealed, as `note`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import force_setattr

Outcome = Literal["allowed", "denied", "failed", "begun"]

# Longer than any id, code or IPv6 address with a scope of ours; shorter than what swells a table.
MAX_TEXT: Final = 200
MAX_DETAILS: Final = 16
# Everyone on a page of a listing, with room.
MAX_PATIENTS: Final = 1000
ANONYMOUS: Final = "anonymous"


class AuditEntry(Struct, frozen=True, kw_only=True, gc=False):
    """`at`: Unix seconds. `outcome` "begun": written ahead of a change whose end is another line.

    `kind` and `id` name the resource, `patients` of whom it is (of a listing: all that were shown).
    `reason` is a code. `note` is free text that the writer sealed (storage.encryption). Texts are
    cut at 200 characters and lose what is not printable, so that no line of any log is forged.
    """

    at: float
    role: str
    subject: str
    action: str
    outcome: Outcome
    kind: str = ""
    id: str = ""
    patients: tuple[str, ...] = ()
    reason: str = ""
    note: bytes | None = None
    address: str = ""
    request_id: str = ""
    details: Mapping[str, str | int | bool] = {}

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if (fit := plain(value)) is not value:
                force_setattr(self, name, fit)
        if self.patients:
            known = tuple(dict.fromkeys(plain(one) for one in self.patients if one))
            force_setattr(self, "patients", known[:MAX_PATIENTS])
        if self.details:
            kept = sorted(self.details.items())[:MAX_DETAILS]
            force_setattr(self, "details", {plain(name): _value(value) for name, value in kept})


_TEXTS: Final = ("role", "subject", "action", "kind", "id", "reason", "address", "request_id")


def plain(text: str) -> str:
    """`text` as PostgreSQL and one line of a log can hold it: no NUL, no surrogate, no newline."""
    if len(text) <= MAX_TEXT and text.isprintable():
        return text
    return "".join(c if c.isprintable() else "�" for c in text[:MAX_TEXT])


def _value(value: str | int | bool) -> str | int | bool:
    return plain(value) if isinstance(value, str) else value
