"""Channels through a broker that sees nothing clear."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.domain.privacy import ERASED
from actors.ports import Outgoing
from realtime.broker.broker_memory import MemoryBroker
from realtime.errors import BrokerUnavailable
from realtime.maps.keyed import KeyedChange, KeyedRetention
from realtime.maps.keyed_memory import MemoryKeyedStore
from realtime.publication import Append, HistorySlice, Publication, Retention
from storage.encryption import Vault
from storage.encryption.key_store_memory import MemoryKeyStore
from tests.unit.storage.encryption.vaults import opened
from tests.waiting import until
from web.publishing import StreamPublisher
from web.sealed_channels import SealedBroker, SealedMaps

DEVICE, KEPT = "device:u1", Retention(10, 60.0)


class Worker:
    """A web worker on the broker, with a vault of its own. `came`: what was delivered to it."""

    def __init__(self, broker: MemoryBroker, vault: Vault) -> None:
        self.sealed = SealedBroker(broker, vault)
        self.came: list[Publication] = []

    async def start(self) -> None:
        await self.sealed.start(self.came.append, lambda _: None)
        await self.sealed.subscribe(DEVICE)

    @property
    def texts(self) -> list[bytes]:
        return [one.data for one in self.came]


def about(patient: str, n: int) -> Outgoing:
    """The n-th fact to a device, with something of a patient's."""
    return Outgoing(DEVICE, f'{{"n":{n},"reason":"faint {n}"}}'.encode(), "fact", n, "", patient)


@pytest.fixture
def keys() -> MemoryKeyStore:
    return MemoryKeyStore()


@pytest.fixture
async def shard(keys: MemoryKeyStore) -> AsyncIterator[Vault]:
    async with opened(keys) as vault:
        yield vault


@pytest.fixture
async def worker(keys: MemoryKeyStore, broker: MemoryBroker) -> AsyncIterator[Worker]:
    async with opened(keys) as vault:
        worker = Worker(broker, vault)
        await worker.start()
        yield worker
        await worker.sealed.stop()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def publisher(broker: MemoryBroker, shard: Vault) -> StreamPublisher:
    return StreamPublisher(broker, MemoryKeyedStore(broker), "e", shard)


async def history(broker: MemoryBroker | SealedBroker) -> HistorySlice:
    found = await broker.history(DEVICE, 0, 10)
    assert found is not None
    return found


async def test_a_worker_gets_clear_what_the_broker_has_sealed(
    publisher: StreamPublisher, broker: MemoryBroker, worker: Worker
) -> None:
    await publisher.publish([about("ann", 1), about("bob", 2)])
    assert b"faint" not in b"".join(one.data for one in (await history(broker)).publications)
    both = [about("ann", 1).data, about("bob", 2).data]

    async def arrived() -> bool:
        return worker.texts == both

    await until(arrived)
    assert [one.data for one in (await history(worker.sealed)).publications] == both


async def test_while_a_key_is_fetched_what_comes_waits_in_its_order(
    publisher: StreamPublisher, shard: Vault, keys: MemoryKeyStore, worker: Worker
) -> None:
    await publisher.publish([about("ann", 1)])
    await until_came(worker, 1)
    await shard.prepare(["ann", "bob"])
    asked = keys.loads
    keys.down = True  # the worker cannot fetch bob's key now
    later = [about("bob", 2), Outgoing(DEVICE, b'{"n":3}', "fact", 3), about("ann", 4)]

    await publisher.publish(later)

    async def asked_for() -> bool:
        return keys.loads > asked

    await until(asked_for)
    assert len(worker.came) == 1
    keys.down = False
    await until_came(worker, 4)
    assert [one.offset for one in worker.came] == [1, 2, 3, 4]
    assert worker.texts[1:] == [one.data for one in later]


async def until_came(worker: Worker, count: int) -> None:
    async def there() -> bool:
        return len(worker.came) == count

    await until(there)


async def test_of_an_erased_patient_what_is_kept_shows_markers(
    publisher: StreamPublisher, shard: Vault, keys: MemoryKeyStore, broker: MemoryBroker
) -> None:
    await publisher.publish([about("ann", 1)])
    await shard.destroy("ann")
    async with opened(keys) as vault:
        (fact,) = (await history(SealedBroker(broker, vault))).publications
    assert fact.data == f'{{"n":1,"reason":"{ERASED}"}}'.encode()


async def test_what_is_not_ours_is_not_delivered(
    publisher: StreamPublisher, broker: MemoryBroker, worker: Worker
) -> None:
    await publisher.publish([Outgoing("device:u2", b'{"n":1}', "fact", 1)])
    elsewhere = await broker.history("device:u2", 0, 1)
    assert elsewhere is not None
    (moved,) = elsewhere.publications
    for data in (b'{"clear":1}', moved.data, b"\xe1" * 80):
        await broker.publish([Publication(DEVICE, data, 1, "e")])
        assert worker.came == []
        assert await worker.sealed.history(DEVICE, 0, 10) is None  # then the journal is asked


async def test_what_the_worker_itself_publishes_is_sealed_too(
    broker: MemoryBroker, worker: Worker
) -> None:
    sealed = worker.sealed
    await sealed.publish([Publication(DEVICE, b'"hello"', delivery="signal")])
    await sealed.publish([Publication(DEVICE, b"", delivery="join")])
    await until_came(worker, 2)
    assert worker.texts == [b'"hello"', b""]
    await sealed.publish([Publication("track:1", b"[1]", key="u", delivery="latest")])
    assert (await broker.latest("track:1"))["u"].data != b"[1]"
    assert (await sealed.latest("track:1"))["u"].data == b"[1]"
    await broker.publish([Publication("track:1", b"[2]", key="v", delivery="latest")])
    assert list(await sealed.latest("track:1")) == ["u"]

    await sealed.append(Append("chat:1", b'"hi"', KEPT))
    assert (await sealed.stream("chat:1", None, -1, KEPT)).publications[0].data == b'"hi"'
    await broker.append(Append("chat:1", b'"clear"', KEPT))
    with pytest.raises(BrokerUnavailable, match="not ours"):
        await sealed.stream("chat:1", None, -1, KEPT)


async def test_maps_are_sealed_and_removals_stay_empty(broker: MemoryBroker, shard: Vault) -> None:
    inner = MemoryKeyedStore(broker)
    maps, kept = SealedMaps(inner, shard), KeyedRetention()
    await maps.change([KeyedChange("fleet:n", key, kept, b'{"name":"U"}') for key in "ab"])
    await maps.change([KeyedChange("fleet:n", "a", kept, removed=True)])
    raw = await inner.changes("fleet:n", 0, 10)
    assert all(b"name" not in one.data for one in raw.changes)
    found = await maps.changes("fleet:n", 0, 10)
    assert [(one.key, one.data) for one in found.changes] == [("b", b'{"name":"U"}'), ("a", b"")]
    await inner.change([KeyedChange("fleet:n", "c", kept, b"clear")])
    assert [one.key for one in (await maps.changes("fleet:n", 0, 10)).changes] == ["b", "a"]
