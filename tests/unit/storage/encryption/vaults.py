"""Vaults on a key store in memory, as the tests of this folder open them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage.encryption import MasterKeys, Vault
from storage.encryption.key_store_memory import MemoryKeyStore

MASTER, OTHER = "m" * 32, "o" * 32


@asynccontextmanager
async def opened(store: MemoryKeyStore, *masters: str, capacity: int = 100) -> AsyncIterator[Vault]:
    """A process of its own, as far as keys go."""
    vault = Vault(store, MasterKeys(*(masters or (MASTER,))), capacity=capacity)
    await vault.start()
    try:
        yield vault
    finally:
        await vault.close()
