"""The words of each letter: once, for text and HTML alike (render.py).

What callers gave stands in these words as it is; escaping is the renderer's. No subject has any of
it: subjects are shown before a message is opened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from web.mail.letter import (
    AccountExists,
    ConfirmNewEmail,
    EmailChanged,
    EmailChangeRequested,
    FamilyInvitation,
    Letter,
    NewSignIn,
    RecordOpened,
    ResetPassword,
    SecurityChange,
    SecurityChanged,
    StaffInvitation,
    VerifyEmail,
)

# What strangers may put into a letter is cut to this: a name of a device, a network address.
_GIVEN_CHARACTERS: Final = 200


class Paragraph(Struct, frozen=True):
    text: str


class Action(Struct, frozen=True):
    """A link to follow, and what to do there."""

    text: str
    link: str


class Wording(Struct, frozen=True):
    subject: str
    parts: tuple[Paragraph | Action, ...]


_NOT_YOU: Final = Paragraph(
    "If this was not you, set a new password now, and tell the people who run the service."
)
_IGNORE: Final = Paragraph("If you did not ask for this, ignore this message: nothing is changed.")
_CHANGES: Final[dict[SecurityChange, tuple[str, str]]] = {
    "password": ("Your password was changed", "The password of your account was changed"),
    "mfa_on": (
        "Two-step login was switched on",
        "A second step at login was set up for your account",
    ),
    "mfa_off": (
        "Two-step login was switched off",
        "The second step at login was removed from your account",
    ),
    "recovery_codes": (
        "Your recovery codes were replaced",
        "New recovery codes were made for your account, and the old ones are no longer good",
    ),
    "passkey_added": ("A passkey was added", "A passkey was added to your account"),
    "passkey_removed": ("A passkey was removed", "A passkey was removed from your account"),
    "session_reused": (
        "A session was ended for your safety",
        "A login of your account was used twice at once, as when it was copied; it was ended",
    ),
}
_ROLES: Final = {
    "patient": "a patient",
    "paramedic": "a paramedic",
    "doctor": "a doctor",
    "ops": "a dispatcher",
    "admin": "an administrator",
    "auditor": "an auditor",
}


def words_of(letter: Letter) -> Wording:
    match letter:
        case VerifyEmail(link=link, valid_s=valid_s):
            return _wording(
                "Confirm your e-mail address",
                "Somebody, probably you, made an account with this address.",
                Action("Confirm the address", link),
                _good_for(valid_s),
                _IGNORE,
            )
        case AccountExists(link=link):
            return _wording(
                "You already have an account",
                "Somebody, probably you, wanted to make an account with this address. "
                "There is one already.",
                Action("Log in", link),
                "If you do not know the password any more, you can set a new one there. "
                "If it was not you, there is nothing to do.",
            )
        case ResetPassword(link=link, valid_s=valid_s, address=address):
            origin = f" The request came from {_given(address)}." if address else ""
            return _wording(
                "Set a new password",
                f"Somebody, probably you, asked for a new password.{origin}",
                Action("Set a new password", link),
                _good_for(valid_s),
                _IGNORE,
            )
        case ConfirmNewEmail(link=link, valid_s=valid_s):
            return _wording(
                "Confirm your new e-mail address",
                "An account is to have this address from now on.",
                Action("Confirm the new address", link),
                _good_for(valid_s),
                _IGNORE,
            )
        case EmailChangeRequested(at=at):
            return _wording(
                "Your e-mail address is to be changed",
                f"On {_time(at)} another e-mail address was asked for your account. It changes "
                "once the new one is confirmed.",
                _NOT_YOU,
            )
        case EmailChanged(at=at, new_email=new_email):
            to = f" to {masked(new_email)}" if new_email else ""
            return _wording(
                "Your e-mail address was changed",
                f"On {_time(at)} the e-mail address of your account was changed{to}. "
                "This is the last message to the old one.",
                _NOT_YOU,
            )
        case StaffInvitation(role=role, link=link, valid_s=valid_s, invited_by=invited_by):
            by = f" by {_given(invited_by)}" if invited_by else ""
            return _wording(
                "You are invited to the staff",
                f"You were invited{by} to work with this service as {_role(role)}.",
                Action("Accept and choose a password", link),
                _good_for(valid_s),
                "If you do not expect this, ignore this message.",
            )
        case FamilyInvitation(link=link, valid_s=valid_s):
            return _wording(
                "Somebody asks you to act for them",
                "A member of this service, probably of your family, asks you to act for them: to "
                "see their record, and to call for help in their name.",
                Action("Log in and answer", link),
                f"The invitation can be accepted within {_duration(valid_s)}.",
                "If you do not know who this could be, decline it, or ignore this message: nothing "
                "is changed.",
            )
        case NewSignIn(at=at, address=address, device=device):
            origin = f" from {_given(address)}" if address else ""
            with_ = f" with: {_given(device)}" if device else ""
            return _wording(
                "New login to your account",
                f"On {_time(at)} somebody logged in to your account{origin}{with_}.",
                _NOT_YOU,
            )
        case SecurityChanged(change=change, at=at):
            subject, what = _CHANGES[change]
            return _wording(subject, f"{what} on {_time(at)}.", _NOT_YOU)
        case RecordOpened(at=at, role=role, link=link):
            return _wording(
                "Your record was opened",
                f"On {_time(at)} {_role(role)} opened your record as an emergency. The reason was "
                "written down, and each such access is reviewed.",
                Action("See who saw your record", link),
            )


def masked(email: str) -> str:
    """An address whose owner recognises it, and nobody else learns it from."""
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}…{at}{_given(domain)}"


def _wording(subject: str, *parts: str | Paragraph | Action) -> Wording:
    return Wording(
        subject, tuple(Paragraph(part) if isinstance(part, str) else part for part in parts)
    )


def _good_for(valid_s: float) -> str:
    return f"The link can be used once, within {_duration(valid_s)}."


def _duration(seconds: float) -> str:
    for unit, unit_s in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= unit_s:
            whole = int(seconds // unit_s)
            return f"{whole} {unit}{'' if whole == 1 else 's'}"
    return "a minute"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%-d %B %Y at %H:%M} UTC"


def _role(role: str) -> str:
    return _ROLES.get(role) or _given(role)


def _given(text: str) -> str:
    """One line of what somebody else wrote, and not too long a one."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _GIVEN_CHARACTERS else line[:_GIVEN_CHARACTERS] + "…"
