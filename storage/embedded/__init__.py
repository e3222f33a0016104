"""The embedded servers: PostgreSQL, Redis, SeaweedFS and Ray, started, supervised and stopped.

`EmbeddedServers` (servers.py) is the door; `Supervisor` (supervisor.py) also keeps the product's
own processes. Imported by web and by tests.
"""

from storage.embedded.errors import (
    DataFolderInUse,
    DataFolderRefused,
    EmbeddedError,
    NotReady,
    ServerBinaryMissing,
    StartFailed,
)
from storage.embedded.process import ManagedProcess
from storage.embedded.servers import ALL, EmbeddedServers, ServerName
from storage.embedded.sigv4 import S3Access
from storage.embedded.supervisor import Supervisor

__all__ = [
    "ALL",
    "DataFolderInUse",
    "DataFolderRefused",
    "EmbeddedError",
    "EmbeddedServers",
    "ManagedProcess",
    "NotReady",
    "S3Access",
    "ServerBinaryMissing",
    "ServerName",
    "StartFailed",
    "Supervisor",
]
