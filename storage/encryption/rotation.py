"""Rotation of the master key: every data key is rewrapped, no data is touched.

Page by page and in any number of goes: what is done says so itself, by the id of the master key it
is wrapped under. Safe beside a running service, whose processes must know both master keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from storage.encryption.key_store import KeyStore
from storage.encryption.master_key import KeyWrapper

PAGE: Final = 500


async def rewrap_all(
    store: KeyStore, wrapper: KeyWrapper, progress: Callable[[int, int], None]
) -> int:
    """Wrap every data key under the wrapper's current master key; how many were not.

    `progress(done, total)` is called at the start and after each page. Raises KeysUnavailable,
    and UnknownMasterKey where a data key's master key is neither of those given.
    """
    current = wrapper.current
    total, done, last = await store.count_others(current), 0, 0
    progress(done, total)
    while page := await store.others(current, last, PAGE):
        pairs = []
        for row in page:
            assert row.wrapped is not None, "destroyed keys are left out"
            context = row.scope.encode()
            key = await wrapper.unwrap(row.wrapped, context)
            pairs.append((row, await wrapper.wrap(key, context)))
        await store.rewrap(pairs)
        last, done = page[-1].id, done + len(page)
        progress(done, max(total, done))
    return done
