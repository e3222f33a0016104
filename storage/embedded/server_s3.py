"""The embedded S3: SeaweedFS (`weed mini`) on loopback.

Its S3 door takes signed requests of one identity only. Its inner doors (filer, volume) want the
tokens of `security.toml`; what its gRPC ports tell a local user is metadata, and the objects
behind it are encrypted under the patients' keys before they come here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from storage.embedded import binaries, probe
from storage.embedded.environment import inherited
from storage.embedded.folder import DataFolder, random_secret, write_private
from storage.embedded.port import LOOPBACK
from storage.embedded.process import ManagedProcess
from storage.embedded.sigv4 import S3Access

NAME = "s3"
REGION = "us-east-1"

_PORTS = {
    "s3": "s3.port",
    "s3-grpc": "s3.port.grpc",
    "s3-master": "master.port",
    "s3-master-grpc": "master.port.grpc",
    "s3-volume": "volume.port",
    "s3-volume-grpc": "volume.port.grpc",
    "s3-filer": "filer.port",
    "s3-filer-grpc": "filer.port.grpc",
    "s3-admin": "admin.port",
}
PORTS = tuple(_PORTS)
# Its maintenance worker looks for the admin server's gRPC side here, whatever the flags say.
_ADMIN_GRPC_OFFSET = 10_000
PORT_OFFSETS = {"s3-admin": _ADMIN_GRPC_OFFSET}

# On loopback; the admin server runs the vacuum, its pages stay off, and nothing calls home.
_FLAGS = (
    f"-ip={LOOPBACK}",
    f"-ip.bind={LOOPBACK}",
    "-master.telemetry=false",
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-volume.preStopSeconds=0",  # a drain for load balancers: there are none
)
_GUARDED = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")


def access(folder: DataFolder, ports: Mapping[str, int]) -> S3Access:
    return S3Access(
        url=f"http://{LOOPBACK}:{ports['s3']}",
        access_key=folder.secret("s3-access-key", lambda: random_secret()[:20].upper()),
        secret_key=folder.secret("s3-secret-key"),
        region=REGION,
    )


def process(folder: DataFolder, ports: Mapping[str, int], bucket: str) -> ManagedProcess:
    """What to run; `bucket` is made where it is missing."""
    own = folder.folder("s3")
    granted = access(folder, ports)
    identities = own / "identities.json"
    _write_identities(identities, granted)
    _write_security(own / "security.toml", folder)
    sockets = folder.socket_folder()
    flags = [f"-{flag}={ports[use]}" for use, flag in _PORTS.items()]

    async def in_service() -> None:
        await probe.s3(granted, bucket)

    return ManagedProcess(
        name=NAME,
        argv=(
            str(binaries.weed()),
            "-logtostderr",
            "-v=0",
            "mini",
            f"-dir={folder.folder('s3', 'data')}",
            *_FLAGS,
            *flags,
            f"-admin.port.grpc={ports['s3-admin'] + _ADMIN_GRPC_OFFSET}",
            f"-s3.config={identities}",
            f"-bucket={bucket}",
            f"-filer.localSocket={sockets / 'filer.sock'}",
            f"-s3.localSocket={sockets / 's3.sock'}",
        ),
        # It reads security.toml from its working directory, then from ~/.seaweedfs.
        environment={**inherited(), "HOME": str(own)},
        working_directory=own,
        probe=in_service,
        after_life=lambda: _drop_sockets(ports),
        address=f"{LOOPBACK}:{ports['s3']}",
        # It waits 10 s for clients' idle connections; a second is enough for everything else.
        stop_grace_s=5.0,
    )


def _write_identities(path: Path, granted: S3Access) -> None:
    identity = {
        "name": "maxray",
        "credentials": [{"accessKey": granted.access_key, "secretKey": granted.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(path, msgspec.json.encode({"identities": [identity]}).decode())


def _write_security(path: Path, folder: DataFolder) -> None:
    sections = []
    for section in _GUARDED:
        key = folder.secret(f"s3-{section.replace('.', '-')}")
        sections.append(f'[{section}]\nkey = "{key}"\nexpires_after_seconds = 60\n')
    write_private(path, "\n".join(sections))


def _drop_sockets(ports: Mapping[str, int]) -> None:
    """Its gRPC sockets, which it puts into /tmp under the names of its ports and leaves there."""
    grpc = {
        "s3": ports["s3-grpc"],
        "master": ports["s3-master-grpc"],
        "volume": ports["s3-volume-grpc"],
        "filer": ports["s3-filer-grpc"],
        "admin": ports["s3-admin"] + _ADMIN_GRPC_OFFSET,
    }
    for component, number in grpc.items():
        with contextlib.suppress(OSError):
            Path(f"/tmp/seaweedfs-{component}-grpc-{number}.sock").unlink()  # noqa: S108 - where it puts them
