"""The machine's spool for code in an event loop: one thread does what blocks, and records that come
while it writes leave together in its next write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from actors.domain.kernel import Role
from storage.encryption import BadSeal, LocalSealer
from storage.spool import Spool, Spooled, SpoolError, Standing, Summary, Waiting
from storage.spool.lock import FileLock
from web.emergencies.schemas import RaiseBody

R = TypeVar("R")

# The purpose that the spool's key is derived for.
PURPOSE: Final = "emergency spool"
# What the spool may add to the time of what can be done without it. It takes a fraction of a
# millisecond; a disk that hangs must hold up nothing else.
ANSWER_S: Final = 0.25
# In one write; they share its fsync.
BATCH: Final = 64


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sealed: who asked, for whom, and everything that was said."""

    role: Role
    subject: str
    patient_id: str
    body: RaiseBody


_call: Final = msgspec.json.Decoder(Call)


class SpoolStore:
    """Methods raise SpoolError as those of `Spool`. `executor`: must run one thing at a time."""

    def __init__(self, spool: Spool, sealer: LocalSealer, executor: Executor | None = None) -> None:
        self._spool = spool
        self._sealer = sealer
        # A thread of its own: the loop's common ones may all be waiting for what is away.
        self._executor = executor or ThreadPoolExecutor(1, "spool")
        self._gathered: list[tuple[Spooled, asyncio.Future[Waiting]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def _run(self, work: Callable[..., R], *arguments: object) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def replayer_lock(self) -> FileLock:
        """Whoever holds it replays."""
        return self._spool.replayer_lock()

    async def open(self) -> Summary:
        return await self._run(self._spool.open)

    async def close(self) -> None:
        """After what is being written."""
        await self._run(self._spool.close)
        self._executor.shutdown(wait=False)

    async def claim(
        self, command_id: str, fingerprint: bytes, emergency_id: str, patient_id: str, at: float
    ) -> Standing:
        arguments = (command_id, fingerprint, emergency_id, patient_id, at)
        return await self._run(self._spool.claim, *arguments)

    async def append(
        self, command_id: str, fingerprint: bytes, id_: str, at: float, call: Call
    ) -> Waiting:
        """What waits under this command now, durably. `id_`: of the emergency; `at`: when the call
        was taken."""
        sealed = self._sealer.seal(msgspec.json.encode(call), _context(id_, command_id))
        record = Spooled(command_id, fingerprint, id_, call.patient_id, at, sealed)
        answer: asyncio.Future[Waiting] = asyncio.get_running_loop().create_future()
        self._gathered.append((record, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered[:BATCH], self._gathered[BATCH:]
            answers: Sequence[Waiting | BaseException]
            try:
                answers = await self._run(self._spool.append, [record for record, _ in batch])
            except BaseException as error:  # also when cancelled: each caller is to be answered
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():  # its caller has gone; it is logged all the same
                    continue
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def call(self, spooled: Spooled) -> Call | None:
        """What was sealed; None where it cannot be opened, or is of another version."""
        context = _context(spooled.emergency_id, spooled.command_id)
        try:
            return _call.decode(self._sealer.open(spooled.sealed, context))
        except (BadSeal, msgspec.MsgspecError):
            return None

    async def waiting(self) -> tuple[Waiting, ...]:
        return await self._run(self._spool.waiting)

    async def find(self, emergency_id: str) -> Waiting | None:
        """None also where it cannot be told just now."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._run(self._spool.find, emergency_id)
        except (SpoolError, TimeoutError):
            return None

    async def spooled(self, waiting: Waiting) -> Spooled | None:
        return await self._run(self._spool.spooled, waiting)

    async def settle(self, waiting: Waiting) -> None:
        await self._run(self._spool.settle, waiting)

    async def bury(self, waiting: Waiting, reason: str, now: float) -> None:
        await self._run(self._spool.bury, waiting, reason, now)

    async def summary(self) -> Summary | None:
        """None where it cannot be told just now."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._run(self._spool.summary)
        except (SpoolError, TimeoutError):
            return None


def _context(emergency_id: str, command_id: str) -> bytes:
    """Whose the sealed bytes are: under another record's ids they do not open."""
    return f"spool\n{emergency_id}\n{command_id}".encode()
