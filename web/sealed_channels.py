"""Channels whose payloads are sealed on their way through Redis and while they are kept there.

`SealedBroker` and `SealedMaps` stand between the realtime server, which knows only payloads, and
Redis. Each publication is opened once a worker, before it is fanned out. What cannot be opened is
no publication of ours: it is dropped, and a fact that is missed so is read from the journal.

The key of a patient who is named in a publication may have to be fetched first. What comes
meanwhile waits behind it, so the order stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence

from msgspec import structs

from realtime.broker.broker import Broker, Deliver, Reconnected
from realtime.errors import BrokerUnavailable
from realtime.maps.keyed import KeyedChange, KeyedOutcome, KeyedSlice, KeyedStore
from realtime.publication import Append, HistorySlice, Publication, Retention, StreamPosition
from storage.encryption import BadSeal, EncryptionError, KeysUnavailable, Vault
from storage.encryption.document import Document, Unwrapped, open_all, seal_all, unwrap
from storage.encryption.envelope import sealed

log = logging.getLogger(__name__)

# A key that cannot be fetched is asked for again after so long: soon beside an outage of
# PostgreSQL, seldom beside what it takes to answer. Facts are then read back anyway.
_RETRY_S = 0.2


def channel_context(channel: str) -> bytes:
    """The associated data of a payload: on another channel it cannot be opened."""
    return f"channel\n{channel}".encode()


class SealedBroker:
    """`realtime.broker.broker.Broker` on another one; see above."""

    def __init__(self, broker: Broker, vault: Vault) -> None:
        self._broker = broker
        self._vault = vault
        self._deliver: Deliver | None = None
        # Behind a publication whose patient's key is being fetched. None: its payload is empty.
        self._waiting: deque[tuple[Publication, Unwrapped | None]] = deque()
        self._fetching: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ in

    async def start(self, deliver: Deliver, reconnected: Reconnected) -> None:
        self._deliver = deliver
        await self._broker.start(self._receive, reconnected)

    async def stop(self) -> None:
        await self._broker.stop()
        self._deliver = None
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _receive(self, publication: Publication) -> None:
        try:
            unwrapped = _unwrapped(self._vault, publication)
        except BadSeal as error:
            log.error("dropped what came on a channel and is not ours: %s", error)
            return
        self._waiting.append((publication, unwrapped))
        if self._fetching is None and not self._pass_on():
            self._fetching = asyncio.create_task(self._fetch())

    def _pass_on(self) -> bool:
        """Deliver what can be opened now. False: the next one's key is not here."""
        while self._waiting:
            publication, unwrapped = self._waiting[0]
            if unwrapped is not None and not all(map(self._vault.ready, unwrapped.patients)):
                return False
            self._waiting.popleft()
            if unwrapped is not None:
                try:
                    data = unwrapped.open(self._vault).text
                except BadSeal as error:
                    log.error("dropped what came on a channel and is not ours: %s", error)
                    continue
                publication = structs.replace(publication, data=data)
            if self._deliver is not None:
                self._deliver(publication)
        return True

    async def _fetch(self) -> None:
        try:
            while not self._pass_on():
                wanted = self._waiting[0][1]
                assert wanted is not None
                try:
                    await self._vault.prepare(wanted.patients)
                except KeysUnavailable:
                    await asyncio.sleep(_RETRY_S)
                except EncryptionError as error:
                    log.error("dropped a publication: %s", error)
                    self._waiting.popleft()
        finally:
            self._fetching = None

    # ------------------------------------------------------------------ out

    async def publish(self, batch: Sequence[Publication]) -> None:
        await self._broker.publish(
            [
                structs.replace(one, data=data)
                for one, data in zip(batch, await self._seal(batch), strict=True)
            ]
        )

    async def append(self, append: Append) -> StreamPosition:
        (data,) = await self._seal([append])
        return await self._broker.append(structs.replace(append, data=data))

    async def _seal(self, batch: Sequence[Publication | Append]) -> list[bytes]:
        return await _sealed(self._vault, [(one.channel, one.data) for one in batch])

    # ------------------------------------------------------------------ what is kept

    async def stream(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool = False,
    ) -> HistorySlice:
        found = await self._broker.stream(channel, since, limit, retention, reverse)
        try:
            return await self._slice(found)
        except BadSeal as error:
            raise BrokerUnavailable(f"the stream of a channel is not ours: {error}") from error

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        found = await self._broker.history(channel, since, limit)
        if found is None:
            return None
        try:
            return await self._slice(found)
        except BadSeal as error:  # then the journal has it
            log.error("a channel's stream is not ours: %s", error)
            return None

    async def _slice(self, found: HistorySlice) -> HistorySlice:
        opened = await _opened(self._vault, found.publications)
        return structs.replace(found, publications=tuple(opened))

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        found = await self._broker.latest(channel)
        opened = await _readable(self._vault, list(found.values()))
        return {one.key: one for one in opened}

    async def clear(self, channel: str) -> None:
        await self._broker.clear(channel)

    async def top(self, channel: str) -> StreamPosition | None:
        return await self._broker.top(channel)

    async def subscribe(self, channel: str) -> None:
        await self._broker.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        await self._broker.unsubscribe(channel)


class SealedMaps:
    """`realtime.maps.keyed.KeyedStore` on another one; what is delivered comes by the broker."""

    def __init__(self, maps: KeyedStore, vault: Vault) -> None:
        self._maps = maps
        self._vault = vault

    async def change(self, batch: Sequence[KeyedChange]) -> list[KeyedOutcome]:
        payloads = await _sealed(self._vault, [(one.channel, one.data) for one in batch])
        return await self._maps.change(
            [structs.replace(one, data=data) for one, data in zip(batch, payloads, strict=True)]
        )

    async def changes(self, channel: str, since: int, limit: int) -> KeyedSlice:
        found = await self._maps.changes(channel, since, limit)
        opened = await _readable(self._vault, found.changes)
        return structs.replace(found, changes=tuple(opened))

    async def top(self, channel: str) -> StreamPosition | None:
        return await self._maps.top(channel)

    async def clear(self, channel: str) -> None:
        await self._maps.clear(channel)

    async def expire(self) -> int:
        return await self._maps.expire()


def _unwrapped(vault: Vault, publication: Publication) -> Unwrapped | None:
    """None: it has no payload (a removal, a join). Raises BadSeal, for clear text as well."""
    if not publication.data:
        return None
    if not sealed(publication.data):
        raise BadSeal("not sealed")
    return unwrap(vault, publication.data, channel_context(publication.channel))


async def _sealed(vault: Vault, payloads: Sequence[tuple[str, bytes]]) -> list[bytes]:
    documents = [Document(data, channel_context(channel)) for channel, data in payloads if data]
    try:
        texts = iter(await seal_all(vault, documents))
    except EncryptionError as error:
        raise BrokerUnavailable(str(error)) from error
    return [next(texts) if data else data for _, data in payloads]


async def _readable(vault: Vault, publications: Sequence[Publication]) -> list[Publication]:
    """Those that can be opened. The others are replaced by their keys' next values."""
    try:
        return await _opened(vault, publications)
    except BadSeal:
        return [one for each in publications for one in await _one(vault, each)]


async def _one(vault: Vault, publication: Publication) -> list[Publication]:
    try:
        return await _opened(vault, [publication])
    except BadSeal as error:
        log.error("passed over a value on a channel that is not ours: %s", error)
        return []


async def _opened(vault: Vault, publications: Sequence[Publication]) -> list[Publication]:
    """Raises BadSeal, BrokerUnavailable."""
    for one in publications:
        if one.data and not sealed(one.data):
            raise BadSeal("not sealed")
    payloads = [(one.data, channel_context(one.channel)) for one in publications if one.data]
    try:
        texts = iter(await open_all(vault, payloads))
    except KeysUnavailable as error:
        raise BrokerUnavailable(str(error)) from error
    return [
        structs.replace(one, data=next(texts).text) if one.data else one for one in publications
    ]
