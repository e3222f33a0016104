"""The writing side of the Redis broker: all that a process without clients needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.broker.layout_redis import (
    encode_publication,
    latest_key,
    pubsub_channel,
    stream_key,
)
from realtime.broker.link_redis import Command, ConnectionLost, RedisLink, Script, Word
from realtime.broker.shards_redis import RedisShards, all_of
from realtime.publication import Publication
from realtime.settings import BrokerSettings

_PUBLISH_FACT = Script(__file__, "publish_fact.lua")

# What goes into one call of the script, during which Redis serves nobody else: about 1 ms.
_FACTS_A_CALL = 128
_BYTES_A_CALL = 256 * 1024


class RedisPublisher:
    """Connects when first used. `urls`: one, or several separated by commas (see sharding.py).

    With several, a batch is in order for each channel, and the parts of a batch whose Redis is
    there arrive although another is lost.
    """

    def __init__(self, urls: str, settings: BrokerSettings | None = None) -> None:
        self._settings = settings or BrokerSettings()
        self._shards = RedisShards(urls, self._settings)

    async def close(self) -> None:
        await self._shards.close()

    async def publish(self, batch: Sequence[Publication]) -> None:
        """See `broker.Publisher`."""
        parts = self._shards.split(batch, lambda one: one.channel)
        await all_of([self._publish(link, part) for link, part in parts.items()])

    async def _publish(self, link: RedisLink, batch: Sequence[Publication]) -> None:
        try:
            await link.ask_all(self._commands(batch))
        except ConnectionLost:
            # Once more, for the connection may have died with the last Redis. Facts and latest
            # values may be repeated; a signal that may have gone out must not.
            again = [one for one in batch if one.delivery in ("fact", "latest")]
            if again:
                await link.ask_all(self._commands(again))
            if len(again) < len(batch):
                raise

    def _commands(self, batch: Sequence[Publication]) -> list[Command]:
        prefix = self._settings.prefix
        commands: list[Command] = []
        newest: dict[tuple[str, str], Publication] = {}
        facts: list[Publication] = []
        for one in batch:
            if one.delivery == "fact":
                facts.append(one)
            elif one.delivery == "latest":
                newest.pop((one.channel, one.key), None)
                newest[one.channel, one.key] = one
            else:
                commands += self._fact_commands(facts)
                facts = []
                to = pubsub_channel(prefix, one.channel)
                commands.append(("PUBLISH", to, encode_publication(one)))
        return commands + self._fact_commands(facts) + self._latest_commands(newest)

    def _fact_commands(self, facts: Sequence[Publication]) -> list[Command]:
        """One call of the script for many facts: what a call costs is paid once."""
        prefix, settings = self._settings.prefix, self._settings
        # The first call of a batch carries the text, so that a restarted Redis knows it and no
        # batch is ever half refused for a script that is not loaded.
        call = _PUBLISH_FACT.introduce
        commands: list[Command] = []
        for chunk in _chunks([(one, encode_publication(one)) for one in facts]):
            arguments: list[Word] = [settings.history_size, settings.history_ttl_s]
            for one, blob in chunk:
                to = pubsub_channel(prefix, one.channel)
                arguments += (one.offset, one.epoch, blob, to)
            keys = [stream_key(prefix, one.channel) for one, _ in chunk]
            commands.append(call(keys, arguments))
            call = _PUBLISH_FACT.call
        return commands

    def _latest_commands(self, newest: dict[tuple[str, str], Publication]) -> list[Command]:
        prefix = self._settings.prefix
        values: dict[str, list[Word]] = {}
        messages: list[Command] = []
        for (channel, key), one in newest.items():
            blob = encode_publication(one)
            values.setdefault(channel, []).extend((key, blob))
            messages.append(("PUBLISH", pubsub_channel(prefix, channel), blob))
        stored: list[Command] = []
        for channel, fields in values.items():
            stored.append(("HSET", latest_key(prefix, channel), *fields))
            stored.append(("EXPIRE", latest_key(prefix, channel), self._settings.latest_ttl_s))
        # Stored first: a reader that sees the message would else read an older value.
        return stored + messages


def _chunks(
    facts: Sequence[tuple[Publication, bytes]],
) -> Iterator[Sequence[tuple[Publication, bytes]]]:
    start, size = 0, 0
    for at, (_, blob) in enumerate(facts):
        if at > start and (at - start == _FACTS_A_CALL or size + len(blob) > _BYTES_A_CALL):
            yield facts[start:at]
            start, size = at, 0
        size += len(blob)
    if start < len(facts):
        yield facts[start:]
