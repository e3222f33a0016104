"""All records behind one connection pool."""

from __future__ import annotations

from datetime import datetime

from storage.encryption import Vault
from storage.records import idempotency, staff
from storage.records.database import Database
from storage.records.emergencies import Emergencies
from storage.records.patients import Patients


class Records:
    """Made by `open`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self.patients = Patients(database, vault)
        self.doctors = staff.doctors(database, vault)
        self.paramedics = staff.paramedics(database, vault)
        self.emergencies = Emergencies(database, vault)

    @classmethod
    async def open(cls, database_url: str, vault: Vault) -> Records:
        """On that database, sealed by a vault that was started and outlives them.

        Succeeds also while the database is out of reach; queries then say so.
        """
        database = Database(database_url)
        await database.open()
        return cls(database, vault)

    @property
    def database(self) -> Database:
        """For what is kept beside the records (storage/relationships), on the same connections."""
        return self._database

    async def prune(self, before: datetime) -> None:
        """Forget which command ids created what before that time. Raises RecordsUnavailable."""
        async with self._database.visit():
            await idempotency.prune(before)

    async def check(self) -> None:
        """Raises RecordsUnavailable unless records can be read now."""
        await self._database.check()

    async def close(self) -> None:
        """Drop the connections; what runs on them fails with RecordsUnavailable."""
        await self._database.close()
