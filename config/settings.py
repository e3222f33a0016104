"""Every setting of MaxRay: its name, its default, and what is accepted for it.

A setting `web_workers` is the variable MAXRAY_WEB_WORKERS and the TOML key `web_workers`. A secret
may be given as a file instead, `MAXRAY_TOKEN_SECRET_FILE` or `token_secret_file`, as container
platforms hand secrets over. How they are read and which wins: source.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct

from config.secret import Secret

Port = Annotated[
    int, Meta(ge=0, le=65535, description="a TCP port, 0 to 65535 (0: any that is free)")
]
Count = Annotated[int, Meta(ge=1, le=256, description="a whole number from 1 to 256")]
Limit = Annotated[int, Meta(ge=0, le=1_000_000, description="a whole number, 0 for no limit")]
Seconds = Annotated[float, Meta(gt=0, le=86400, description="seconds, more than 0, at most 86400")]
HoldDays = Annotated[float, Meta(ge=0, le=36500, description="days, 0 for at once, at most 36500")]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$(?!\n)",
        description="a short name: lower-case letters, digits, - and _",
    ),
]
Policy = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z_]{0,62}$(?!\n)",
        description="the name of a dispatch policy; those there are, are named where it is none",
    ),
]
Zone = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$(?!\n)",
        description="an IANA time zone, as America/Los_Angeles",
    ),
]
Bucket = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$(?!\n)",
        description="a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens",
    ),
]
Host = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9.:-]+$(?!\n)", description="an address or host name to listen on"),
]
S3Url = Annotated[
    str, Meta(pattern=r"^https?://[^/@\s]+/?$(?!\n)", description="http(s)://HOST[:PORT]")
]
RayAddress = Annotated[
    str, Meta(pattern=r"^[^:/\s]+:\d{1,5}$(?!\n)", description="HOST:PORT of the cluster's GCS")
]
# msgspec constrains plain texts only; source.py checks these patterns before it wraps the text.
DatabaseUrl = Annotated[
    Secret,
    Meta(
        description="postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        extra={"pattern": r"^postgres(ql)?://\S+$(?!\n)"},
    ),
]
RedisUrl = Annotated[
    Secret,
    Meta(
        description="redis://[USER]:PASSWORD@HOST:PORT/DB, rediss://… or unix://[:PASSWORD@]/PATH; "
        "several, separated by commas, share the channels (their order matters)",
        extra={"pattern": r"^(rediss?|unix)://\S+$(?!\n)"},
    ),
]
SecretText = Annotated[
    Secret,
    Meta(description="a text of at least 8 characters", extra={"pattern": r"^[^\r\n]{8,}$(?!\n)"}),
]
SigningSecret = Annotated[
    Secret,
    Meta(
        description="a text of at least 32 characters (for example 64 hexadecimal digits)",
        extra={"pattern": r"^[^\r\n]{32,}$(?!\n)"},
    ),
]
AccessKey = Annotated[str, Meta(pattern=r"^\S{3,128}$(?!\n)", description="an access key id")]
SmtpUrl = Annotated[
    Secret,
    Meta(
        description="smtp://[USER:PASSWORD@]HOST[:PORT] (STARTTLS, but on loopback) or smtps://…",
        extra={
            "pattern": r"^smtps?://([^/@:\s]+:[^/@\s]+@)?(\[[0-9a-fA-F:.]+\]|[^/@:\s]+)(:\d{1,5})?/?$(?!\n)"
        },
    ),
]
Mailbox = Annotated[
    str,
    Meta(
        pattern=r"^([^<>@\x00-\x1f\x7f]* <[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$(?!\n)",
        max_length=320,
        description="NAME <ADDRESS> or an address alone",
    ),
]
PublicUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^/@?#\s]+$(?!\n)", description="http(s)://HOST[:PORT], without a path"
    ),
]

Switch = Literal["off", "on"]

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, resolved. A server whose URL is None is an embedded one, started by `up`."""

    # Where the embedded servers keep everything, for its owner only.
    data: Path = Path("var")

    # The web front.
    host: Host = "127.0.0.1"
    port: Port = 8000
    # Where people reach it: what links in mail begin with. None: host and port.
    public_url: PublicUrl | None = None
    # The web speaks TLS itself; with these files, or with what `up` makes in the data folder.
    tls: Switch = "off"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    web_workers: Count = 1
    shards: Count = 2
    region: Name = "city"

    # Outside servers.
    database_url: DatabaseUrl | None = None
    redis_url: RedisUrl | None = None
    s3_url: S3Url | None = None
    s3_access_key: AccessKey | None = None
    s3_secret_key: SecretText | None = None
    s3_bucket: Bucket = "maxray"
    s3_region: Name = "us-east-1"
    ray_address: RayAddress | None = None

    # Mail: without a server it is written into the data folder.
    smtp_url: SmtpUrl | None = None
    mail_from: Mailbox = "MaxRay <no-reply@localhost>"

    # Signs bearer tokens; wraps the patients' data keys. Generated in the data folder by `up`.
    token_secret: SigningSecret | None = None
    master_key: SigningSecret | None = None
    # How often the heads of the audit's chains are written to the object store.
    audit_heads_s: Seconds = 300.0

    # While the master key is being changed: the one before, or the one to come.
    spare_master_key: SigningSecret | None = None
    # How long a deleted patient's data key is kept: see docs/deploy.md.
    erasure_hold_days: HoldDays = 30.0

    # Dispatching: how long a unit may think about an offer, and after how many refused or
    # expired ones the ops desk is alerted.
    offer_timeout_s: Seconds = 30.0
    offer_attempts: Count = 3
    # Who decides whom to send, and how often ops is called again until somebody is on the way.
    dispatch_policy: Policy = "combined"
    # A folder with a road network, which travel is then estimated over, and the zone of its hours.
    roads: Path | None = None
    roads_zone: Zone = "UTC"
    escalation_s: Seconds = 60.0

    # How long an emergency may take to be raised before it is logged in DATA/spool instead.
    spool_after_s: Seconds = 4.0

    # Of one web worker: sockets that one user, or one address, may have open at the same time
    # (a clinic may stand behind one address), and commands a second that one socket may send.
    user_connections: Limit = 50
    address_connections: Limit = 0
    socket_commands_per_s: Limit = 50

    # A stopping worker spreads its clients' reconnects over this time.
    drain_s: Seconds = 5.0

    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"


class Accepted(Struct, frozen=True):
    """What a setting takes: its type without None, in words, and a pattern for secrets."""

    type: Any
    says: str
    secret: bool
    pattern: str | None = None


def _accepted(hint: Any) -> Accepted:
    options = get_args(hint)
    if get_origin(hint) is not Annotated and type(None) in options:
        hint = next(option for option in options if option is not type(None))
    if get_origin(hint) is Literal:
        return Accepted(hint, "one of " + ", ".join(get_args(hint)), secret=False)
    if hint is Path:
        return Accepted(hint, "a path", secret=False)
    kind, meta = get_args(hint)
    pattern = (meta.extra or {}).get("pattern")
    return Accepted(hint, meta.description, secret=kind is Secret, pattern=pattern)


ACCEPTED: Final[dict[str, Accepted]] = {
    name: _accepted(hint) for name, hint in get_type_hints(Settings, include_extras=True).items()
}
