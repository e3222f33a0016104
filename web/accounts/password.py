"""Passwords: argon2id in threads of their own, so that no hash ever holds the event loop up."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from actors.errors import Busy

# Both cores may hash, and the event loop still gets its turn: the work releases the GIL.
THREADS: Final = 2
# Hashes that wait take memory and time; past this, who asks is told to come again.
WAITING: Final = 64

T = TypeVar("T")


class Cost(Struct, frozen=True):
    """What one hash takes (RFC 9106). The default, 32 MiB in three passes on one lane, takes about
    75 ms of one core here, and is above what OWASP asks for (19 MiB in two passes)."""

    memory_kib: int = 32 * 1024
    passes: int = 3
    lanes: int = 1


class Passwords:
    """Makes and checks hashes. `close` when done. `computed` counts the hashes it computed."""

    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            type=Type.ID,
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self.computed = 0
        self._counting = Lock()
        # Of nobody's password: checked against where there is none, so that it takes as long.
        self._nobody = self._hasher.hash("nobody")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Raises Busy."""
        return await self._run(lambda: self._hashed(_normal(password)))

    async def verify(self, known: str | None, password: str) -> bool:
        """Whether it is the password that was hashed; None: no, after the same work. Raises Busy.

        A hash of other parameters takes its own time until its owner has logged in once.
        """
        right = await self._run(lambda: self._matches(known or self._nobody, _normal(password)))
        return right and known is not None

    def outdated(self, known: str) -> bool:
        """Whether it was hashed with other parameters than those of today."""
        return self._hasher.check_needs_rehash(known)

    async def aside(self, work: Callable[[], T]) -> T:
        """Other slow work on passwords, in the same threads. Raises Busy."""
        return await self._run(work)

    def _hashed(self, password: str) -> str:
        self._count()
        return self._hasher.hash(password)

    def _matches(self, known: str, password: str) -> bool:
        self._count()
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    def _count(self) -> None:
        with self._counting:
            self.computed += 1

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Busy("too many passwords wait to be hashed")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    # The same letters may come composed or decomposed, by keyboard and system (NIST SP 800-63B).
    return unicodedata.normalize("NFKC", password)
