"""The embedded Ray head: by its command, in a session of its own.

The package is not imported here (only actors/cluster.py does that); what a driver of this cluster
must have in its environment is `driver_environment`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import storage
from storage.embedded import binaries, probe
from storage.embedded.environment import inherited
from storage.embedded.folder import DataFolder
from storage.embedded.port import LOOPBACK
from storage.embedded.process import ManagedProcess

NAME = "ray"
PORTS = ("ray", "ray-node-manager", "ray-object-manager")
_TOKEN = "ray-token"  # noqa: S105 - the secret file's name

# Command payloads are small and travel inline; the object store is hardly used.
_OBJECT_STORE_BYTES = 100_000_000

# Ray's own settings for a small node; each was measured or read in its source (2.60).
_NODE = {
    "RAY_worker_niceness": "0",  # workers are nice 15 otherwise
    "RAY_worker_num_grpc_internal_threads": "1",
    "RAY_prestart_worker_first_driver": "false",  # an idle worker for each CPU, 84 MB each
    "RAY_enable_metrics_collection": "false",
    # A dead node is noticed after about 3 s instead of 30.
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    "OMP_NUM_THREADS": "1",
}


def address(ports: Mapping[str, int]) -> str:
    return f"{LOOPBACK}:{ports['ray']}"


def driver_environment(folder: DataFolder) -> dict[str, str]:
    """What every process that talks to this cluster must have in its environment."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder.secret_file(_TOKEN)),
        # Without it Ray replaces 127.0.0.1 by an address reachable from outside and listens
        # there; the name speaks of other systems, the code applies it to every one
        # (ray/_private/services.py, get_node_ip_address).
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        **_NODE,
    }


def _importable() -> dict[str, str]:
    """Its workers get the head's environment, not the driver's, and must import our packages."""
    search = [str(Path(storage.__file__).resolve().parent.parent)]
    search += filter(None, [os.environ.get("PYTHONPATH")])
    return {"PYTHONPATH": os.pathsep.join(search)}


def process(folder: DataFolder, ports: Mapping[str, int], num_cpus: int) -> ManagedProcess:
    """What to run. `num_cpus` is what the scheduler may give out, not a limit on the processes."""
    gcs = address(ports)
    raylet = f"{LOOPBACK}:{ports['ray-node-manager']}"

    async def in_service() -> None:
        await probe.ray(gcs, raylet)

    return ManagedProcess(
        name=NAME,
        argv=(
            sys.executable,
            str(binaries.ray()),
            "start",
            "--head",
            "--block",
            f"--node-ip-address={LOOPBACK}",
            f"--port={ports['ray']}",
            f"--node-manager-port={ports['ray-node-manager']}",
            f"--object-manager-port={ports['ray-object-manager']}",
            f"--temp-dir={folder.socket_folder() / 'ray'}",
            f"--num-cpus={num_cpus}",
            f"--object-store-memory={_OBJECT_STORE_BYTES}",
            "--include-dashboard=false",
            "--include-log-monitor=false",
            "--no-monitor",
            "--disable-usage-stats",
        ),
        environment={**inherited(), **driver_environment(folder), **_importable()},
        probe=in_service,
        # The command outlives its GCS (seen: 25 s and longer), and Ray without it is of no use.
        watched=True,
        address=gcs,
        # Its own shutdown takes 2 to 10 s, and nothing in it needs one: the shards were stopped
        # before it, and PostgreSQL is the truth. GCS and raylet die with the command (the kernel
        # sees to that at Ray's own wish), the rest is swept.
        stop_signal=signal.SIGKILL,
        death_signal=signal.SIGKILL,
    )
