"""The embedded Redis (6.2): memory only, for it is never the only copy of anything."""

from __future__ import annotations

from storage.embedded import binaries, probe
from storage.embedded.environment import inherited
from storage.embedded.folder import DataFolder, write_private
from storage.embedded.port import LOOPBACK
from storage.embedded.process import ManagedProcess

NAME = "redis"
_SECRET = "redis"  # noqa: S105 - the secret file's name

# Streams are trimmed by their writers and tickets expire; a full Redis must refuse writes (they
# are re-published from the journal) rather than evict the middle of a stream.
_CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir {folder}
save ""
appendonly no
maxmemory 512mb
maxmemory-policy noeviction
maxclients 10000
tcp-backlog 511
tcp-keepalive 60
daemonize no
loglevel notice
"""


def redis_url(folder: DataFolder, port: int) -> str:
    return f"redis://:{folder.secret(_SECRET)}@{LOOPBACK}:{port}/0"


def process(folder: DataFolder, port: int) -> ManagedProcess:
    """What to run; its configuration, with the password, is a file only we can read."""
    own = folder.folder("redis")
    # Quoted as Redis's configuration wants it: a data folder's name may hold spaces.
    quoted = '"' + str(own).replace("\\", "\\\\").replace('"', '\\"') + '"'
    configuration = own / "redis.conf"
    text = _CONFIGURATION.format(
        host=LOOPBACK, port=port, password=folder.secret(_SECRET), folder=quoted
    )
    write_private(configuration, text)
    url = redis_url(folder, port)

    async def in_service() -> None:
        await probe.redis(url)

    return ManagedProcess(
        name=NAME,
        argv=(str(binaries.redis_server()), str(configuration)),
        environment=inherited(),
        probe=in_service,
        address=f"{LOOPBACK}:{port}",
    )
