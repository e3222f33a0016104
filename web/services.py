"""What the REST API is made of: built by the composition root, handed to `web.app.create_app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from actors.ports import Clock
from actors.router import Router
from config import Settings
from storage.audit import AuditTrail
from storage.audit.log import AuditLog
from storage.encryption import Vault
from storage.journal_sealed import SealedJournal
from storage.records import Records
from web.access.live import LiveAccess
from web.accounts.service import Accounts
from web.mail.mailer import Mailer
from web.spool.store import SpoolStore
from web.tokens import Principal


@dataclass(frozen=True, slots=True)
class Services:
    """All of them live as long as the worker; the composition root opens and closes them.

    `verify_token` raises web.tokens.TokenError. `health` names each part that the worker needs,
    with None where it is well, else what is wrong. `metrics`: Prometheus text exposition.
    `live`: what changes of access do to open sockets.
    `answer_timeout_s`: how long an entity may take before the caller is told that the outcome is
    unknown; most proxies give up after 10 s or later. `spool`: takes emergencies while the other
    parts are away; without one they are refused then.
    """

    settings: Settings
    clock: Clock
    router: Router
    vault: Vault
    journal: SealedJournal
    records: Records
    mailer: Mailer
    audit: AuditTrail
    audit_log: AuditLog
    live: LiveAccess
    accounts: Accounts
    verify_token: Callable[[str], Principal]
    health: Callable[[], Awaitable[Mapping[str, str | None]]]
    metrics: Callable[[], Awaitable[bytes]]
    answer_timeout_s: float = 8.0
    spool: SpoolStore | None = None
