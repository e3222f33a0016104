"""Judging a run: its journal is exported and given to the checker, amid it all and when it is over.

PostgreSQL may have been killed a moment ago, and its restart takes seconds; so whatever cannot be
read is tried again for a while, and what then still cannot be is a verdict like another.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from tests.acceptance.running import MAXRAY
from tests.integration.embedded.child import child, ended

CHECK: Final = ("-m", "tests.chaos.check_journal")
# How long it may take until the journal can be read, and from then on until what is still under
# way has been handled.
SETTLE_S: Final = 30.0
# A restart takes seconds; lost messages are swept up once a second.
_PAUSE_S: Final = 1.0
_CHECK_S: Final = 120.0
# The checker's status where something does not hold, and where there was no journal to read.
_BROKEN: Final = 1
_UNREAD: Final = 2
# The rule that a late command breaks, and a row of the checker's table: rule, checked, violations.
_LATE: Final = "acknowledged"
_ROW: Final = re.compile(r"^([a-z-]+) +\d+ +(\d+)  \S", re.MULTILINE)
# The last line of an export is shorter than this.
_END_BYTES: Final = 200

AMID: Final = "export amid it all"
EXPORT: Final = "export"
DATABASE: Final = "database"
SOURCES: Final = (AMID, EXPORT, DATABASE)

# The status a program ended with, and what it said.
Said = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on trying. The clock and the pause are others in tests."""

    limit_s: float = SETTLE_S
    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def last(
        self, attempt: Callable[[], Awaitable[Said]], *, again: Callable[[Said], bool]
    ) -> Said:
        """What the first attempt said that is not to be tried `again`, or the last in time."""
        deadline = self.now() + self.limit_s
        while True:
            said = await attempt()
            if not again(said) or self.now() >= deadline:
                return said
            await self.pause(_PAUSE_S)


class Judge:
    """Of one run. `data`: the service's folder; `folder`: the run's own, which takes exports.

    `order`: what the policy promises, as the checker takes it.
    """

    def __init__(
        self, data: Path, folder: Path, order: str, patience: Patience | None = None
    ) -> None:
        self._data = data
        self._folder = folder
        self._order = ("--order", order)
        self._patience = patience or Patience()

    async def amid(self, ledger: Path) -> Said:
        """What holds at every moment holds amid it all too: tasks are live then, claims held."""
        written = ledger.read_bytes()
        heard = self._folder / "ledger-midway.jsonl"
        heard.write_bytes(written[: written.rfind(b"\n") + 1])
        path = self._folder / "journal-midway.jsonl"

        async def attempt() -> Said:
            code, said = await self._exported(path)
            if code:
                return _not_exported(said)
            return await _check(str(path), "--ledger", str(heard), "--running", *self._order)

        return await self._patience.last(attempt, again=lambda said: unread(said) or late(said))

    async def afterwards(self, ledger: Path) -> Mapping[str, Said]:
        """Twice: of an export once no message is under way, and of the database itself, which no
        code of ours has touched."""
        words = ("--ledger", str(ledger), *self._order)
        path, (_, said) = await quiet_export(self._exported, self._folder, self._patience)
        export = _not_exported(said) if path is None else await _check(str(path), *words)
        secrets = self._data / "secrets"
        straight = (
            *("--database-file", str(secrets / "setting-database_url")),
            *("--master-key-file", str(secrets / "setting-master_key")),
        )
        database = await self._patience.last(lambda: _check(*straight, *words), again=unread)
        return {EXPORT: export, DATABASE: database}

    async def _exported(self, path: Path) -> Said:
        path.unlink(missing_ok=True)  # what an attempt before left is not overwritten
        where = ("--data", str(self._data), "--out", str(path))
        return await _program(*MAXRAY, "journal", "export", *where)


async def quiet_export(
    export: Callable[[Path], Awaitable[Said]], folder: Path, patience: Patience
) -> tuple[Path | None, Said]:
    """The journal once no message is under way; the last one that could be read, where that takes
    too long; None, and what the last attempt said, where none could."""
    found: list[Path] = []
    number = count(1)

    async def attempt() -> Said:
        path = folder / f"journal-{next(number)}.jsonl"
        code, said = await export(path)
        if code == 0:
            found.append(path)
        return code, said

    said = await patience.last(attempt, again=lambda said: said[0] != 0)
    if found and outbox(found[-1]) > 0:
        # What is under way has its whole time from when there was a journal to see it in.
        said = await patience.last(
            attempt, again=lambda said: said[0] != 0 or outbox(found[-1]) > 0
        )
    return (found[-1] if found else None), said


def outbox(path: Path) -> int:
    """How many messages were under way, by the last line of an export."""
    with path.open("rb") as file:
        file.seek(-min(_END_BYTES, path.stat().st_size), os.SEEK_END)
        last = file.read().decode().strip().rpartition("\n")[2]
    return int(json.loads(last)["end"]["outbox"])


def unread(said: Said) -> bool:
    """Whether the checker had no whole journal to read."""
    return said[0] == _UNREAD


def late(said: Said) -> bool:
    """Whether nothing but acknowledged commands is amiss, by the checker's table.

    A call that comes while PostgreSQL is away is acknowledged from a worker's own log, and in the
    journal some seconds after it is back. One that is lost never comes, however long one waits.
    """
    code, text = said
    broken = {rule for rule, violations in _ROW.findall(text) if int(violations)}
    return code == _BROKEN and broken == {_LATE}


def _not_exported(said: str) -> Said:
    return _UNREAD, f"the journal could not be exported:\n{said.strip()}"


async def _check(*words: str) -> Said:
    return await _program(*CHECK, *words)


async def _program(*words: str) -> Said:
    async with child(*words) as process:
        try:
            return await ended(process, _CHECK_S)
        except TimeoutError:
            return -1, f"{' '.join(words[:3])} was not over after {_CHECK_S:g} s"
