"""B1's baseline: a Ray actor per doctor, each command a transaction of its own (fsync on)."""

from __future__ import annotations

import time

import asyncpg
import msgspec

from actors.domain.doctor.commands import GoOnDuty, Return, StepAway
from actors.domain.kernel import Command, Context
from actors.domain.registry import KINDS
from tests.benchmarks.stack import ADMIN, registration

DOCTOR = KINDS["doctor"]


class DoctorActor:
    """Holds one doctor's state; journals each event and stores each state before it answers."""

    def __init__(self, doctor: str, database_url: str) -> None:
        self._ref = f"doctor:{doctor}/{time.time_ns()}"
        self._url = database_url
        self._state = DOCTOR.initial(doctor)
        self._version = 0

    async def start(self) -> None:
        self._db = await asyncpg.connect(self._url)
        await self._handle(registration(0))
        await self._handle(GoOnDuty())

    async def toggle(self, turn: int) -> None:
        await self._handle(Return() if turn % 2 else StepAway())

    async def _handle(self, command: Command) -> None:
        now = time.time()
        decision = DOCTOR.decide(self._state, command, Context(now, ADMIN, str(now)))
        async with self._db.transaction():
            for event in decision.events:
                self._state = DOCTOR.apply(self._state, event)
                self._version += 1
                await self._db.execute(
                    "INSERT INTO journal (ref, version, slot, at, command_id, event) "
                    "VALUES ($1, $2, 0, $3, $4, $5)",
                    self._ref, self._version, now, str(now), msgspec.json.encode(event),
                )  # fmt: skip
            await self._db.execute(
                "INSERT INTO entity (ref, slot, version, snapshot) VALUES ($1, 0, $2, $3) "
                "ON CONFLICT (ref) DO UPDATE SET version = $2, snapshot = $3",
                self._ref, self._version, msgspec.json.encode(self._state),
            )  # fmt: skip
