"""What can be set about the realtime server. Times in seconds, sizes in bytes."""

from __future__ import annotations

from msgspec import Struct


class BrokerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How much a broker keeps.

    `history_size` bounds what one channel keeps for recovery without the journal (approximately:
    Redis trims whole nodes). `history_ttl_s`: a quiet channel's stream is dropped after that.
    """

    history_size: int = 1000
    history_ttl_s: int = 3600
    latest_ttl_s: int = 3600
    presence_ttl_s: int = 60
    """A client that was not renewed for so long is not there any more."""
    idempotency_ttl_s: int = 300
    prefix: str = "maxray"
    connect_timeout_s: float = 2.0
    command_timeout_s: float = 5.0
    heartbeat_s: float = 5.0
    reconnect_min_s: float = 0.05
    reconnect_max_s: float = 2.0


class RealtimeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits and intervals of a node. The defaults suit production."""

    ping_interval_s: int = 25
    """How often each client is pinged (whole seconds, it travels in the connect reply)."""
    pong_timeout_s: float = 10.0
    connect_timeout_s: float = 15.0
    """An opened socket that has not been authenticated by then is closed as stale."""
    expired_close_delay_s: float = 25.0
    """How long after its token expired a client may still refresh it."""
    expired_subscription_delay_s: float = 25.0
    """The same for the token of a subscription."""
    operation_timeout_s: float = 10.0
    """A subscription or authentication that takes longer is answered as a temporary error."""
    close_timeout_s: float = 1.0
    """How long a close frame may take to leave before the connection is dropped without."""

    max_message_bytes: int = 64 * 1024
    max_commands_per_frame: int = 256
    max_channels: int = 128
    max_channel_length: int = 255
    max_outstanding: int = 256
    """Commands of one client that wait for an answer at the same time (subscriptions aside): a
    message full of them is no offence."""
    command_rate: float = 0.0
    """Commands a second that a client may send in the long run, 0 for any number. Above that they
    are refused, and a client that goes on all the same is disconnected."""
    command_burst: int = 100
    """Commands that may come at once before `command_rate` counts."""
    max_connections: int = 0
    """Of this node; a socket above it is refused at the door. 0 for any number, as below."""
    max_connections_per_user: int = 0
    """Of one user on this node; anonymous clients are not counted."""
    max_connections_per_address: int = 0
    history_limit: int = 300
    """Publications in one history reply, at most."""

    queue_bytes: int = 1024 * 1024
    """Bytes waiting for one socket above which it must make progress within `slow_grace_s`."""
    queue_hard_bytes: int = 4 * 1024 * 1024
    """Bytes waiting for one socket above which it is cut at once, progress or not."""
    slow_grace_s: float = 1.0
    frame_bytes: int = 64 * 1024
    """Frames waiting for one socket leave joined in messages of about this size."""

    conflation_interval_s: float = 0.1
    position_check_interval_s: float = 20.0
    source_check_every: int = 3
    """Each n-th position check asks the history source too, not only the broker."""
    doubt_check_interval_s: float = 1.0
    """When the source could not be asked about a channel that may have missed something: how soon
    it is asked again."""
    concurrent_checks: int = 8
    """Position checks and journal reads in flight at the same time, over all channels."""
    recovery_limit: int = 1000
    """At most so many missed publications are recovered; further back is `recovered: false`."""
    history_cache_s: float = 2.0
    history_cache_channels: int = 256
    channel_linger_s: float = 5.0
    """A channel without subscribers is still listened to for that long, for those who return."""

    presence_renew_s: float = 20.0
    """How often each presence entry is renewed; less than half of the broker's `presence_ttl_s`."""
    announce_interval_s: float = 3.0
    """How often a node tells the others of itself; silent for three of these, it is gone."""
    survey_timeout_s: float = 2.0
    """How long the answers of other nodes are waited for."""
    drain_s: float = 10.0
    """Over how long a node that goes down sends its clients elsewhere."""
    keyed_read_size: int = 1000
    """Changes of a map in one answer of the store: some milliseconds to decode."""
    keyed_sweep_s: float = 1.0
    """How often each node removes keys of maps whose time has come."""

    wheel_tick_s: float = 0.1
    allowed_origins: tuple[str, ...] = ()
    """Browser origins beside the server's own host; "*" allows any."""
    server_version: str = "maxray"
    include_server_time: bool = True
    """The connect reply says what time it is here."""
