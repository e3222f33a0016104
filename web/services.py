"""What the REST API is made of: built by the composition root, handed to `web.app.create_app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from actors.ports import Clock
from actors.router import Router
from config import Settings
from storage.journal_postgres import PostgresJournal
from storage.records import Records
from web.tokens import Principal


@dataclass(frozen=True, slots=True)
class Services:
    """All of them live as long as the worker; the composition root opens and closes them.

    `verify_token` raises web.tokens.TokenError. `health` names each part that the worker needs,
    with None where it is well, else what is wrong. `metrics`: Prometheus text exposition.
    `answer_timeout_s`: how long an entity may take before the caller is told that the outcome is
    unknown; most proxies give up after 10 s or later.
    """

    settings: Settings
    clock: Clock
    router: Router
    journal: PostgresJournal
    records: Records
    verify_token: Callable[[str], Principal]
    health: Callable[[], Awaitable[Mapping[str, str | None]]]
    metrics: Callable[[], Awaitable[bytes]]
    answer_timeout_s: float = 8.0
