"""What is called how in Redis, and how publications are written there. Works with Redis 6.2.

Every key ends with the channel's name as it is, in UTF-8; what stands before it, the prefix and a
kind, has one length for each kind, so no name can be taken for another, whatever is in it.

| key | what |
| --- | --- |
| `<prefix>:s:<channel>` | stream of published facts, ids `<offset>-0`, fields `e` (epoch), `p` |
| `<prefix>:a:<channel>` | stream of appended facts, ids `<offset>-0`, field `p` |
| `<prefix>:m:<channel>` | hash: `e` epoch and `o` newest offset of the appended stream |
| `<prefix>:i:<digest of the key>:<channel>` | position that an idempotency key got |
| `<prefix>:l:<channel>` | hash: newest `latest` publication by key |
| `<prefix>:p:<channel>` | hash: who is present, by client |
| `<prefix>:x:<channel>` | sorted set: when each client's presence ends, in Unix ms |
| `<prefix>:u:<channel>` | hash: how many clients of each user are present |

Pub/sub on `<prefix>:c:<channel>` and `<prefix>:control`. A publication, `p`, is a msgpack array.

Each channel lives wholly on one Redis (sharding.py). A Redis Cluster is not supported: one script
call serves many channels.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from realtime.publication import Append, Publication

encode_publication = msgspec.msgpack.Encoder().encode
decode_publication = msgspec.msgpack.Decoder(Publication).decode

_FIELDS = Publication.__struct_fields__
assert _FIELDS[:4] == ("channel", "data", "offset", "epoch"), "encode_append depends on the order"
_ARRAY_OF_ALL = bytes([0x90 | len(_FIELDS)])
"""msgpack's head of an array of up to 15 elements."""


def stream_key(prefix: str, channel: str) -> str:
    return f"{prefix}:s:{channel}"


def appended_key(prefix: str, channel: str) -> str:
    return f"{prefix}:a:{channel}"


def meta_key(prefix: str, channel: str) -> str:
    return f"{prefix}:m:{channel}"


def answer_key(prefix: str, channel: str, idempotency_key: str) -> str:
    digest = blake2b(idempotency_key.encode(), digest_size=16).hexdigest()
    return f"{prefix}:i:{digest}:{channel}"


def latest_key(prefix: str, channel: str) -> str:
    return f"{prefix}:l:{channel}"


def presence_keys(prefix: str, channel: str) -> tuple[str, str, str]:
    """Who, until when, and of which user."""
    return f"{prefix}:p:{channel}", f"{prefix}:x:{channel}", f"{prefix}:u:{channel}"


def pubsub_channel(prefix: str, channel: str) -> str:
    return f"{prefix}:c:{channel}"


def control_channel(prefix: str) -> str:
    return f"{prefix}:control"


def encode_append(append: Append, time_ms: int) -> tuple[bytes, bytes]:
    """The publication it becomes, encoded but for offset and epoch: what is before, what after."""
    head = encode_publication((append.channel, append.data))
    rest = Publication(
        "", b"", 1, "-", info=append.info, tags=append.tags, time=time_ms, whole=append.whole
    )
    tail = encode_publication(tuple(getattr(rest, name) for name in _FIELDS[4:]))
    return _ARRAY_OF_ALL + head[1:], tail[1:]
