"""The key store's twin in memory: same contract, lost with the process. For pure tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storage.encryption.errors import KeysUnavailable
from storage.encryption.key_store import StoredKey
from storage.encryption.master_key import Wrapped


class MemoryKeyStore:
    """A table for as many vaults as share the object. `down = True` makes it unreachable.

    Time stands still in it: all that was ever destroyed was so just now.
    """

    def __init__(self) -> None:
        self.down = False
        self.rows: dict[str, StoredKey] = {}
        self.loads = 0
        self.notices = 0  # times that somebody asked what was destroyed

    def _reach(self) -> None:
        if self.down:
            raise KeysUnavailable("the key store is down")

    async def load(self, scopes: Sequence[str]) -> list[StoredKey]:
        self.loads += 1
        self._reach()
        return [self.rows[scope] for scope in scopes if scope in self.rows]

    async def make(self, keys: Mapping[str, Wrapped]) -> list[StoredKey]:
        self._reach()
        for scope, wrapped in keys.items():
            if scope not in self.rows:
                self.rows[scope] = StoredKey(scope, len(self.rows) + 1, wrapped)
        return [self.rows[scope] for scope in keys]

    async def destroy(self, scope: str) -> None:
        self._reach()
        id_ = self.rows[scope].id if scope in self.rows else len(self.rows) + 1
        self.rows[scope] = StoredKey(scope, id_, None)

    async def destroyed(self, within_s: float) -> list[str]:
        self.notices += 1
        self._reach()
        return [scope for scope, row in self.rows.items() if row.wrapped is None]

    async def count_others(self, master_id: str) -> int:
        return len(await self.others(master_id, 0, len(self.rows)))

    async def others(self, master_id: str, after: int, limit: int) -> list[StoredKey]:
        self._reach()
        rows = sorted(self.rows.values(), key=lambda row: row.id)
        return [
            row
            for row in rows
            if row.id > after and row.wrapped and row.wrapped.master_id != master_id
        ][:limit]

    async def rewrap(self, keys: Sequence[tuple[StoredKey, Wrapped]]) -> None:
        self._reach()
        for old, wrapped in keys:
            if self.rows[old.scope] == old:
                self.rows[old.scope] = StoredKey(old.scope, old.id, wrapped)

    async def close(self) -> None:
        return
