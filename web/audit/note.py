"""Free text in the trail: sealed under the key of the patient whom it is about, so that it goes
with that key, and under the service's own where it is about nobody."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from storage.audit.log import Line
from storage.encryption import SYSTEM, EncryptionError, Vault

log = logging.getLogger(__name__)

_CONTEXT: Final = b"audit.note"


async def sealed_note(vault: Vault, patient_id: str | None, text: str) -> bytes:
    """For `audited(note=…)`. Raises what `Vault.prepare` raises."""
    scope = patient_id or SYSTEM
    await vault.prepare([scope])
    return vault.seal(scope, text.encode(), _CONTEXT)


async def order_note(vault: Vault, patients: Sequence[str], text: str) -> bytes | None:
    """Why an order was given, for its line about `patients`, first of them the one whose matter it
    is. None: it cannot be sealed just now.

    No order is refused for that: its reason stands in the journal of what it was given to as well.
    """
    try:
        return await sealed_note(vault, _whose(patients), text)
    except EncryptionError as error:
        log.warning("the reason of an order is not in the audit trail: %s", error)
        return None


async def opened_notes(vault: Vault, lines: list[Line]) -> list[str | None]:
    """For each line what was written; None where there is nothing, or its key is gone."""
    scopes = [_scope(line) for line in lines]
    await vault.prepare({scope for scope, line in zip(scopes, lines, strict=True) if line.note})
    return [_opened(vault, scope, line) for scope, line in zip(scopes, lines, strict=True)]


def _scope(line: Line) -> str:
    return _whose(line.patients) or SYSTEM


def _whose(patients: Sequence[str]) -> str | None:
    """Whose key a line's note is under: the patient's whom the line names first. Others are those
    whom the answer showed as well."""
    return next(iter(patients), None)


def _opened(vault: Vault, scope: str, line: Line) -> str | None:
    if line.note is None:
        return None
    try:
        return vault.open(scope, line.note, _CONTEXT).decode()
    except EncryptionError:
        return None
