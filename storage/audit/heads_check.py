"""The heads themselves: read from the object store, held against each other and against their list
in PostgreSQL, and turned into what each chain is checked against."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from storage.audit import heads
from storage.audit.chain import Row, Source
from storage.audit.chain_check import Checkpoint
from storage.audit.finding import Finding
from storage.audit.heads import Heads, HeadStore

# A line waits for PostgreSQL in its writer's memory as long as it takes; but so long an outage is
# not passed over in silence.
LATE_S: Final = 3600.0


class KnownHeads:
    """The heads that were read. `findings`: what is wrong with them."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.count = 0
        self._times: list[float] = []
        self._numbers: list[int] = []
        self._points: dict[tuple[Source, str], list[Checkpoint]] = {}
        self._digests: dict[str, str] = {}

    def checkpoints(self, source: Source, writer: str) -> Sequence[Checkpoint]:
        """By rising number, hence by rising place."""
        return self._points.get((source, writer), ())

    @property
    def chains(self) -> Mapping[tuple[Source, str], Sequence[Checkpoint]]:
        return self._points

    def late(self, source: Source, row: Row) -> int:
        """The number of heads that were written well after the row's time without it; 0: none."""
        position = bisect_right(self._times, row.at + LATE_S)
        if position == len(self._times):
            return 0
        number = self._numbers[position]
        seen = [p.seq for p in self.checkpoints(source, row.writer) if p.number <= number]
        return 0 if seen and seen[-1] >= row.seq else number

    async def read(self, store: HeadStore, trail: str, since: float | None) -> None:
        """All heads of the trail, or those written at `since` (Unix seconds) or later."""
        prefix = heads.folder(trail)
        keys = await store.keys(prefix)
        if not keys and await store.keys(f"{heads.PREFIX}/"):
            self._find("the object store has heads of another trail and none of this one")
        expected, before = 1, heads.NO_DIGEST
        if since is not None:
            old = [key for key in keys if heads.time_in(key) < int(since)]
            keys = keys[len(old) :]
            expected = heads.number_in(old[-1]) + 1 if old else 1
            before = heads.digest(await store.get(old[-1])) if old else before
        for key in keys:
            body = await store.get(key)
            digest = heads.digest(body)
            self._digests[key] = digest
            found = self._decoded(key, body)
            if found is None:
                expected, before = heads.number_in(key) + 1, digest
                continue
            if found.number != expected:
                self._find(f"heads {expected} to {found.number - 1} are missing")
            elif found.prev != before:
                self._find(f"heads {found.number} do not follow those before: one was changed")
            expected, before = found.number + 1, digest
            self._take(found)

    def compare(self, listed: Mapping[str, str]) -> None:
        """With what PostgreSQL says was written: digest by key. For the same period."""
        for key, digest in listed.items():
            if key not in self._digests:
                self._find(f"heads {heads.number_in(key)} are gone from the object store")
            elif self._digests[key] != digest:
                self._find(f"heads {heads.number_in(key)} were changed in the object store")
        # One more than listed: their writer died before it could say so. More: the list was cut.
        unlisted = [heads.number_in(key) for key in self._digests if key not in listed]
        if len(unlisted) > 1:
            self._find(f"heads {unlisted[0]} to {unlisted[-1]} are gone from PostgreSQL's list")

    def _decoded(self, key: str, body: bytes) -> Heads | None:
        try:
            found = heads.decode(body)
        except msgspec.DecodeError:
            self._find(f"{key} cannot be read as heads")
            return None
        if heads.key_of(found) != key:
            self._find(f"{key} has the heads {found.number} in it")
        return found

    def _take(self, found: Heads) -> None:
        self.count += 1
        self._times.append(found.at)
        self._numbers.append(found.number)
        for source, chains in found.chains.items():
            for writer, head in chains.items():
                points = self._points.setdefault((source, writer), [])
                if points and points[-1].seq >= head.seq:
                    self._find(f"heads {found.number} have less of {writer} than heads before")
                    continue
                points.append(Checkpoint(found.number, head.seq, bytes.fromhex(head.hash)))

    def _find(self, says: str) -> None:
        self.findings.append(Finding(kind="heads", says=says))
