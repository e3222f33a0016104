"""The door of the mail: letters go in here, sealed, and out of the outbox by a deliverer."""

from __future__ import annotations

import secrets
from typing import Final, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from actors.domain.ids import uuid7
from actors.ports import Clock
from storage.encryption import SYSTEM
from storage.mail import MailOutbox, MailRow
from web.mail.letter import Letter, kind_of
from web.mail.message import Envelope, Sender, compose
from web.mail.request import KIND as REQUEST
from web.mail.request import packed

# For letters without a link that ends: what is older is no news.
KEPT_FOR_S: Final = 3 * 86400.0

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


class Sealer(Protocol):
    """What the outbox's contents are sealed with: storage.encryption.Vault.

    Mail goes under the system's key: an account is there before a patient's key is, and nothing
    stays in the outbox for long.
    """

    def seal(self, scope: str, plaintext: bytes, context: bytes) -> bytes: ...

    def open(self, scope: str, sealed: bytes, context: bytes) -> bytes: ...


class Mailer:
    """`sender`: as in a From header, `MaxRay <no-reply@example.org>`."""

    def __init__(self, outbox: MailOutbox, sealer: Sealer, sender: str, clock: Clock) -> None:
        self._outbox = outbox
        self._sealer = sealer
        self._sender = Sender.of(sender)
        self._clock = clock

    async def queue(self, to: str, letter: Letter, *, mail_id: UUID | None = None) -> UUID:
        """Have it sent: together with the transaction that is open in this context, or at once.

        `mail_id`: where a repeat is not to write twice, derived from what asks for the letter; the
        same id is sent once. Returns it. Raises AddressRefused, ValueError for a link that is no
        URL, and RecordsUnavailable.
        """
        row = self.prepare(to, letter, mail_id=mail_id)
        await self._outbox.queue(row)
        return row.id

    def prepare(self, to: str, letter: Letter, *, mail_id: UUID | None = None) -> MailRow:
        """The row that `queue` would write, for `storage.mail.put` in a transaction of its own.

        Raises AddressRefused, and ValueError for a link that is no URL.
        """
        now = self._clock.now()
        id_ = mail_id or self._new_id(now)
        envelope = compose(letter, self._sender, to, id_, now)
        content = _encoder.encode(envelope)
        return self._row(id_, kind_of(letter), content, now, getattr(letter, "valid_s", KEPT_FOR_S))

    async def ask(
        self, request: Struct, *, mail_id: UUID | None = None, valid_s: float = KEPT_FOR_S
    ) -> None:
        """Have the letters of this request written later (request.py): the same work for whatever
        it comes to. Durable, and once for one `mail_id`, as `queue`; after `valid_s` nobody wants
        it any more. Raises RecordsUnavailable.
        """
        now = self._clock.now()
        id_ = mail_id or self._new_id(now)
        await self._outbox.queue(self._row(id_, REQUEST, packed(request), now, valid_s))

    def _new_id(self, now: float) -> UUID:
        return UUID(uuid7(now, secrets.randbits(74)))

    def _row(self, id_: UUID, kind: str, content: bytes, now: float, valid_s: float) -> MailRow:
        return MailRow(
            id=id_,
            kind=kind,
            sealed=self._sealer.seal(SYSTEM, content, _context(id_)),
            created_at=now,
            expires_at=now + valid_s,
        )


def opened(row: MailRow, sealer: Sealer) -> Envelope:
    """The letter that a row holds. Raises what the sealer raises."""
    return _decoder.decode(opened_request(row, sealer))


def opened_request(row: MailRow, sealer: Sealer) -> bytes:
    """What a row holds that is no letter yet. Raises what the sealer raises."""
    return sealer.open(SYSTEM, row.sealed, _context(row.id))


def _context(id_: UUID) -> bytes:
    return f"mail:{id_}".encode()
