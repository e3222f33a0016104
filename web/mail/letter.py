"""What the service writes to people: one class a kind of letter, with what it needs to be told.

A letter goes over other people's machines and stands on a locked telephone's screen: none says
anything of anybody's health, and no subject says more than that there is an account.

Times are Unix seconds; `valid_s` is how long the link is good, in seconds; links are absolute.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from msgspec import Struct


class VerifyEmail(Struct, frozen=True, kw_only=True):
    """Somebody signed up with this address."""

    link: str
    valid_s: float


class AccountExists(Struct, frozen=True, kw_only=True):
    """The same, and it has an account. The one who signed up is not told. `link`: to log in."""

    link: str


class ResetPassword(Struct, frozen=True, kw_only=True):
    """Somebody forgot the password. `address`: the network address that asked, "" if unknown."""

    link: str
    valid_s: float
    address: str = ""


class ConfirmNewEmail(Struct, frozen=True, kw_only=True):
    """To the address that an account is to have from now on."""

    link: str
    valid_s: float


class EmailChangeRequested(Struct, frozen=True, kw_only=True):
    """To the address that the account has: another was asked for."""

    at: float


class EmailChanged(Struct, frozen=True, kw_only=True):
    """To the address that the account had. `new_email` is shown masked; "": not said."""

    at: float
    new_email: str = ""


class StaffInvitation(Struct, frozen=True, kw_only=True):
    """An administrator made an account for somebody of the staff."""

    role: str
    link: str
    valid_s: float
    invited_by: str = ""


class FamilyInvitation(Struct, frozen=True, kw_only=True):
    """Somebody asks the owner of this account to act for them. `link`: to log in and answer."""

    link: str
    valid_s: float


class NewSignIn(Struct, frozen=True, kw_only=True):
    """Somebody signed in from a device that was not seen before. `device`: what it says it is."""

    at: float
    address: str = ""
    device: str = ""


SecurityChange = Literal[
    "password",
    "mfa_on",
    "mfa_off",
    "recovery_codes",
    "passkey_added",
    "passkey_removed",
    "session_reused",
]


class SecurityChanged(Struct, frozen=True, kw_only=True):
    """Something changed that protects the account."""

    change: SecurityChange
    at: float


class RecordOpened(Struct, frozen=True, kw_only=True):
    """To a patient: staff opened the record in an emergency. `link`: who saw my record."""

    at: float
    role: str
    link: str


Letter = (
    VerifyEmail
    | AccountExists
    | ResetPassword
    | ConfirmNewEmail
    | EmailChangeRequested
    | EmailChanged
    | StaffInvitation
    | FamilyInvitation
    | NewSignIn
    | SecurityChanged
    | RecordOpened
)

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


def kind_of(letter: Letter) -> str:
    """What logs and the outbox call it: `verify_email`. Says nothing of anybody."""
    return _WORD.sub("_", type(letter).__name__).lower()
