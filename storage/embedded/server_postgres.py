"""The embedded PostgreSQL: its cluster, its roles, its process.

Everyone logs in by scram-sha-256, over loopback too. The superuser `postgres` is used only to
make the application's role, which owns its database and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from pathlib import Path

import asyncpg

from storage.embedded import binaries, identity, probe
from storage.embedded.environment import inherited
from storage.embedded.errors import NotReady
from storage.embedded.folder import DataFolder
from storage.embedded.port import LOOPBACK
from storage.embedded.process import ManagedProcess
from storage.embedded.supervisor import Supervisor
from storage.embedded.sweep import start_ticks

NAME = "postgres"
ROLE = DATABASE = "maxray"
_SUPERUSER = "postgres"
_SUPERUSER_SECRET, _ROLE_SECRET = "postgres-superuser", "postgres-maxray"

# Durability is the product's promise, so it is spelled out rather than left to defaults. Logs
# never quote statements or parameters: they would carry patients' data.
_CONFIGURATION = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_sync_method": "fdatasync",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    # A new log segment is not filled with zeros first: that halted every commit for 50 ms, which at
    # full load was each 0.8 s. What a commit writes is flushed with its file's metadata as ever.
    "wal_init_zero": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "pglz",
    "jit": "off",
    "io_method": "sync",  # the workers of "worker" are three more processes
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}


def database_url(folder: DataFolder, port: int) -> str:
    """The application's: a role that owns its database and has no other right."""
    return f"postgresql://{ROLE}:{folder.secret(_ROLE_SECRET)}@{LOOPBACK}:{port}/{DATABASE}"


def _superuser_url(folder: DataFolder, port: int) -> str:
    password = folder.secret(_SUPERUSER_SECRET)
    return f"postgresql://{_SUPERUSER}:{password}@{LOOPBACK}:{port}/postgres"


async def process(
    supervisor: Supervisor, port: int, as_identity: str | None = None
) -> ManagedProcess:
    """What to run; makes the cluster first where there is none. Raises StartFailed."""
    folder = supervisor.folder
    taken = as_identity or identity.unprivileged()
    cluster = folder.path / "postgres"
    if not cluster.exists():
        await _initialise(supervisor, cluster, taken)
    await asyncio.to_thread(identity.give, cluster, taken)
    _drop_stale_lock(cluster)
    settings = {"port": str(port), **_CONFIGURATION}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    superuser_url = _superuser_url(folder, port)

    async def in_service() -> None:
        await probe.postgres(superuser_url)

    async def role_is_there() -> None:
        await _ensure_role(superuser_url, folder.secret(_ROLE_SECRET))

    return ManagedProcess(
        name=NAME,
        argv=(str(binaries.postgres()), "-D", str(cluster), *options),
        environment=inherited(),
        probe=in_service,
        once_ready=role_is_there,
        after_life=lambda: _drop_stale_lock(cluster),
        address=f"{LOOPBACK}:{port}",
        identity=taken,
        # "Fast" shutdown: clients are disconnected, a checkpoint is written.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        stop_grace_s=30.0,
        # After a crash it replays its log first: up to max_wal_size and more of it.
        start_timeout_s=300.0,
    )


async def _initialise(supervisor: Supervisor, cluster: Path, taken: str) -> None:
    """initdb beside its final place, and a rename: a crash in the middle leaves no half cluster."""
    unfinished = cluster.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    identity.give(unfinished, taken)
    argv = (
        str(binaries.postgres("initdb")),
        f"--pgdata={unfinished}",
        f"--username={_SUPERUSER}",
        f"--pwfile={supervisor.folder.secret_file(_SUPERUSER_SECRET)}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
    )
    await supervisor.run("initdb", argv, inherited(), taken)
    unfinished.rename(cluster)


def _drop_stale_lock(cluster: Path) -> None:
    """Remove a killed postmaster's lock file where no PostgreSQL can be behind it any more.

    The server itself keeps away from any pid that exists: also from a zombie which a container's
    first process never reaps, and from a stranger that got the number after a reboot.
    """
    lock = cluster / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = int(lock.read_text().split(maxsplit=1)[0])
        if start_ticks(pid) is None or Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
            lock.unlink()


async def _ensure_role(superuser_url: str, password: str) -> None:
    """The application's role and database, with the password the secret file says. Repeatable."""
    try:
        connection = await asyncpg.connect(superuser_url)
        try:
            literal = await connection.fetchval("SELECT quote_literal($1::text)", password)
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
                await connection.execute(f"CREATE ROLE {ROLE}")
            await connection.execute(
                f"ALTER ROLE {ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"
                f" NOBYPASSRLS PASSWORD {literal}"
            )
            there = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(there, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
            await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE}, postgres FROM PUBLIC")
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReady(str(error)) from error
