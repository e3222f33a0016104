"""Maps in Redis: each change one step of a script, together with its publication.

Beside the keys of `layout_redis.py`, on the same Redis as the channel's pub/sub:

| key | what |
| --- | --- |
| `<prefix>:v:<channel>` | hash: `e` epoch, `o` newest offset, `f` floor, `r` removals kept |
| `<prefix>:k:<channel>` | hash: newest change of each key, removals too, as msgpack |
| `<prefix>:o:<channel>` | sorted set: keys by the offset of that change |
| `<prefix>:r:<channel>` | sorted set: removed keys by offset |
| `<prefix>:e:<channel>` | sorted set: keys by when they expire, in Unix ms of Redis' own clock |
| `<prefix>:expiring` | sorted set: the `k` keys of maps by when a key of theirs may expire |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.broker.epoch import new_epoch
from realtime.broker.layout_redis import decode_publication, encode_publication, pubsub_channel
from realtime.broker.link_redis import RedisLink, Script, Word
from realtime.broker.shards_redis import RedisShards
from realtime.errors import BrokerUnavailable
from realtime.maps.keyed import (
    KeyedChange,
    KeyedOutcome,
    KeyedRetention,
    KeyedSlice,
    beginning,
    change_publication,
)
from realtime.publication import Publication, StreamPosition
from realtime.settings import BrokerSettings

_CHANGE = Script(__file__, "keyed_change.lua")
_READ = Script(__file__, "keyed_read.lua")
_DUE = Script(__file__, "keyed_due.lua")
_CLEAR = Script(__file__, "keyed_clear.lua")

# What goes into one call of the script, during which Redis serves nobody else: about 2 ms.
_CHANGES_A_CALL = 128
_BYTES_A_CALL = 256 * 1024
_DUE_A_CALL = 500
_EMPTY_MAP_TTL_MS = 24 * 3600 * 1000
"""For a map that was asked for, or emptied, and never written: names cost nothing for ever."""

_FIELDS = Publication.__struct_fields__
assert _FIELDS[:4] == ("channel", "data", "offset", "epoch"), "_encode depends on the order"
_ARRAY_OF_ALL = bytes([0x90 | len(_FIELDS)])
"""msgpack's head of an array of up to 15 elements."""
_SOMEWHERE = StreamPosition(1, "-")


class RedisKeyedStore:
    """Connects when first used. `urls`: one, or several separated by commas, as the broker's."""

    def __init__(self, urls: str, settings: BrokerSettings | None = None) -> None:
        self._settings = settings or BrokerSettings()
        self._prefix = self._settings.prefix
        self._shards = RedisShards(urls, self._settings)

    async def close(self) -> None:
        await self._shards.close()

    async def change(self, batch: Sequence[KeyedChange]) -> list[KeyedOutcome]:
        parts = self._shards.split(list(enumerate(batch)), lambda one: one[1].channel)
        outcomes: dict[int, KeyedOutcome] = {}
        for link, part in parts.items():
            actions = [(one, "remove" if one.removed else "set") for _, one in part]
            found = await self._run(link, actions)
            outcomes.update(zip((at for at, _ in part), found, strict=True))
        return [outcomes[at] for at in range(len(batch))]

    async def changes(self, channel: str, since: int, limit: int) -> KeyedSlice:
        meta, changes, offsets, _, _ = self._keys(channel)
        top, epoch, floor, *found = await self._shards.of(channel).run(
            _READ, (meta, changes, offsets), since, limit, new_epoch(), _EMPTY_MAP_TTL_MS
        )
        return KeyedSlice(
            tuple(decode_publication(blob) for blob in found),
            StreamPosition(top, epoch.decode()),
            floor,
        )

    async def top(self, channel: str) -> StreamPosition | None:
        meta = self._keys(channel)[0]
        epoch, offset = await self._shards.of(channel).ask("HMGET", meta, "e", "o")
        return StreamPosition(int(offset), epoch.decode()) if epoch is not None else None

    async def clear(self, channel: str) -> None:
        epoch = new_epoch()
        await self._shards.of(channel).run(
            _CLEAR,
            self._keys(channel),
            epoch,
            encode_publication(beginning(channel, epoch)),
            pubsub_channel(self._prefix, channel),
            _EMPTY_MAP_TTL_MS,
        )

    async def expire(self) -> int:
        removed, lost = 0, None
        for link in self._shards.links:
            try:
                removed += await self._expire(link)
            except BrokerUnavailable as error:
                lost = error  # the others have their part all the same
        if lost is not None:
            raise lost
        return removed

    async def _expire(self, link: RedisLink) -> int:
        changes_prefix, expiries_prefix = f"{self._prefix}:k:", f"{self._prefix}:e:"
        found = await link.run(
            _DUE, (self._expiring,), _DUE_A_CALL, changes_prefix, expiries_prefix
        )
        due = [
            KeyedChange(name.decode()[len(changes_prefix) :], key.decode(), _ANY, removed=True)
            for name, key in zip(found[::2], found[1::2], strict=True)
        ]
        outcomes = await self._run(link, [(one, "expire") for one in due])
        return sum(one.applied for one in outcomes)

    async def _run(
        self, link: RedisLink, actions: Sequence[tuple[KeyedChange, str]]
    ) -> list[KeyedOutcome]:
        outcomes: list[KeyedOutcome] = []
        for chunk in _chunks(actions):
            keys = [self._expiring]
            arguments: list[Word] = []
            for change, action in chunk:
                keys += self._keys(change.channel)
                arguments += self._arguments(change, action)
            found = await link.run(_CHANGE, keys, *arguments)
            for offset, epoch, reason in zip(found[::3], found[1::3], found[2::3], strict=True):
                position = StreamPosition(offset, epoch.decode())
                outcomes.append(KeyedOutcome(position, reason.decode()))
        return outcomes

    def _arguments(self, change: KeyedChange, action: str) -> tuple[Word, ...]:
        retention = change.retention
        return (
            change.key,
            *_encode(change),
            pubsub_channel(self._prefix, change.channel),
            action,
            change.mode,
            int(change.refresh_ttl),
            _ms(retention.key_ttl_s),
            retention.removed_size,
            retention.max_keys,
            _ms(retention.meta_ttl_s),
            new_epoch(),
        )

    def _keys(self, channel: str) -> tuple[str, str, str, str, str]:
        return (
            f"{self._prefix}:v:{channel}",
            f"{self._prefix}:k:{channel}",
            f"{self._prefix}:o:{channel}",
            f"{self._prefix}:r:{channel}",
            f"{self._prefix}:e:{channel}",
        )

    @property
    def _expiring(self) -> str:
        return f"{self._prefix}:expiring"


_ANY = KeyedRetention()


def _encode(change: KeyedChange) -> tuple[bytes, bytes]:
    """The publication it becomes, encoded but for offset and epoch: what is before, what after."""
    publication = change_publication(change, _SOMEWHERE)
    head = encode_publication((publication.channel, publication.data))
    tail = encode_publication(tuple(getattr(publication, name) for name in _FIELDS[4:]))
    return _ARRAY_OF_ALL + head[1:], tail[1:]


def _chunks(
    actions: Sequence[tuple[KeyedChange, str]],
) -> Iterator[Sequence[tuple[KeyedChange, str]]]:
    start, size = 0, 0
    for at, (change, _) in enumerate(actions):
        if at > start and (
            at - start == _CHANGES_A_CALL or size + len(change.data) > _BYTES_A_CALL
        ):
            yield actions[start:at]
            start, size = at, 0
        size += len(change.data)
    if start < len(actions):
        yield actions[start:]


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000)) if seconds else 0
