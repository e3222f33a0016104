"""The port to where data keys are kept, wrapped.

A destroyed key's row stays without its key, so that its scope never gets another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from storage.encryption.master_key import Wrapped


class StoredKey(Struct, frozen=True):
    """A row. `wrapped` None: destroyed."""

    scope: str
    id: int
    wrapped: Wrapped | None


class KeyStore(Protocol):
    """All methods raise KeysUnavailable, after which what was to be written may be, or not."""

    async def load(self, scopes: Sequence[str]) -> list[StoredKey]:
        """Those that are there."""

    async def make(self, keys: Mapping[str, Wrapped]) -> list[StoredKey]:
        """Write those whose scopes have none. What stands there now: may lack a scope that
        another process is making at this moment."""

    async def destroy(self, scope: str) -> None:
        """Forget the key for good. A scope that has none yet is not to get one."""

    async def destroyed(self, within_s: float) -> list[str]:
        """Scopes whose keys were destroyed in the last so many seconds."""

    async def count_others(self, master_id: str) -> int:
        """Keys wrapped under another master key than that."""

    async def others(self, master_id: str, after: int, limit: int) -> list[StoredKey]:
        """Those, by ascending id above `after`."""

    async def rewrap(self, keys: Sequence[tuple[StoredKey, Wrapped]]) -> None:
        """Replace each one's wrapping, unless it was changed meanwhile."""

    async def close(self) -> None:
        """Let go of connections; a later call connects anew."""
