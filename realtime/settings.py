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
    operation_timeout_s: float = 10.0
    """A subscription or authentication that takes longer is answered as a temporary error."""
    close_timeout_s: float = 1.0
    """How long a close frame may take to leave before the connection is dropped without."""

    max_message_bytes: int = 64 * 1024
    max_commands_per_frame: int = 256
    max_channels: int = 128
    max_channel_length: int = 255
    max_outstanding: int = 32
    """Commands of one client that wait for an answer at the same time (subscriptions aside)."""

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
    concurrent_checks: int = 8
    """Position checks and journal reads in flight at the same time, over all channels."""
    recovery_limit: int = 1000
    """At most so many missed publications are recovered; further back is `recovered: false`."""
    history_cache_s: float = 2.0
    history_cache_channels: int = 256
    channel_linger_s: float = 5.0
    """A channel without subscribers is still listened to for that long, for those who return."""

    wheel_tick_s: float = 0.1
    allowed_origins: tuple[str, ...] = ()
    """Browser origins beside the server's own host; "*" allows any."""
    server_version: str = "maxray"
