"""The writing side of the Redis broker, and the layout of what it writes.

Keys, under the settings' prefix: `<prefix>:s:<channel>` the stream of facts, ids `<offset>-0`,
fields `e` (epoch) and `p` (the publication as msgpack); `<prefix>:l:<channel>` a hash of the
latest value by key; pub/sub on `<prefix>:c:<channel>`. Works with Redis 6.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from realtime.errors import BrokerUnavailable
from realtime.publication import Publication
from realtime.settings import BrokerSettings

encode_publication = msgspec.msgpack.Encoder().encode
decode_publication = msgspec.msgpack.Decoder(Publication).decode

_PUBLISH_FACT = Path(__file__).with_name("publish_fact.lua").read_text(encoding="utf-8")
_PUBLISH_FACT_SHA = hashlib.sha1(_PUBLISH_FACT.encode(), usedforsecurity=False).hexdigest()

# Facts in one call of the script, during which Redis serves nobody else: about 1 ms.
_FACTS_A_CALL = 128


def connect(url: str, settings: BrokerSettings) -> Redis:
    """A client that neither connects now nor retries by itself (we know what may be repeated).

    RESP2, so that pub/sub messages are plain arrays.
    """
    return Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=settings.connect_timeout_s,
        socket_timeout=settings.command_timeout_s,
    )


def stream_key(prefix: str, channel: str) -> str:
    return f"{prefix}:s:{channel}"


def latest_key(prefix: str, channel: str) -> str:
    return f"{prefix}:l:{channel}"


def pubsub_channel(prefix: str, channel: str) -> str:
    return f"{prefix}:c:{channel}"


class RedisPublisher:
    """Connects when first used. Safe to use from many tasks of one event loop."""

    def __init__(self, url: str, settings: BrokerSettings | None = None) -> None:
        self._settings = settings or BrokerSettings()
        self._redis = connect(url, self._settings)

    async def close(self) -> None:
        await self._redis.aclose()

    async def publish(self, batch: Sequence[Publication]) -> None:
        """See `broker.Publisher`."""
        if not batch:
            return
        try:
            await self._send(self._commands(batch))
        except (RedisConnectionError, RedisTimeoutError, OSError):
            # Once more, for a pooled connection may have died with the last Redis. Facts and
            # latest values may be repeated; a signal that may have gone out must not.
            again = [one for one in batch if one.delivery != "signal"]
            if not again:
                raise BrokerUnavailable("a signal could not be sent") from None
            try:
                await self._send(self._commands(again))
            except (RedisError, OSError) as error:
                raise BrokerUnavailable(str(error)) from error
        except RedisError as error:
            raise BrokerUnavailable(str(error)) from error

    async def _send(self, commands: list[tuple[Any, ...]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        await pipeline.execute()

    def _commands(self, batch: Sequence[Publication]) -> list[tuple[Any, ...]]:
        prefix = self._settings.prefix
        commands: list[tuple[Any, ...]] = []
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

    def _fact_commands(self, facts: Sequence[Publication]) -> list[tuple[Any, ...]]:
        """One call of the script for many facts: what a call costs is paid once."""
        prefix, settings = self._settings.prefix, self._settings
        # The first call of a batch carries the text, so that a restarted Redis knows it and no
        # batch is ever half refused for a script that is not loaded.
        script: tuple[str, str] = ("EVAL", _PUBLISH_FACT)
        commands: list[tuple[Any, ...]] = []
        for start in range(0, len(facts), _FACTS_A_CALL):
            chunk = facts[start : start + _FACTS_A_CALL]
            arguments: list[str | int | bytes] = []
            for one in chunk:
                arguments += (
                    one.offset,
                    one.epoch,
                    encode_publication(one),
                    pubsub_channel(prefix, one.channel),
                )
            keys = [stream_key(prefix, one.channel) for one in chunk]
            limits = (settings.history_size, settings.history_ttl_s)
            commands.append((*script, len(keys), *keys, *limits, *arguments))
            script = ("EVALSHA", _PUBLISH_FACT_SHA)
        return commands

    def _latest_commands(self, newest: dict[tuple[str, str], Publication]) -> list[tuple[Any, ...]]:
        prefix = self._settings.prefix
        values: dict[str, list[str | bytes]] = {}
        messages: list[tuple[Any, ...]] = []
        for (channel, key), one in newest.items():
            blob = encode_publication(one)
            values.setdefault(channel, []).extend((key, blob))
            messages.append(("PUBLISH", pubsub_channel(prefix, channel), blob))
        stored: list[tuple[Any, ...]] = []
        for channel, fields in values.items():
            stored.append(("HSET", latest_key(prefix, channel), *fields))
            stored.append(("EXPIRE", latest_key(prefix, channel), self._settings.latest_ttl_s))
        # Stored first: a reader that sees the message would else read an older value.
        return stored + messages
