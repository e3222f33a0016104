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
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Numbers of clients are as large as the schema's: what comes as JSON is held to it, too."""

SUBSCRIBE_FLAG_REJECT_UNRECOVERED = 2
"""Answer an unrecoverable position with error 112 instead of `recovered: false`."""

SUBSCRIPTION_STREAM = 0
SUBSCRIPTION_MAP = 1
SUBSCRIPTION_MAP_CLIENTS = 2
SUBSCRIPTION_MAP_USERS = 3
"""Kinds of subscription, as `type` carries them. The last two are maps of who is on a channel."""
SUBSCRIPTION_MAPS = frozenset({SUBSCRIPTION_MAP, SUBSCRIPTION_MAP_CLIENTS, SUBSCRIPTION_MAP_USERS})

PHASE_LIVE = 0
PHASE_STREAM = 1
PHASE_STATE = 2
"""The steps of a map subscription: the state page by page, the stream since, then live."""


class ClientInfo(Struct, frozen=True, omit_defaults=True):
    """Who a connection is, as others see it in presence, joins and publications."""

    user: str = ""
    client: str = ""
    conn_info: Raw = NO_DATA
    chan_info: Raw = NO_DATA


class FilterNode(Struct, frozen=True):
    """A node of a filter over publication tags.

    `op` "" is a comparison `cmp` (eq neq in nin ex nex sw ew ct lt lte gt gte) of tag `key` with
    `val` or `vals`; "and", "or", "not" combine `nodes`.
    """

    op: str = ""
    key: str = ""
    cmp: str = ""
    val: str = ""
    vals: tuple[str, ...] = ()
    nodes: tuple[FilterNode, ...] = ()


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
    tf: FilterNode | None = None
    flag: Int64 = 0
    type: Int32 = SUBSCRIPTION_STREAM
    phase: Int32 = PHASE_LIVE
    cursor: str = ""
    limit: Int32 = 0
    asc: bool = False


class ConnectRequest(Struct, frozen=True):
    token: str = ""
    data: Raw = NO_DATA
    subs: dict[str, SubscribeRequest] = {}
    name: str = ""
    version: str = ""
    headers: dict[str, str] = {}
    flag: Int64 = 0


class ChannelRequest(Struct, frozen=True):
    """unsubscribe, presence and presence_stats: they name a channel and nothing more."""

    channel: str = ""


class PublishRequest(Struct, frozen=True):
    """`type` map: sets the value of `key`, or removes it."""

    channel: str = ""
    data: Raw = NO_DATA
    type: Int32 = SUBSCRIPTION_STREAM
    key: str = ""
    removed: bool = False


class Since(Struct, frozen=True):
    offset: Offset = 0
    epoch: str = ""


class HistoryRequest(Struct, frozen=True):
    """`limit` 0 asks for the position alone, a negative one for as much as the server gives."""

    channel: str = ""
    limit: Int32 = 0
    since: Since | None = None
    reverse: bool = False


class RpcRequest(Struct, frozen=True):
    data: Raw = NO_DATA
    method: str = ""


class RefreshRequest(Struct, frozen=True):
    token: str = ""


class KeyedItem(Struct, frozen=True):
    key: str = ""
    version: Offset = 0


class SubRefreshRequest(Struct, frozen=True):
    channel: str = ""
    token: str = ""
    items: tuple[KeyedItem, ...] = ()
    untrack_keys: tuple[str, ...] = ()
    type: Int32 = 0
    signature: str = ""


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
    """A publication as the client sees it: no offset where its channel has no positions.

    `delta`: `data` is a delta against the previous publication's. `time`: Unix milliseconds.
    `key`, `removed`, `score`: of map subscriptions.
    """

    data: Raw = NO_DATA
    info: ClientInfo | None = None
    offset: int = 0
    tags: dict[str, str] | None = None
    delta: bool = False
    time: int = 0
    channel: str = ""
    key: str = ""
    removed: bool = False
    score: int = 0
    epoch: str = ""
    version: int = 0


class SubscribeResult(Struct, frozen=True, omit_defaults=True):
    """`recovered` is sent, true or false, whenever the client asked to recover. `ttl`: seconds.

    `delta`: publications come as deltas from now on. `type`, `phase`, `cursor`, `state`: of map
    subscriptions. `publish_debounce`: milliseconds.
    """

    expires: bool = False
    ttl: int = 0
    recoverable: bool = False
    epoch: str = ""
    publications: tuple[PublicationMessage, ...] = ()
    recovered: bool | None = None
    offset: int = 0
    positioned: bool = False
    data: Raw = NO_DATA
    was_recovering: bool = False
    delta: bool = False
    id: int = 0
    type: int = SUBSCRIPTION_STREAM
    phase: int = PHASE_LIVE
    cursor: str = ""
    state: tuple[PublicationMessage, ...] = ()
    publish_debounce: int = 0


class ConnectResult(Struct, frozen=True, omit_defaults=True):
    """`ping`: seconds between pings; `pong`: whether to answer them; `ttl`: seconds.

    `session` and `node`: what an emulated transport sends its commands with. `time`: Unix
    milliseconds.
    """

    client: str
    version: str
    expires: bool = False
    ttl: int = 0
    data: Raw = NO_DATA
    subs: dict[str, SubscribeResult] = {}
    ping: int = 0
    pong: bool = False
    session: str = ""
    node: str = ""
    time: int = 0


class PublishResult(Struct, frozen=True, omit_defaults=True):
    """`debounce`: milliseconds."""

    debounce: int = 0


class PresenceResult(Struct, frozen=True):
    presence: dict[str, ClientInfo]


class PresenceStatsResult(Struct, frozen=True):
    num_clients: int
    num_users: int


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


class SubRefreshResult(Struct, frozen=True, omit_defaults=True):
    expires: bool = False
    ttl: int = 0
    items: tuple[PublicationMessage, ...] = ()


class JoinPush(Struct, frozen=True):
    """Somebody came to a channel, or left it."""

    info: ClientInfo


class UnsubscribePush(Struct, frozen=True):
    code: int
    reason: str


class MessagePush(Struct, frozen=True):
    data: Raw


class SubscribePush(Struct, frozen=True, omit_defaults=True):
    """The server has subscribed the client to a channel."""

    recoverable: bool = False
    epoch: str = ""
    offset: int = 0
    positioned: bool = False
    data: Raw = NO_DATA


class DisconnectPush(Struct, frozen=True, omit_defaults=True):
    """For transports without close codes of their own."""

    code: int
    reason: str
    reconnect: bool = False


class RefreshPush(Struct, frozen=True, omit_defaults=True):
    """The server has prolonged the connection."""

    expires: bool = False
    ttl: int = 0


class Push(Struct, frozen=True, omit_defaults=True):
    """What the server sends unasked. Exactly one field beside `id` and `channel` is set."""

    id: int = 0
    channel: str = ""
    pub: PublicationMessage | None = None
    join: JoinPush | None = None
    leave: JoinPush | None = None
    unsubscribe: UnsubscribePush | None = None
    message: MessagePush | None = None
    subscribe: SubscribePush | None = None
    disconnect: DisconnectPush | None = None
    refresh: RefreshPush | None = None


class Reply(Struct, frozen=True, omit_defaults=True):
    """The answer to the command of this id: `error` or the method's result; or a push with id 0."""

    id: int = 0
    error: Error | None = None
    push: Push | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: Empty | None = None
    publish: PublishResult | None = None
    presence: PresenceResult | None = None
    presence_stats: PresenceStatsResult | None = None
    history: HistoryResult | None = None
    ping: Empty | None = None
    rpc: RpcResult | None = None
    refresh: RefreshResult | None = None
    sub_refresh: SubRefreshResult | None = None


class EmulationRequest(Struct, frozen=True):
    """What a client without a two-way transport posts: its commands, for its own session."""

    node: str = ""
    session: str = ""
    data: Raw = NO_DATA
