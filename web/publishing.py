"""Between the two halves that may not know each other: the shards' publisher on realtime's broker,
and realtime's history source on the shards' journal.

What leaves this process, for Redis, is sealed here, each publication once; a worker opens it once,
before fan-out (sealed_channels.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.kernel import Behaviour
from actors.ports import Journal, JournalError, Outgoing, PublisherUnavailable
from realtime.broker.broker import Publisher as BrokerPublisher
from realtime.errors import BrokerUnavailable, HistoryUnavailable
from realtime.maps.keyed import KeyedChange, KeyedWriter
from realtime.publication import HistorySlice, Publication
from storage.encryption import EncryptionError, Vault
from storage.encryption.document import Document, seal_all
from web.channels.maps import map_of
from web.sealed_channels import channel_context


class StreamPublisher:
    """`actors.ports.Publisher` on a realtime broker, and on `maps` for the channels that are maps;
    `epoch` is the journal's id. `vault` None: broker and maps are in this process, nothing is
    sealed."""

    def __init__(
        self,
        broker: BrokerPublisher,
        maps: KeyedWriter,
        epoch: str,
        vault: Vault | None = None,
    ) -> None:
        self._broker = broker
        self._maps = maps
        self._epoch = epoch
        self._vault = vault

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        changes: dict[tuple[str, str], KeyedChange] = {}
        publications: list[Publication] = []
        for one, data in zip(batch, await self._payloads(batch), strict=True):
            options = map_of(one.channel)
            if options is None:
                publications.append(self._publication(one, data))
            else:
                change = KeyedChange(one.channel, one.key, options.retention, data)
                changes[one.channel, one.key] = change  # the newest of each key is enough
        outcomes = await asyncio.gather(
            self._broker.publish(publications),
            self._maps.change(list(changes.values())),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BrokerUnavailable):
                raise PublisherUnavailable(str(outcome)) from outcome
            if isinstance(outcome, BaseException):
                raise outcome

    async def _payloads(self, batch: Sequence[Outgoing]) -> Sequence[bytes]:
        if self._vault is None:
            return [one.data for one in batch]
        documents = [Document(one.data, channel_context(one.channel), one.patient) for one in batch]
        try:
            return await seal_all(self._vault, documents)
        except EncryptionError as error:
            raise PublisherUnavailable(str(error)) from error

    def _publication(self, one: Outgoing, data: bytes) -> Publication:
        epoch = self._epoch if one.delivery == "fact" else ""
        return Publication(one.channel, data, one.offset, epoch, one.key, one.delivery)


class JournalHistory:
    """`realtime.ports.HistorySource` on the journal: what subscribers were told, as it was told."""

    def __init__(self, journal: Journal, epoch: str, kinds: Mapping[str, Behaviour[Any]]) -> None:
        self._journal = journal
        self._epoch = epoch
        # "device:" -> "paramedic": each kind's fact channel is a prefix and the entity's id.
        self._kinds = {
            behaviour.fact_channel(""): kind
            for kind, behaviour in kinds.items()
            if behaviour.fact_channel is not None
        }

    async def since(self, channel: str, offset: int, limit: int) -> HistorySlice:
        """The facts after `offset`. A channel without a journal behind it has none and top 0.

        Raises HistoryUnavailable while the journal is out of reach.
        """
        prefix, colon, entity = channel.partition(":")
        kind = self._kinds.get(prefix + colon)
        if kind is None:
            return HistorySlice((), 0, self._epoch)
        try:
            top, rows = await self._journal.history(f"{kind}:{entity}", offset, limit)
        except JournalError as error:
            raise HistoryUnavailable(str(error)) from error
        publications = tuple(
            Publication(channel, row.publication, row.version, self._epoch) for row in rows
        )
        return HistorySlice(publications, top, self._epoch)
