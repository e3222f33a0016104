"""Data keys in memory, by scope: seal, open, look up, erase.

Keys are loaded in batches (`prepare`, which awaits) and used without awaiting (`seal`, `open`), so
that a group commit or a fan-out pays microseconds a message. What is used least leaves. Erasure
destroys a key in PostgreSQL; every process asks there for what was destroyed and forgets it, within
ERASURE_NOTICE_S while PostgreSQL answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from storage.encryption.envelope import KEY_BYTES, Cipher
from storage.encryption.errors import Erased, KeyNotLoaded, KeysUnavailable
from storage.encryption.key_store import KeyStore, StoredKey
from storage.encryption.master_key import KeyWrapper

log = logging.getLogger(__name__)

SYSTEM: Final = "system"
"""The scope of what belongs to no patient. Patients' scopes are their ids, which are UUIDs."""

# How long another process may still open what was erased, against one small query by every process
# each time. Erasures come days after DELETE as a rule: two seconds more matter to nobody.
ERASURE_NOTICE_S: Final = 2.0
# Looked back over at each notice: clocks do not matter (PostgreSQL's is asked), but transactions
# become visible some time after the moment they name. Ended connections lengthen it.
_LOOK_BACK_S: Final = 60.0
# About a kilobyte each. A city's live emergencies are hundreds; a list of patients is a hundred.
CAPACITY: Final = 10_000
DIGEST_BYTES: Final = 16


class Vault:
    """See above. `start` before use, `close` at the end; for one event loop."""

    def __init__(self, store: KeyStore, wrapper: KeyWrapper, *, capacity: int = CAPACITY) -> None:
        self._store = store
        self._wrapper = wrapper
        self._capacity = capacity
        # By scope, least used first; None: its key was destroyed.
        self._ciphers: OrderedDict[str, Cipher | None] = OrderedDict()
        self._system: Cipher | None = None
        self._digest_key = b""
        self._watchers: list[Callable[[str], None]] = []
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the SYSTEM key, or make it, and begin to follow erasures.

        Raises KeysUnavailable, UnknownMasterKey.
        """
        while self._system is None:
            found = await self._load([SYSTEM])
            self._system = found.get(SYSTEM)
        self._digest_key = self._system.derive("look-ups")
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self._store.close()

    # ------------------------------------------------------------------ keys

    async def prepare(self, scopes: Iterable[str]) -> None:
        """After it these scopes' data may be sealed and opened, until the caller next awaits.

        Scopes without a key get one. Raises KeysUnavailable, UnknownMasterKey.
        """
        wanted = {scope for scope in scopes if scope != SYSTEM}
        while missing := [scope for scope in wanted if scope not in self._ciphers]:
            found = await self._load(missing)
            self._ciphers.update(found)
        for scope in wanted:
            self._ciphers.move_to_end(scope)
        while len(self._ciphers) > max(self._capacity, len(wanted)):
            self._ciphers.popitem(last=False)

    async def _load(self, scopes: list[str]) -> dict[str, Cipher | None]:
        stored = await self._store.load(scopes)
        known = {row.scope for row in stored}
        lacking = [scope for scope in scopes if scope not in known]
        if lacking:
            made = {
                scope: await self._wrapper.wrap(os.urandom(KEY_BYTES), scope.encode())
                for scope in lacking
            }
            stored += await self._store.make(made)
        return {row.scope: await self._cipher(row) for row in stored}

    async def _cipher(self, row: StoredKey) -> Cipher | None:
        if row.wrapped is None:
            return None
        return Cipher(row.id, await self._wrapper.unwrap(row.wrapped, row.scope.encode()))

    def _of(self, scope: str) -> Cipher:
        if scope == SYSTEM:
            cipher = self._system
        else:
            try:
                cipher = self._ciphers[scope]
            except KeyError:
                raise KeyNotLoaded("prepare() has not loaded this scope's data key") from None
            if cipher is None:
                raise Erased("this scope's data key was destroyed")
        if cipher is None:
            raise KeyNotLoaded("the vault was not started")
        return cipher

    # ------------------------------------------------------------------ data

    def seal(self, scope: str, plaintext: bytes, context: bytes) -> bytes:
        """Seal for this scope. `context`: what it is and of what, the same when it is opened.

        Raises KeyNotLoaded, Erased.
        """
        return self._of(scope).seal(plaintext, context)

    def seal_all(self, scope: str, texts: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """`seal` for many (plaintext, context) of one scope."""
        return self._of(scope).seal_all(texts)

    def open(self, scope: str, data: bytes, context: bytes) -> bytes:
        """What was sealed. Raises KeyNotLoaded, Erased, BadSeal."""
        return self._of(scope).open(data, context)

    def ready(self, scope: str) -> bool:
        """Whether seal and open would not raise KeyNotLoaded for this scope just now."""
        return scope == SYSTEM or scope in self._ciphers

    def erased(self, scope: str) -> bool:
        """Whether its key was destroyed, as far as this process knows. `prepare` first."""
        return scope in self._ciphers and self._ciphers[scope] is None

    def derive(self, scope: str, purpose: str) -> bytes:
        """32 bytes that follow from the scope's data key and die with it. As `seal`."""
        return self._of(scope).derive(purpose)

    def digest(self, kind: str, text: str) -> bytes:
        """A keyed hash to look a value up by: equal for equal texts of one kind, for nobody else.

        Who has the database alone cannot try values against it; it does show which rows share a
        value. Unchanged when master keys are.
        """
        if not self._digest_key:
            raise KeyNotLoaded("the vault was not started")
        message = kind.encode() + b"\0" + text.encode()
        return hmac.digest(self._digest_key, message, "sha256")[:DIGEST_BYTES]

    # ------------------------------------------------------------------ erasure

    async def destroy(self, scope: str) -> None:
        """Destroy the scope's data key for good: nothing sealed under it can be opened again.

        To repeat it does no harm. Raises KeysUnavailable; then it may have been done.
        """
        if scope == SYSTEM:
            raise ValueError("the SYSTEM scope is never erased")
        await self._store.destroy(scope)
        self._forget(scope)

    def on_erased(self, callback: Callable[[str], None]) -> None:
        """Have it called with each scope that is erased from now on, once, by whatever process."""
        self._watchers.append(callback)

    def _forget(self, scope: str) -> None:
        if self.erased(scope):
            return
        self._ciphers[scope] = None
        for callback in self._watchers:
            callback(scope)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while True:
            await asyncio.sleep(ERASURE_NOTICE_S)
            now = loop.time()
            try:
                scopes = await self._store.destroyed(now - asked + _LOOK_BACK_S)
            except KeysUnavailable as error:
                log.warning("erasures are not followed just now: %s", error)
                continue
            asked = now
            for scope in scopes:
                self._forget(scope)
