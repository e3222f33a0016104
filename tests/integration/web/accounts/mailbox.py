"""Letters that wait in the outbox, opened."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
from msgspec import Struct

from storage.encryption import Vault
from storage.mail import MailRow
from web.mail.mailer import opened, opened_request
from web.mail.request import KIND as REQUEST
from web.mail.request import LetterWriters

_LINK = re.compile(r"https?://\S+")


class Letter(Struct, frozen=True):
    kind: str
    text: str

    def token(self, purpose: str) -> str:
        """What the link in it carries for this purpose."""
        link = _LINK.search(self.text)
        assert link is not None, self.text
        return parse_qs(urlsplit(link[0]).fragment)[purpose][0]


class Mailbox:
    """Everybody's."""

    def __init__(self, database_url: str, vault: Vault, writers: LetterWriters) -> None:
        self._url = database_url
        self._vault = vault
        self._writers = writers

    async def letters(self, to: str) -> list[Letter]:
        """Oldest first, after those were written that had only been asked for. Nothing is sent or
        taken away here, so rows lie as they were written."""
        connection = await asyncpg.connect(self._url)
        # The clock may stand still and rows lie where there was room: transactions are numbered.
        try:
            await self._write(connection)
            rows = await connection.fetch(
                "SELECT id, kind, sealed, created_at, expires_at FROM mail "
                "WHERE state = 'queued' ORDER BY created_at, xmin::text::bigint, ctid"
            )
        finally:
            await connection.close()
        found = []
        for row in rows:
            envelope = opened(MailRow(**dict(row)), self._vault)
            if envelope.recipient == to:
                message = message_from_bytes(envelope.message, policy=default)
                part = message.get_body(("plain",))
                assert part is not None
                found.append(Letter(row["kind"], part.get_content()))
        return found

    async def _write(self, connection: asyncpg.Connection) -> None:
        asked = await connection.fetch(
            "SELECT id, kind, sealed, created_at, expires_at FROM mail "
            "WHERE state = 'queued' AND kind = $1 ORDER BY created_at, xmin::text::bigint, ctid",
            REQUEST,
        )
        for row in asked:
            request = opened_request(MailRow(**dict(row)), self._vault)
            await self._writers.write(request, row["id"])
            await connection.execute(
                "UPDATE mail SET state = 'sent', sealed = NULL, ended_at = created_at "
                "WHERE id = $1",
                row["id"],
            )

    async def kinds(self, to: str) -> list[str]:
        return [letter.kind for letter in await self.letters(to)]

    async def newest(self, to: str, kind: str) -> Letter:
        return next(one for one in reversed(await self.letters(to)) if one.kind == kind)


def somebody() -> str:
    """An address that nobody has used."""
    return f"p{uuid4().hex[:12]}@example.org"
