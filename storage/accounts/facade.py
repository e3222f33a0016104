"""All of the accounts' tables, and what is done to several of them as one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar

from storage.accounts.accounts import Accounts
from storage.accounts.keys import SigningKeys
from storage.accounts.passkeys import Passkeys
from storage.accounts.sealing import Sealer
from storage.accounts.sessions import Sessions
from storage.encryption import Vault
from storage.records.database import Database


class AccountStore:
    """On the records' database: what an account needs of both is one transaction."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self.sealer = Sealer(vault)
        self.accounts = Accounts(database, self.sealer)
        self.sessions = Sessions(database, self.sealer, self._session_ended)
        self._on_ended: list[Callable[[str], None]] = []
        self._ended: ContextVar[list[str] | None] = ContextVar("ended", default=None)
        self.passkeys = Passkeys(database, self.sealer)
        self.keys = SigningKeys(database, self.sealer)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What is asked of the parts inside is done as one; a letter queued inside goes with it.

        Never nested. Raises RecordsUnavailable.
        """
        ended: list[str] = []
        token = self._ended.set(ended)
        try:
            async with self._database.transaction():
                yield
        finally:
            self._ended.reset(token)
        self._tell(ended)

    # What this process ends it knows at once: its own notice from PostgreSQL (endings.py) comes
    # after the answer, and a logout must hold for whatever is asked next.

    def on_session_ended(self, watcher: Callable[[str], None]) -> None:
        """Have it called with the id of each session that is ended through this store, once that is
        committed and before whoever did it goes on. It must not block."""
        self._on_ended.append(watcher)

    def _session_ended(self, ids: tuple[str, ...]) -> None:
        pending = self._ended.get()
        if pending is None:
            self._tell(ids)
        else:
            pending.extend(ids)

    def _tell(self, ids: Sequence[str]) -> None:
        for session_id in ids:
            for watcher in self._on_ended:
                watcher(session_id)
