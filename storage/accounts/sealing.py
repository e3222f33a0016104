"""What of the accounts is sealed, and under which names: one place, so that what was sealed as one
thing can never be opened as another."""

from __future__ import annotations

from storage.encryption import SYSTEM, Vault


class Sealer:
    """Seals a field of a row: `field` and the row's id are bound to what is sealed."""

    def __init__(self, vault: Vault) -> None:
        """In the SYSTEM scope: it is needed before there is a patient, and for who is none."""
        self._vault = vault

    def seal(self, field: str, row_id: str, clear: bytes) -> bytes:
        return self._vault.seal(SYSTEM, clear, _context(field, row_id))

    def open(self, field: str, row_id: str, sealed: bytes) -> bytes:
        return self._vault.open(SYSTEM, sealed, _context(field, row_id))

    def seal_text(self, field: str, row_id: str, clear: str | None) -> bytes | None:
        return None if clear is None else self.seal(field, row_id, clear.encode())

    def open_text(self, field: str, row_id: str, sealed: bytes | None) -> str | None:
        return None if sealed is None else self.open(field, row_id, sealed).decode()

    def email_digest(self, email: str) -> bytes:
        """Of an address in its one form (web.accounts.address)."""
        return self._vault.digest("account.email", email)

    def link_digest(self, account_id: str, text: str) -> bytes:
        """What a link is counted under: of nobody else's links, so that the table does not tell
        which accounts share a network."""
        return self._vault.digest("account.link.counted", f"{account_id}:{text}")

    def recovery_digest(self, account_id: str, code: str) -> bytes:
        return self._vault.digest("account.recovery", f"{account_id}:{code}")

    def passkey_digest(self, credential_id: bytes) -> bytes:
        return self._vault.digest("account.passkey", credential_id.hex())

    def challenge_digest(self, text: str) -> bytes:
        """Proves that a challenge was given out by us, and for what."""
        return self._vault.digest("account.challenge", text)

    def device_digest(self, account_id: str, nonce: str) -> bytes:
        return self._vault.digest("account.device", f"{account_id}:{nonce}")

    def throttle_digest(self, kind: str, text: str) -> bytes:
        """Names a counter in Redis, where nothing may stand clear."""
        return self._vault.digest(f"throttle.{kind}", text)


def _context(field: str, row_id: str) -> bytes:
    return f"{field}:{row_id}".encode()
