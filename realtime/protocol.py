"""The messages of the Centrifuge client protocol, version 2, as types.

Field names are those of the published schema, so the same Structs serve every encoding (see
`codec.py`). A client sends `Command`s; the server answers each with a `Reply` of the same id, and
sends `Push`es inside replies without an id. An empty reply is a ping, an empty command the pong.
Payloads stay undecoded (`Raw`); an empty Raw is an absent field. Unknown fields are ignored, for
newer SDKs send more than older servers know.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

NO_DATA = Raw(b"")

Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
CommandId = Annotated[int, Meta(ge=0, le=2**32 - 1)]

SUBSCRIBE_FLAG_REJECT_UNRECOVERED = 2
"""Answer an unrecoverable position with error 112 instead of `recovered: false`."""


class SubscribeRequest(Struct, frozen=True):
    channel: str = ""
    token: str = ""
    recover: bool = False
    epoch: str = ""
    offset: Offset = 0
    data: Raw = NO_DATA
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    delta: str = ""
    flag: int = 0


class ConnectRequest(Struct, frozen=True):
    token: str = ""
    data: Raw = NO_DATA
    subs: dict[str, SubscribeRequest] = {}
    name: str = ""
    version: str = ""


class ChannelRequest(Struct, frozen=True):
    """unsubscribe, presence and presence_stats: they name a channel and nothing more."""

    channel: str = ""


class PublishRequest(Struct, frozen=True):
    channel: str = ""
    data: Raw = NO_DATA


class Since(Struct, frozen=True):
    offset: Offset = 0
    epoch: str = ""


class HistoryRequest(Struct, frozen=True):
    """`limit` 0 asks for the position alone, a negative one for as much as the server gives."""

    channel: str = ""
    limit: int = 0
    since: Since | None = None
    reverse: bool = False


class RpcRequest(Struct, frozen=True):
    method: str = ""
    data: Raw = NO_DATA


class RefreshRequest(Struct, frozen=True):
    token: str = ""


class SubRefreshRequest(Struct, frozen=True):
    channel: str = ""
    token: str = ""


class SendRequest(Struct, frozen=True):
    data: Raw = NO_DATA


class Empty(Struct, frozen=True):
    """A message without fields: the ping command, and results that only say that it worked."""


EMPTY = Empty()


class Command(Struct, frozen=True):
    """One of the methods below with an id above 0; or `send` without; or nothing at all: a pong."""

    id: CommandId = 0
    connect: ConnectRequest | None = None
    subscribe: SubscribeRequest | None = None
    unsubscribe: ChannelRequest | None = None
    publish: PublishRequest | None = None
    presence: ChannelRequest | None = None
    presence_stats: ChannelRequest | None = None
    history: HistoryRequest | None = None
    ping: Empty | None = None
    send: SendRequest | None = None
    rpc: RpcRequest | None = None
    refresh: RefreshRequest | None = None
    sub_refresh: SubRefreshRequest | None = None


METHODS = tuple(name for name in Command.__struct_fields__ if name != "id")


class Error(Struct, frozen=True, omit_defaults=True):
    code: int
    message: str
    temporary: bool = False


class PublicationMessage(Struct, frozen=True, omit_defaults=True):
    """A publication as the client sees it: no offset where its channel has no positions."""

    data: Raw
    offset: int = 0


class ConnectResult(Struct, frozen=True, omit_defaults=True):
    """`ping`: seconds between pings; `pong`: whether to answer them; `ttl`: seconds."""

    client: str
    version: str
    expires: bool = False
    ttl: int = 0
    data: Raw = NO_DATA
    ping: int = 0
    pong: bool = False


class SubscribeResult(Struct, frozen=True, omit_defaults=True):
    """`recovered` is sent, true or false, whenever the client asked to recover."""

    recoverable: bool = False
    positioned: bool = False
    epoch: str = ""
    offset: int = 0
    publications: tuple[PublicationMessage, ...] = ()
    recovered: bool | None = None
    was_recovering: bool = False
    data: Raw = NO_DATA


class HistoryResult(Struct, frozen=True, omit_defaults=True):
    publications: tuple[PublicationMessage, ...] = ()
    epoch: str = ""
    offset: int = 0


class RpcResult(Struct, frozen=True, omit_defaults=True):
    data: Raw = NO_DATA


class RefreshResult(Struct, frozen=True, omit_defaults=True):
    client: str
    version: str
    expires: bool = False
    ttl: int = 0


class UnsubscribePush(Struct, frozen=True):
    code: int
    reason: str


class MessagePush(Struct, frozen=True):
    data: Raw


class Push(Struct, frozen=True, omit_defaults=True):
    """What the server sends unasked. Exactly one field beside `channel` is set."""

    channel: str = ""
    pub: PublicationMessage | None = None
    unsubscribe: UnsubscribePush | None = None
    message: MessagePush | None = None


class Reply(Struct, frozen=True, omit_defaults=True):
    """The answer to the command of this id: `error` or the method's result; or a push with id 0."""

    id: int = 0
    error: Error | None = None
    push: Push | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: Empty | None = None
    publish: Empty | None = None
    history: HistoryResult | None = None
    ping: Empty | None = None
    rpc: RpcResult | None = None
    refresh: RefreshResult | None = None
