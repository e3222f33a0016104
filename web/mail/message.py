"""A letter as a message: RFC 5322, text and HTML beside each other (RFC 2046 §5.1.4).

Nothing that anybody gave gets into a header but the recipient's address, and that is checked to be
one address and nothing else: no line break ever becomes a header of its own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Final
from uuid import UUID

from msgspec import Struct

from web.mail.letter import Letter
from web.mail.render import as_html, as_text
from web.mail.wording import words_of

# RFC 5321 §4.5.3.1: a path is at most 256 with its brackets, what is before the @ 64.
MAX_ADDRESS: Final = 254
MAX_LOCAL: Final = 64
# RFC 5322 §3.2.3: atoms and dots. RFC 1123 §2.1: labels of a host's name.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


class AddressRefused(ValueError):
    """It is no single e-mail address. The message does not quote it."""


class Envelope(Struct, frozen=True, kw_only=True):
    """A message as a server is given it. `utf8`: the address is not ASCII (RFC 6531)."""

    id: UUID
    sender: str
    recipient: str
    message: bytes
    created_at: float
    utf8: bool = False


class Sender(Struct, frozen=True):
    """Who writes. `domain` is also the one of the messages' ids."""

    name: str
    address: str

    @classmethod
    def of(cls, text: str) -> Sender:
        """Of `Name <address>` or an address alone. Raises AddressRefused."""
        if not text.isprintable():
            raise AddressRefused("not an e-mail address")
        name, address = parseaddr(text)
        return cls(name, checked_address(address))

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def checked_address(text: str) -> str:
    """The address, its domain in ASCII. Raises AddressRefused for all but one plain address.

    A name, a comment, a quoted part, a list: all that some server might read in another way than
    another is refused. Characters beyond ASCII may stand in it (RFC 6531).
    """
    local, _, domain = text.rpartition("@")
    if len(text) > MAX_ADDRESS or len(local) > MAX_LOCAL or not text.isprintable():
        raise AddressRefused("not an e-mail address")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise AddressRefused("not an e-mail address") from None
    if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(ascii_domain)):
        raise AddressRefused("not an e-mail address")
    return f"{local}@{ascii_domain}"


def compose(letter: Letter, sender: Sender, to: str, id_: UUID, at: float) -> Envelope:
    """The message of a letter. The same arguments give the same bytes, whenever it is sent.

    Raises AddressRefused, and ValueError for a link that is none.
    """
    recipient = checked_address(to)
    utf8 = not recipient.isascii()
    words = words_of(letter)
    message = EmailMessage(policy=SMTPUTF8 if utf8 else SMTP)
    message["From"] = _mailbox(sender.address, sender.name)
    message["To"] = _mailbox(recipient)
    message["Subject"] = words.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(int(at), UTC))
    # The same with each attempt: where one attempt too many was made, receivers see it is a repeat.
    message["Message-ID"] = f"<{id_}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers, please
    message.set_content(as_text(words), cte="quoted-printable")
    message.add_alternative(as_html(words), subtype="html", cte="quoted-printable")
    message.set_boundary(f"={id_.hex}=")
    message["Content-Language"] = "en"
    return Envelope(
        id=id_,
        sender=sender.address,
        recipient=recipient,
        message=message.as_bytes(),
        created_at=at,
        utf8=utf8,
    )


def _mailbox(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, username=local, domain=domain)
