"""Which way out the settings name: a server, or this machine's folder of mail."""

from __future__ import annotations

from typing import Final

from config import Settings
from web.mail.message import Sender
from web.mail.transport import MailTransport
from web.mail.transport_folder import FolderTransport
from web.mail.transport_smtp import SmtpServer, SmtpTransport

FOLDER: Final = "mail"


def transport_of(settings: Settings) -> MailTransport:
    if settings.smtp_url is None:
        return FolderTransport(settings.data / FOLDER)
    # Servers want a name with dots, and a look-up of our own may take seconds or find none.
    return SmtpTransport(SmtpServer.of(settings.smtp_url), Sender.of(settings.mail_from).domain)
