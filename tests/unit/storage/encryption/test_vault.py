"""The vault: keys by scope, in memory as long as they may be, and gone when they are destroyed."""

from __future__ import annotations

import asyncio

import pytest

from storage.encryption import (
    SYSTEM,
    BadSeal,
    Erased,
    KeyNotLoaded,
    KeysUnavailable,
    MasterKeys,
    UnknownMasterKey,
    Vault,
)
from storage.encryption.key_store_memory import MemoryKeyStore
from storage.encryption.rotation import rewrap_all
from tests.unit.storage.encryption.vaults import MASTER, OTHER, opened
from tests.waiting import until


async def test_processes_share_a_patients_key_and_no_others_opens_it() -> None:
    store = MemoryKeyStore()
    async with opened(store) as one, opened(store) as other:
        await one.prepare(["ann", "bob"])
        data = one.seal("ann", b"text", b"here")
        await other.prepare(["ann"])
        assert other.open("ann", data, b"here") == b"text"
        for scope in ("bob", SYSTEM):
            with pytest.raises(BadSeal):
                one.open(scope, data, b"here")
        with pytest.raises(KeyNotLoaded):
            other.open("bob", data, b"here")


async def test_two_that_meet_a_patient_at_once_make_one_key() -> None:
    store = MemoryKeyStore()
    async with opened(store) as one, opened(store) as other:
        await asyncio.gather(one.prepare(["ann"]), other.prepare(["ann"]))
        assert other.open("ann", one.seal("ann", b"text", b""), b"") == b"text"


async def test_keys_are_loaded_once_and_the_least_used_leave() -> None:
    store = MemoryKeyStore()
    async with opened(store, capacity=2) as vault:
        loads = store.loads
        await vault.prepare(["a", "b"])
        await vault.prepare(["a", "b"])
        assert store.loads == loads + 1
        await vault.prepare(["a"])
        await vault.prepare(["c"])
        assert [scope for scope in "abc" if vault.ready(scope)] == ["a", "c"]
        many = [str(n) for n in range(5)]
        await vault.prepare(many)  # more than fit: all of them are there for this turn
        assert all(map(vault.ready, many))


async def test_a_destroyed_key_opens_nothing_and_is_never_made_again() -> None:
    store = MemoryKeyStore()
    async with opened(store) as vault:
        await vault.prepare(["ann"])
        data = vault.seal("ann", b"text", b"")
        await vault.destroy("ann")
        await vault.destroy("ann")
        await vault.destroy("never seen")
        assert vault.erased("ann")
        with pytest.raises(Erased):
            vault.open("ann", data, b"")
        with pytest.raises(Erased):
            vault.seal("ann", b"more", b"")
    async with opened(store) as later:
        await later.prepare(["ann", "never seen"])
        assert later.erased("ann") and later.erased("never seen")
        with pytest.raises(ValueError, match="never erased"):
            await later.destroy(SYSTEM)


async def test_every_process_forgets_what_one_destroyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.encryption.vault.ERASURE_NOTICE_S", 0.001)
    store, told = MemoryKeyStore(), asyncio.Queue[str]()
    async with opened(store) as one, opened(store) as other:
        other.on_erased(told.put_nowait)
        await other.prepare(["ann"])
        store.down = True  # what is destroyed while it cannot ask is told afterwards
        asked = store.notices

        async def asked_again() -> bool:
            return store.notices > asked + 2

        await until(asked_again)
        store.down = False
        await one.destroy("ann")
        async with asyncio.timeout(10):
            assert await told.get() == "ann"
        assert other.erased("ann")


async def test_digests_are_keyed_and_outlive_the_master_key() -> None:
    store = MemoryKeyStore()
    async with opened(store) as vault, opened(MemoryKeyStore()) as elsewhere:
        found = vault.digest("phone", "+911")
        assert found == vault.digest("phone", "+911") and len(found) == 16
        others = {vault.digest("phone", "+912"), vault.digest("name", "+911")}
        assert found not in others | {elsewhere.digest("phone", "+911")}
    await rewrap_all(store, MasterKeys(OTHER, MASTER), lambda done, total: None)
    async with opened(store, OTHER) as vault:
        assert vault.digest("phone", "+911") == found


async def test_without_the_store_or_the_right_master_key_it_says_so() -> None:
    store = MemoryKeyStore()
    store.down = True
    with pytest.raises(KeysUnavailable):
        await Vault(store, MasterKeys(MASTER)).start()
    store.down = False
    async with opened(store) as vault:
        store.down = True
        with pytest.raises(KeysUnavailable):
            await vault.prepare(["ann"])
        vault.seal(SYSTEM, b"still", b"")
        store.down = False
    with pytest.raises(UnknownMasterKey, match=MasterKeys(MASTER).current):
        await Vault(store, MasterKeys(OTHER)).start()


async def test_a_key_moved_to_another_scopes_row_does_not_unwrap() -> None:
    store = MemoryKeyStore()
    async with opened(store) as vault:
        await vault.prepare(["ann", "bob"])
    ann, bob = store.rows["ann"], store.rows["bob"]
    store.rows["bob"] = type(bob)("bob", bob.id, ann.wrapped)
    async with opened(store) as vault:
        with pytest.raises(BadSeal):
            await vault.prepare(["bob"])


async def test_a_rotation_that_was_cut_off_is_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.encryption.rotation.PAGE", 2)
    store = MemoryKeyStore()
    patients = [str(n) for n in range(6)]
    async with opened(store) as vault:
        await vault.prepare(patients)
        data = {scope: vault.seal(scope, scope.encode(), b"") for scope in patients}
        await vault.destroy("5")

    def cut_off(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rewrap_all(store, MasterKeys(OTHER, MASTER), cut_off)
    async with opened(store, MASTER, OTHER) as between, opened(store, OTHER, MASTER) as also:
        for vault in (between, also):
            await vault.prepare(patients)
            assert vault.open("0", data["0"], b"") == b"0"
    seen: list[tuple[int, int]] = []
    rest = await rewrap_all(
        store, MasterKeys(OTHER, MASTER), lambda done, total: seen.append((done, total))
    )
    assert rest == 4 and seen == [(0, 4), (2, 4), (4, 4)]  # system and six, one destroyed, two done
    async with opened(store, OTHER) as vault:
        await vault.prepare(patients)
        assert all(vault.open(s, data[s], b"") == s.encode() for s in patients[:5])
        assert vault.erased("5")
