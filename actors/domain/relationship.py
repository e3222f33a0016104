"""Who stands how to a patient, from when until when: the facts behind family, care and emergencies.

A relationship has a beginning and an end, and counts in between and at no other time. An invitation
has no beginning yet; what was ended never begins again, a new one is made instead.

- `guardian`: of the patient account that made a child's profile. Begins at once; ends at the
  child's majority, or by hand.
- `family`: of the patient account that the patient (or guardian) invited. Begins when that account
  accepts; ends by hand, from either side.
- `consultation`: of a doctor. Begins with the request; ends with it, or with the consultation.
- `break_glass`: of a doctor or paramedic who wrote down why. Begins at once; ends soon by itself,
  or sooner by hand.

The crew of an emergency is none of these: who it is, the emergency's entity says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Role, Sender, Tie, TieKind

# Whoever holds one of these acts for the patient.
FAMILY: Final[tuple[TieKind, ...]] = ("family", "guardian")


class Relationship(Struct, frozen=True, kw_only=True):
    """`begins_at`, `ends_at`: seconds since the Unix epoch, [begins_at, ends_at).

    No beginning: not accepted yet. No end: until somebody ends it.
    """

    id: str
    kind: TieKind
    role: Role
    holder: str
    patient_id: str
    begins_at: float | None
    ends_at: float | None = None

    def in_force(self, now: float) -> bool:
        """Whether it counts at `now`."""
        return (
            self.begins_at is not None
            and self.begins_at <= now
            and (self.ends_at is None or now < self.ends_at)
        )


def standing(who: Sender, relationships: Iterable[Relationship], now: float) -> Sender:
    """`who` with the ties that these relationships give it at `now`, and no others."""
    ties = (
        Tie(one.kind, one.patient_id)
        for one in relationships
        if (one.role, one.holder) == (who.role, who.subject) and one.in_force(now)
    )
    return replace(who, ties=tuple(dict.fromkeys(ties)))
