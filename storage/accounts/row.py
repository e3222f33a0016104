"""Rows of the accounts' tables, opened. Their repr names them by id: they end up in tracebacks."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

AccountRole = Literal["patient", "paramedic", "doctor", "ops", "admin", "auditor"]
AccountStatus = Literal["invited", "unverified", "active", "disabled"]
SessionStatus = Literal["challenged", "enrolling", "active", "ended"]
LinkPurpose = Literal["verify", "reset", "email", "invite"]


class _Row(Struct, frozen=True, kw_only=True):
    id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r})"


class AccountRow(_Row, frozen=True, kw_only=True):
    """`subject` "" until it is known. `password`: an argon2id hash. `totp`: a confirmed secret,
    `totp_offered` one that waits for its confirmation; both base32."""

    role: AccountRole
    subject: str
    status: AccountStatus
    email: str
    password: str | None
    totp: str | None
    totp_offered: str | None
    totp_offered_at: datetime | None
    totp_step: int
    created_at: datetime
    updated_at: datetime
    verified_at: datetime | None


class ClientInfo(Struct, frozen=True):
    """Where a session was opened from, and with what: a network address and a User-Agent."""

    address: str = ""
    device: str = ""


class SessionRow(_Row, frozen=True, kw_only=True):
    """`amr`: how its bearer was authenticated (RFC 8176). It ends at `idle_at` unless it is used,
    and at `expires_at` whatever happens."""

    account_id: str
    status: SessionStatus
    amr: tuple[str, ...]
    client: ClientInfo
    attempts: int
    created_at: datetime
    seen_at: datetime
    idle_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ended_why: str | None = None


class LinkRow(Struct, frozen=True, kw_only=True):
    """What a one-time link was sent for; `payload` is the purpose's own."""

    account_id: str
    purpose: LinkPurpose
    payload: bytes
    expires_at: datetime

    def __repr__(self) -> str:
        return f"LinkRow(account_id={self.account_id!r}, purpose={self.purpose!r})"


class LinksMade(Struct, frozen=True):
    """Of one account and purpose: how many there were lately, how many of these are counted under
    one name, and whether one of them can still be used for a while."""

    all: int
    alike: int
    live: bool


class RefreshRow(Struct, frozen=True, kw_only=True):
    """A refresh token, by what is kept of it. `used_at` None: it is the session's newest."""

    session_id: str
    used_at: datetime | None
    retry_key: bytes | None
    nonce: bytes | None


class SigningKeyRow(Struct, frozen=True, kw_only=True):
    """An Ed25519 key pair, raw, and when it signs and verifies (half-open intervals)."""

    kid: str
    private: bytes
    public: bytes
    created_at: datetime
    signs_from: datetime
    signs_until: datetime
    verifies_until: datetime

    def __repr__(self) -> str:
        return f"SigningKeyRow(kid={self.kid!r})"
