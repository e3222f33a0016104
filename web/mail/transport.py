"""The port through which messages leave."""

from __future__ import annotations

from typing import Protocol

from web.mail.message import Envelope

# A message that was not taken after this time was not taken; its sender may try again.
SEND_TIMEOUT_S = 60.0


class MailTransport(Protocol):
    async def send(self, envelope: Envelope) -> str:
        """Hand it over. What is answered is for the log: where it went, with nobody's address.

        Raises Refused or NotSent. After NotSent it may have arrived all the same: when the
        connection was lost between the message's last byte and the server's answer.
        """
        ...


class MailFault(Exception):
    """Base of the transport's errors. No message ever quotes an address or a server's words,
    which often quote one."""


class Refused(MailFault):
    """This message will never be taken, however often it is sent."""


class NotSent(MailFault):
    """Not now."""
