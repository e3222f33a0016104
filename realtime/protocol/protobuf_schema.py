"""The Centrifuge client protocol in Protobuf: number and kind of every field, as published.

For the Structs of `messages.py`, in both directions, so that the tables serve clients as well.
What Protobuf cannot say: `recovered` false is absent, as if it had not been asked for
(`was_recovering` says that it was).
"""

from __future__ import annotations

from realtime.protocol import messages as protocol
from realtime.protocol.protobuf_wire import (
    BOOL,
    INT32,
    INT64,
    PAYLOAD,
    SINT64,
    STRING,
    UINT32,
    UINT64,
    Map,
    Message,
    Repeated,
)

EMPTY = Message(protocol.Empty)
ERROR = Message(protocol.Error, code=(1, UINT32), message=(2, STRING), temporary=(3, BOOL))
CLIENT_INFO = Message(
    protocol.ClientInfo,
    user=(1, STRING),
    client=(2, STRING),
    conn_info=(3, PAYLOAD),
    chan_info=(4, PAYLOAD),
)
PUBLICATION = Message(
    protocol.PublicationMessage,
    data=(4, PAYLOAD),
    info=(5, CLIENT_INFO),
    offset=(6, UINT64),
    tags=(7, Map(STRING)),
    delta=(8, BOOL),
    time=(9, INT64),
    channel=(10, STRING),
    key=(11, STRING),
    removed=(12, BOOL),
    score=(13, SINT64),
    epoch=(14, STRING),
    version=(16, UINT64),
)
FILTER_NODE = Message(
    protocol.FilterNode,
    op=(1, STRING),
    key=(2, STRING),
    cmp=(3, STRING),
    val=(4, STRING),
    vals=(5, Repeated(STRING)),
)
FILTER_NODE.add("nodes", 6, Repeated(FILTER_NODE))

# What clients say.

SUBSCRIBE_REQUEST = Message(
    protocol.SubscribeRequest,
    channel=(1, STRING),
    token=(2, STRING),
    recover=(3, BOOL),
    epoch=(6, STRING),
    offset=(7, UINT64),
    data=(8, PAYLOAD),
    positioned=(9, BOOL),
    recoverable=(10, BOOL),
    join_leave=(11, BOOL),
    delta=(12, STRING),
    tf=(13, FILTER_NODE),
    flag=(14, INT64),
    type=(15, INT32),
    phase=(16, INT32),
    cursor=(17, STRING),
    limit=(18, INT32),
    asc=(19, BOOL),
)
CONNECT_REQUEST = Message(
    protocol.ConnectRequest,
    token=(1, STRING),
    data=(2, PAYLOAD),
    subs=(3, Map(SUBSCRIBE_REQUEST)),
    name=(4, STRING),
    version=(5, STRING),
    headers=(6, Map(STRING)),
    flag=(7, INT64),
)
CHANNEL_REQUEST = Message(protocol.ChannelRequest, channel=(1, STRING))
PUBLISH_REQUEST = Message(
    protocol.PublishRequest,
    channel=(1, STRING),
    data=(2, PAYLOAD),
    type=(3, INT32),
    key=(4, STRING),
    removed=(5, BOOL),
)
SINCE = Message(protocol.Since, offset=(1, UINT64), epoch=(2, STRING))
HISTORY_REQUEST = Message(
    protocol.HistoryRequest,
    channel=(1, STRING),
    limit=(7, INT32),
    since=(8, SINCE),
    reverse=(9, BOOL),
)
RPC_REQUEST = Message(protocol.RpcRequest, data=(1, PAYLOAD), method=(2, STRING))
REFRESH_REQUEST = Message(protocol.RefreshRequest, token=(1, STRING))
KEYED_ITEM = Message(protocol.KeyedItem, key=(1, STRING), version=(2, UINT64))
SUB_REFRESH_REQUEST = Message(
    protocol.SubRefreshRequest,
    channel=(1, STRING),
    token=(2, STRING),
    items=(3, Repeated(KEYED_ITEM)),
    untrack_keys=(4, Repeated(STRING)),
    type=(5, INT32),
    signature=(6, STRING),
)
SEND_REQUEST = Message(protocol.SendRequest, data=(1, PAYLOAD))
COMMAND = Message(
    protocol.Command,
    id=(1, UINT32),
    connect=(4, CONNECT_REQUEST),
    subscribe=(5, SUBSCRIBE_REQUEST),
    unsubscribe=(6, CHANNEL_REQUEST),
    publish=(7, PUBLISH_REQUEST),
    presence=(8, CHANNEL_REQUEST),
    presence_stats=(9, CHANNEL_REQUEST),
    history=(10, HISTORY_REQUEST),
    ping=(11, EMPTY),
    send=(12, SEND_REQUEST),
    rpc=(13, RPC_REQUEST),
    refresh=(14, REFRESH_REQUEST),
    sub_refresh=(15, SUB_REFRESH_REQUEST),
)
EMULATION_REQUEST = Message(
    protocol.EmulationRequest, node=(1, STRING), session=(2, STRING), data=(3, PAYLOAD)
)

# What the server answers.

SUBSCRIBE_RESULT = Message(
    protocol.SubscribeResult,
    expires=(1, BOOL),
    ttl=(2, UINT32),
    recoverable=(3, BOOL),
    epoch=(6, STRING),
    publications=(7, Repeated(PUBLICATION)),
    recovered=(8, BOOL),
    offset=(9, UINT64),
    positioned=(10, BOOL),
    data=(11, PAYLOAD),
    was_recovering=(12, BOOL),
    delta=(13, BOOL),
    id=(14, INT64),
    type=(15, INT32),
    phase=(16, INT32),
    cursor=(17, STRING),
    state=(18, Repeated(PUBLICATION)),
    publish_debounce=(19, UINT32),
)
CONNECT_RESULT = Message(
    protocol.ConnectResult,
    client=(1, STRING),
    version=(2, STRING),
    expires=(3, BOOL),
    ttl=(4, UINT32),
    data=(5, PAYLOAD),
    subs=(6, Map(SUBSCRIBE_RESULT)),
    ping=(7, UINT32),
    pong=(8, BOOL),
    session=(9, STRING),
    node=(10, STRING),
    time=(11, INT64),
)
PUBLISH_RESULT = Message(protocol.PublishResult, debounce=(1, INT32))
PRESENCE_RESULT = Message(protocol.PresenceResult, presence=(1, Map(CLIENT_INFO)))
PRESENCE_STATS_RESULT = Message(
    protocol.PresenceStatsResult, num_clients=(1, UINT32), num_users=(2, UINT32)
)
HISTORY_RESULT = Message(
    protocol.HistoryResult,
    publications=(1, Repeated(PUBLICATION)),
    epoch=(2, STRING),
    offset=(3, UINT64),
)
RPC_RESULT = Message(protocol.RpcResult, data=(1, PAYLOAD))
REFRESH_RESULT = Message(
    protocol.RefreshResult,
    client=(1, STRING),
    version=(2, STRING),
    expires=(3, BOOL),
    ttl=(4, UINT32),
)
SUB_REFRESH_RESULT = Message(
    protocol.SubRefreshResult,
    expires=(1, BOOL),
    ttl=(2, UINT32),
    items=(3, Repeated(PUBLICATION)),
)

# What it sends unasked.

JOIN = Message(protocol.JoinPush, info=(1, CLIENT_INFO))
UNSUBSCRIBE = Message(protocol.UnsubscribePush, code=(2, UINT32), reason=(3, STRING))
MESSAGE = Message(protocol.MessagePush, data=(1, PAYLOAD))
SUBSCRIBE = Message(
    protocol.SubscribePush,
    recoverable=(1, BOOL),
    epoch=(4, STRING),
    offset=(5, UINT64),
    positioned=(6, BOOL),
    data=(7, PAYLOAD),
)
DISCONNECT = Message(
    protocol.DisconnectPush, code=(1, UINT32), reason=(2, STRING), reconnect=(3, BOOL)
)
REFRESH = Message(protocol.RefreshPush, expires=(1, BOOL), ttl=(2, UINT32))
PUSH = Message(
    protocol.Push,
    id=(1, INT64),
    channel=(2, STRING),
    pub=(4, PUBLICATION),
    join=(5, JOIN),
    leave=(6, JOIN),
    unsubscribe=(7, UNSUBSCRIBE),
    message=(8, MESSAGE),
    subscribe=(9, SUBSCRIBE),
    disconnect=(11, DISCONNECT),
    refresh=(12, REFRESH),
)
REPLY = Message(
    protocol.Reply,
    id=(1, UINT32),
    error=(2, ERROR),
    push=(4, PUSH),
    connect=(5, CONNECT_RESULT),
    subscribe=(6, SUBSCRIBE_RESULT),
    unsubscribe=(7, EMPTY),
    publish=(8, PUBLISH_RESULT),
    presence=(9, PRESENCE_RESULT),
    presence_stats=(10, PRESENCE_STATS_RESULT),
    history=(11, HISTORY_RESULT),
    ping=(12, EMPTY),
    rpc=(13, RPC_RESULT),
    refresh=(14, REFRESH_RESULT),
    sub_refresh=(15, SUB_REFRESH_RESULT),
)
