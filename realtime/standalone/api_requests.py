"""The requests of the server API as types, in the words of Centrifugo v6's; what is not given has
its default. What each does: `api_methods.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Raw, Struct

from realtime.maps.keyed import ChangeMode
from realtime.standalone.tokens import Override

NO_DATA: Final = Raw(b"")


class Publish(Struct, frozen=True):
    """`data` is JSON, `b64data` any bytes as base64: one of the two."""

    channel: str = ""
    data: Raw = NO_DATA
    b64data: str = ""
    skip_history: bool = False
    tags: dict[str, str] = {}
    idempotency_key: str = ""
    delta: bool = False


class Broadcast(Struct, frozen=True):
    """The same to many channels."""

    channels: tuple[str, ...] = ()
    data: Raw = NO_DATA
    b64data: str = ""
    skip_history: bool = False
    tags: dict[str, str] = {}
    idempotency_key: str = ""
    delta: bool = False


class Since(Struct, frozen=True):
    offset: int = 0
    epoch: str = ""


class Subscribe(Struct, frozen=True):
    user: str = ""
    channel: str = ""
    info: Raw = NO_DATA
    b64info: str = ""
    client: str = ""
    session: str = ""
    data: Raw = NO_DATA
    b64data: str = ""
    recover_since: Since | None = None
    override: Override = Override()


class Unsubscribe(Struct, frozen=True):
    user: str = ""
    channel: str = ""
    client: str = ""
    session: str = ""


class Ending(Struct, frozen=True):
    code: int = 0
    reason: str = ""


class Disconnect(Struct, frozen=True):
    user: str = ""
    client: str = ""
    session: str = ""
    whitelist: tuple[str, ...] = ()
    disconnect: Ending | None = None


class Refresh(Struct, frozen=True):
    user: str = ""
    client: str = ""
    session: str = ""
    expired: bool = False
    expire_at: float = 0


class OfChannel(Struct, frozen=True):
    """presence, presence_stats and history_remove name a channel and nothing more."""

    channel: str = ""


class History(Struct, frozen=True):
    """`limit` 0: the position alone; negative: all that is kept."""

    channel: str = ""
    limit: int = 0
    since: Since | None = None
    reverse: bool = False


class MapPublish(Struct, frozen=True):
    """`key_mode`: "if_new" and "if_exists" make the change only then."""

    channel: str = ""
    key: str = ""
    data: Raw = NO_DATA
    b64data: str = ""
    tags: dict[str, str] = {}
    score: int = 0
    key_mode: ChangeMode = ""
    delta: bool = False


class MapRemove(Struct, frozen=True):
    channel: str = ""
    key: str = ""


class OfPattern(Struct, frozen=True):
    """channels: those whose names match a glob pattern."""

    pattern: str = ""


class Info(Struct, frozen=True):
    """Nothing to say."""


METHODS: Final[Mapping[str, type[Struct]]] = {
    "publish": Publish,
    "broadcast": Broadcast,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "disconnect": Disconnect,
    "refresh": Refresh,
    "presence": OfChannel,
    "presence_stats": OfChannel,
    "history": History,
    "history_remove": OfChannel,
    "map_publish": MapPublish,
    "map_remove": MapRemove,
    "map_read_state": OfChannel,
    "map_clear": OfChannel,
    "info": Info,
    "channels": OfPattern,
}
