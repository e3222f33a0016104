"""Free text in the trail: sealed under the key of the patient whom it is about, so that it goes
with that key, and under the service's own where it is about nobody."""

from __future__ import annotations

from typing import Final

from storage.audit.log import Line
from storage.encryption import SYSTEM, EncryptionError, Vault

_CONTEXT: Final = b"audit.note"


async def sealed_note(vault: Vault, patient_id: str | None, text: str) -> bytes:
    """For `audited(note=…)`. Raises what `Vault.prepare` raises."""
    scope = patient_id or SYSTEM
    await vault.prepare([scope])
    return vault.seal(scope, text.encode(), _CONTEXT)


async def opened_notes(vault: Vault, lines: list[Line]) -> list[str | None]:
    """For each line what was written; None where there is nothing, or its key is gone."""
    scopes = [_scope(line) for line in lines]
    await vault.prepare({scope for scope, line in zip(scopes, lines, strict=True) if line.note})
    return [_opened(vault, scope, line) for scope, line in zip(scopes, lines, strict=True)]


def _scope(line: Line) -> str:
    return line.patients[0] if len(line.patients) == 1 else SYSTEM


def _opened(vault: Vault, scope: str, line: Line) -> str | None:
    if line.note is None:
        return None
    try:
        return vault.open(scope, line.note, _CONTEXT).decode()
    except EncryptionError:
        return None
