"""All of the accounts' tables, and what is done to several of them as one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
        self.sessions = Sessions(database, self.sealer)
        self.passkeys = Passkeys(database, self.sealer)
        self.keys = SigningKeys(database, self.sealer)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What is asked of the parts inside is done as one; a letter queued inside goes with it.

        Never nested. Raises RecordsUnavailable.
        """
        async with self._database.transaction():
            yield
