"""All records behind one connection pool."""

from __future__ import annotations

from datetime import datetime

from storage.records import idempotency, staff
from storage.records.database import Database
from storage.records.emergencies import Emergencies
from storage.records.patients import Patients


class Records:
    """Made by `open`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.patients = Patients(database)
        self.doctors = staff.doctors(database)
        self.paramedics = staff.paramedics(database)
        self.emergencies = Emergencies(database)

    @classmethod
    async def open(cls, database_url: str) -> Records:
        """On that database. Succeeds also while it is out of reach; queries then say so."""
        database = Database(database_url)
        await database.open()
        return cls(database)

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
