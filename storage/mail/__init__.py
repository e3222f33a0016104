"""The outbox of e-mail: written in the transaction of what it tells of, emptied by senders.

The address and the message lie in it sealed; this package never opens them. Imported by web/mail
(what is written, and how it is sent), and by storage code that writes mail in a transaction of its
own (`put`).
"""

from storage.mail.outbox import Claimed, MailCounts, MailOutbox, MailRow
from storage.mail.outbox_postgres import PostgresMailOutbox, put, read_counts

__all__ = [
    "Claimed",
    "MailCounts",
    "MailOutbox",
    "MailRow",
    "PostgresMailOutbox",
    "put",
    "read_counts",
]
