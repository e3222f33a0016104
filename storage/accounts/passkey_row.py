"""A passkey, opened. Its repr names it by id, as those of the accounts' other rows do."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class PasskeyRow(Struct, frozen=True, kw_only=True):
    """A credential of WebAuthn.

    `public_key` is a COSE key (RFC 9052). `synced`: copies of it may be on several devices.
    `sign_count`: the highest that its authenticator has shown; 0 where it does not count.
    `name` is its owner's word for it. `transports`: how browsers reach it, in WebAuthn's words.
    """

    id: str
    account_id: str
    credential_id: bytes
    public_key: bytes
    name: str
    transports: tuple[str, ...]
    synced: bool
    sign_count: int
    created_at: datetime
    used_at: datetime | None = None

    def __repr__(self) -> str:
        return f"PasskeyRow(id={self.id!r})"
