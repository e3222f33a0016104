"""The Redises that channels are spread over, for commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from realtime.broker.link_redis import RedisLink
from realtime.broker.sharding import shard_of, split_urls
from realtime.errors import BrokerUnavailable
from realtime.settings import BrokerSettings

T = TypeVar("T")


class RedisShards:
    """`urls`: one URL, or several separated by commas; see sharding.py about their order."""

    def __init__(self, urls: str, settings: BrokerSettings) -> None:
        self.links = [RedisLink(url, settings) for url in split_urls(urls)]

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self.links))

    def of(self, channel: str) -> RedisLink:
        """The Redis of a channel."""
        return self.links[shard_of(channel, len(self.links))]

    def split(
        self, batch: Sequence[T], channel_of: Callable[[T], str]
    ) -> Mapping[RedisLink, Sequence[T]]:
        """What of a batch goes where, in its order."""
        if len(self.links) == 1:
            return {self.links[0]: batch} if batch else {}
        parts: dict[RedisLink, list[T]] = {}
        for one in batch:
            parts.setdefault(self.of(channel_of(one)), []).append(one)
        return parts

    async def check(self) -> None:
        """Whether all answer. Raises BrokerUnavailable."""
        await all_of([link.ask("PING") for link in self.links])


async def all_of(parts: Sequence[Awaitable[object]]) -> None:
    """Wait for all; what is lost of one Redis does not keep the others from their part.

    Raises BrokerUnavailable afterwards, where one did.
    """
    if len(parts) == 1:
        await parts[0]
        return
    outcomes = await asyncio.gather(*parts, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if not isinstance(failure, BrokerUnavailable):
            raise failure
    if failures:
        lost = "; ".join(sorted({str(failure) for failure in failures}))
        raise BrokerUnavailable(f"{len(failures)} of {len(parts)} Redises: {lost}")
