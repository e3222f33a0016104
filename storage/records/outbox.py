"""Messages that records send to entities, in the transaction that changes the record.

The message goes into the runtime's outbox. So either both are there or neither, and from then on
it will reach its entity: brought at once by whoever wrote it (actors.courier), or else by the sweep
of the entity's shard, within about a second of that shard being up. Its id is derived from the
command's, so a repeat of the command writes no second message.
"""

from __future__ import annotations

from hashlib import blake2b

from actors.domain.kernel import Command, EntityRef, Sender
from actors.envelope import to_json
from actors.placement import slot_of
from actors.ports import OutboxRow
from storage.encryption import Vault
from storage.encryption.document import Document, seal_all
from storage.journal_sealed import message_context
from storage.records.table import Outbox


def message(to: EntityRef, command: Command, command_id: str, by: Sender, at: float) -> OutboxRow:
    """The row that tells `to`. `source` is on whose behalf, for the entity's audit."""
    seed = f"record\n{to}\n{command_id}".encode()
    return OutboxRow(
        id=blake2b(seed, digest_size=16).hexdigest(),
        source=f"{by.role}:{by.subject}",
        kind=to.kind,
        entity=to.id,
        slot=slot_of(to.kind, to.id),
        body=to_json(command),
        at=at,
        urgent=True,  # a registration is waited for, and there are few
    )


async def put(row: OutboxRow, vault: Vault) -> None:
    """Insert it, sealed as the journal seals messages; call inside the transaction.

    The vault holds the key of `row.patient`, where there is one.
    """
    (body,) = await seal_all(vault, [Document(row.body, message_context(row.id), row.patient)])
    await Outbox.insert(
        Outbox(
            id=row.id,
            source=row.source,
            kind=row.kind,
            entity=row.entity,
            slot=row.slot,
            body=body,
            at=row.at,
            urgent=row.urgent,
        )
    ).on_conflict(target=Outbox.id, action="DO NOTHING")
