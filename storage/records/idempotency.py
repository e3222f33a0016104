"""Which command id created which resource, so that the same creation asked twice happens once.

The row is written in the transaction that creates the resource. It keeps the resource's id and a
fingerprint of the request, not the response: that would be a second copy of personal data, which
outlives the record it was taken from. A repeat is answered from the resource itself.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

from storage.encryption import Vault
from storage.records.errors import KeyReused
from storage.records.table import Idempotency


def fingerprint(command_id: str, body: bytes) -> bytes:
    """Tells a repeat from another request under the same id. Keyed, so that equal bodies of
    different commands do not look equal."""
    return blake2b(body, digest_size=16, key=command_id.encode()[:64]).digest()


def stored_print(vault: Vault, print_: bytes) -> bytes:
    """As it is stored: who has the database alone cannot try bodies against it."""
    return vault.digest("request", print_.hex())


async def claim(
    vault: Vault, command_id: str, print_: bytes, new_id: str, at: datetime
) -> str | None:
    """None: this command is the first, and creates `new_id`. Else the id of what it created.

    Call inside the creating transaction: of two at once the second waits here for the first's
    commit, and sees it. Raises KeyReused where the fingerprint is another.
    """
    first = await (
        Idempotency.insert(
            Idempotency(
                command_id=command_id,
                fingerprint=stored_print(vault, print_),
                resource_id=new_id,
                created_at=at,
            )
        )
        .on_conflict(target=Idempotency.command_id, action="DO NOTHING")
        .returning(Idempotency.command_id)
    )
    if first:
        return None
    known = await (
        Idempotency.select(Idempotency.fingerprint, Idempotency.resource_id)
        .where(Idempotency.command_id == command_id)
        .first()
    )
    # Pruned in between: then it is two days old, and nobody repeats it in good faith.
    # The second: as versions before encryption at rest stored it.
    prints = (stored_print(vault, print_), print_)
    if known is None or bytes(known["fingerprint"]) not in prints:
        raise KeyReused("this Idempotency-Key was used for another request; use a new one")
    return str(known["resource_id"])


async def prune(before: datetime) -> None:
    """Forget what was created before that time."""
    await Idempotency.delete().where(Idempotency.created_at < before)
