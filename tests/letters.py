"""One letter of each kind, and mail read back as its receiver reads it."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Final

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
    SecurityChanged,
    StaffInvitation,
    VerifyEmail,
)

LINK: Final = "https://maxray.example/#verify=abc&more=1"
AT: Final = 1_800_000_000.0

LETTERS: Final[tuple[Letter, ...]] = (
    VerifyEmail(link=LINK, valid_s=86400),
    AccountExists(link=LINK),
    ResetPassword(link=LINK, valid_s=1800, address="203.0.113.7"),
    ConfirmNewEmail(link=LINK, valid_s=3600),
    EmailChangeRequested(at=AT),
    EmailChanged(at=AT, new_email="ravi@example.org"),
    StaffInvitation(role="doctor", link=LINK, valid_s=7 * 86400, invited_by="Asha Rao"),
    FamilyInvitation(link=LINK, valid_s=14 * 86400),
    NewSignIn(at=AT, address="203.0.113.7", device="Firefox on Linux"),
    SecurityChanged(change="mfa_off", at=AT),
    RecordOpened(at=AT, role="paramedic", link=LINK),
)


class PlainSealer:
    """The shape of a seal without its strength: what it seals is bound to its scope and context."""

    def seal(self, scope: str, plaintext: bytes, context: bytes) -> bytes:
        return scope.encode() + b"\0" + context + b"\0" + plaintext[::-1]

    def open(self, scope: str, sealed: bytes, context: bytes) -> bytes:
        head = scope.encode() + b"\0" + context + b"\0"
        if not sealed.startswith(head):
            raise ValueError("sealed for something else")
        return sealed[len(head) :][::-1]


def read(message: bytes) -> EmailMessage:
    found = message_from_bytes(message, policy=default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def letters(folder: Path) -> list[EmailMessage]:
    """What was written into a folder of mail, oldest first."""
    return [read(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content
