"""The configuration file, as types.

Option names, nesting and defaults are those of Centrifugo v6's configuration, so that a file
written for it configures this server too. Only the options that are honoured here are listed;
`source.py` names the others in a warning. Durations are seconds once read ("300s" in the file).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
NamespaceName = Annotated[str, Meta(pattern=r"^[-a-zA-Z0-9_.]{2,}$(?!\n)")]


class MapOptions(Struct, frozen=True, kw_only=True):
    """What a map channel is like (`map` of a namespace whose `subscription_type` is "map").

    `mode`: "ephemeral" maps are read anew by who comes back, the others recovered. `client_key`:
    the key of a client's changes is its own id or its user, whatever it says.
    `remove_client_on_unsubscribe`: the key that is a client's id goes when the client does.
    `stream_size`: how many missed changes are recovered. `conflation_interval` is our own: changes
    are gathered for so long.
    """

    mode: Literal["", "ephemeral", "recoverable", "persistent"] = ""
    key_ttl: Seconds = 0
    stream_size: Count = 0
    meta_ttl: Seconds = 0
    ordered: bool = False
    client_key: Literal["", "client_id", "user_id"] = ""
    remove_client_on_unsubscribe: bool = False
    allow_publish_for_client: bool = False
    allow_publish_for_subscriber: bool = False
    allow_publish_for_anonymous: bool = False
    allow_remove_for_client: bool = False
    allow_remove_for_subscriber: bool = False
    allow_remove_for_anonymous: bool = False
    conflation_interval: Seconds = 0


class ChannelOptions(Struct, frozen=True, kw_only=True):
    """What the channels of one namespace are like (`channel.without_namespace` and each entry of
    `channel.namespaces`). The `allow_*` options say who may do what with a client's socket.

    History is kept where `history_size` and `history_ttl` are both above 0. `force_positioning`,
    `force_recovery` and `force_push_join_leave` hold for every subscriber; with `allow_*` it is
    what the client asks for. `delta_publish`: all that is published may leave as a delta, else only
    what a call of the server API says so of (`delta`).
    """

    presence: bool = False
    join_leave: bool = False
    force_push_join_leave: bool = False
    history_size: Count = 0
    history_ttl: Seconds = 0
    history_meta_ttl: Seconds = 0
    """0: as `channel.history_meta_ttl`."""
    force_positioning: bool = False
    allow_positioning: bool = False
    force_recovery: bool = False
    allow_recovery: bool = False
    force_recovery_mode: Literal["", "stream", "cache"] = ""
    allowed_delta_types: tuple[Literal["fossil"], ...] = ()
    delta_publish: bool = False
    allow_subscribe_for_anonymous: bool = False
    allow_subscribe_for_client: bool = False
    allow_publish_for_anonymous: bool = False
    allow_publish_for_client: bool = False
    allow_publish_for_subscriber: bool = False
    allow_presence_for_anonymous: bool = False
    allow_presence_for_client: bool = False
    allow_presence_for_subscriber: bool = False
    allow_history_for_anonymous: bool = False
    allow_history_for_client: bool = False
    allow_history_for_subscriber: bool = False
    allow_user_limited_channels: bool = False
    allow_tags_filter: bool = False
    channel_regex: str = ""
    publication_data_format: Literal["", "json", "json_object", "binary"] = ""
    subscription_type: Literal["", "stream", "map"] = ""
    map: MapOptions = MapOptions()


class Namespace(ChannelOptions, frozen=True, kw_only=True):
    name: NamespaceName


class Channels(Struct, frozen=True, kw_only=True):
    """`channel`: the namespaces, and how channel names are read."""

    without_namespace: ChannelOptions = ChannelOptions()
    namespaces: tuple[Namespace, ...] = ()
    history_meta_ttl: Seconds = 30 * 24 * 3600
    max_length: Annotated[int, Meta(ge=1)] = 255
    private_prefix: str = "$"
    namespace_boundary: str = ":"
    user_boundary: str = "#"
    user_separator: str = ","


class TokenOptions(Struct, frozen=True, kw_only=True):
    """Where the keys for JSON Web Tokens come from, and what they must say.

    `hmac_secret_key` for HS256, HS384 and HS512; PEM keys for RS* and ES*;
    `jwks_public_endpoint` an URL of a JSON Web Key Set (RFC 7517).
    """

    hmac_secret_key: str = ""
    rsa_public_key: str = ""
    ecdsa_public_key: str = ""
    jwks_public_endpoint: str = ""
    audience: str = ""
    issuer: str = ""
    user_id_claim: str = ""


class SubscriptionTokenOptions(TokenOptions, frozen=True, kw_only=True):
    """Keys of their own for subscription tokens, where `enabled`."""

    enabled: bool = False


class PersonalChannel(Struct, frozen=True, kw_only=True):
    """Each user is subscribed to `#<user>`, or to `<namespace>:#<user>`, by the server.

    `single_connection`: a user who connects ends the connections that it has already.
    """

    enabled: bool = False
    personal_channel_namespace: str = ""
    single_connection: bool = False


class Client(Struct, frozen=True, kw_only=True):
    """`client`: connections, their tokens and their limits.

    `insecure` lets everybody connect, subscribe, publish and read everything: for development.
    """

    insecure: bool = False
    token: TokenOptions = TokenOptions()
    subscription_token: SubscriptionTokenOptions = SubscriptionTokenOptions()
    allow_anonymous_connect_without_token: bool = False
    disallow_anonymous_connection_tokens: bool = False
    subscribe_to_user_personal_channel: PersonalChannel = PersonalChannel()
    allowed_origins: tuple[str, ...] = ()
    ping_interval: Seconds = 25
    pong_timeout: Seconds = 8
    expired_close_delay: Seconds = 25
    expired_sub_close_delay: Seconds = 25
    stale_close_delay: Seconds = 10
    channel_limit: Count = 128
    queue_max_size: Count = 1048576
    channel_position_check_delay: Seconds = 40
    connection_limit: Count = 0
    user_connection_limit: Count = 0
    connect_include_server_time: bool = False
    history_max_publication_limit: Count = 300
    recovery_max_publication_limit: Count = 300


class WebSocket(Struct, frozen=True, kw_only=True):
    disabled: bool = False
    handler_prefix: str = "/connection/websocket"
    message_size_limit: Count = 65536


class HttpStream(Struct, frozen=True, kw_only=True):
    enabled: bool = False
    handler_prefix: str = "/connection/http_stream"


class Sse(Struct, frozen=True, kw_only=True):
    enabled: bool = False
    handler_prefix: str = "/connection/sse"


class Emulation(Struct, frozen=True, kw_only=True):
    handler_prefix: str = "/emulation"


class HttpApi(Struct, frozen=True, kw_only=True):
    """The server API. Without a `key` it answers nobody, except with `insecure` everybody."""

    disabled: bool = False
    handler_prefix: str = "/api"
    key: str = ""
    insecure: bool = False


class Health(Struct, frozen=True, kw_only=True):
    enabled: bool = False
    handler_prefix: str = "/health"


class Prometheus(Struct, frozen=True, kw_only=True):
    enabled: bool = False
    handler_prefix: str = "/metrics"


class HttpServer(Struct, frozen=True, kw_only=True):
    """Where to listen, unless the command line says otherwise."""

    address: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000


class Redis(Struct, frozen=True, kw_only=True):
    """`address`: one or several URLs; channels are spread over them."""

    address: tuple[str, ...] = ("redis://127.0.0.1:6379",)
    prefix: str = "maxray"


class Engine(Struct, frozen=True, kw_only=True):
    """What carries publications between nodes and keeps what was missed."""

    type: Literal["memory", "redis"] = "memory"
    redis: Redis = Redis()


class Node(Struct, frozen=True, kw_only=True):
    name: str = ""


class Log(Struct, frozen=True, kw_only=True):
    level: Literal["trace", "debug", "info", "warn", "error", "fatal", "none"] = "info"


class Shutdown(Struct, frozen=True, kw_only=True):
    """`timeout`: how long clients may take to be sent away and calls to end."""

    timeout: Seconds = 30


class StandaloneOptions(Struct, frozen=True, kw_only=True):
    client: Client = Client()
    channel: Channels = Channels()
    websocket: WebSocket = WebSocket()
    http_stream: HttpStream = HttpStream()
    sse: Sse = Sse()
    emulation: Emulation = Emulation()
    http_api: HttpApi = HttpApi()
    http_server: HttpServer = HttpServer()
    engine: Engine = Engine()
    node: Node = Node()
    log: Log = Log()
    shutdown: Shutdown = Shutdown()
    health: Health = Health()
    prometheus: Prometheus = Prometheus()
