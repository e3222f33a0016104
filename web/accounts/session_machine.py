"""The life of a session, as a table: one login on one device.

A challenged session has a ticket and nothing else; an enrolling one an access token that opens the
way to a second factor and nothing else. Only an active one has refresh tokens. `EndReason`: what
ends it.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from actors.domain.machine import Machine
from storage.accounts.row import AccountRole, SessionStatus

SESSION: Final = Machine(
    "session",
    {
        ("challenged", "pass_factor"): "active",
        ("challenged", "end"): "ended",
        ("enrolling", "enrol_factor"): "active",
        ("enrolling", "end"): "ended",
        ("active", "use"): "active",
        ("active", "end"): "ended",
    },
)

EndReason = Literal[
    "logout",
    "revoked",
    "reused",
    "attempts",
    "password_changed",
    "mfa_changed",
    "account_disabled",
]


class Lifetime(Struct, frozen=True):
    """Seconds without use, and in all, after which a session is over."""

    idle_s: float
    most_s: float


_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
# Long enough to find the telephone; a guesser has five attempts in it.
CHALLENGE: Final = Lifetime(10 * 60.0, 10 * 60.0)
# To install an authenticator first.
ENROLMENT: Final = Lifetime(30 * 60.0, 30 * 60.0)
_PATIENT: Final = Lifetime(30 * _DAY, 180 * _DAY)
# A shift that begins where the last one ended needs no password; a device left in a drawer does.
_STAFF: Final = Lifetime(16 * _HOUR, 7 * _DAY)
# Codes tried on one challenged session. A new one needs the password again.
ATTEMPTS: Final = 5


def lifetime(status: SessionStatus, role: AccountRole) -> Lifetime:
    match status:
        case "challenged":
            return CHALLENGE
        case "enrolling":
            return ENROLMENT
        case _:
            return _PATIENT if role == "patient" else _STAFF
