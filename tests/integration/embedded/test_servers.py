"""The embedded servers are real, closed to strangers, and come back when they die."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import aioboto3
import asyncpg
import psutil
import pytest
import redis.asyncio

from storage.embedded import EmbeddedServers, ServerName
from tests.integration.embedded.processes import alive, is_loopback, listening, mentioning, tree

NAMES = ("postgres", "redis", "s3", "ray")


async def test_postgresql_18_is_durable_and_the_role_owns_its_database_only(
    servers: EmbeddedServers,
) -> None:
    connection = await asyncpg.connect(servers.database_url)
    try:
        shown = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in ("server_version_num", "fsync", "synchronous_commit", "server_encoding")
        }
        assert shown.pop("server_version_num").startswith("18")
        assert shown == {"fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8"}
        role = await connection.fetchrow(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert not any(role)
        await connection.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE DATABASE another")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM pg_authid")
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(servers.database_url.rpartition("/")[0] + "/postgres")


async def test_postgresql_takes_scram_and_nothing_less(servers: EmbeddedServers) -> None:
    rules = (servers.folder.path / "postgres" / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in rules if line.strip() and not line.startswith("#")}
    assert methods == {"scram-sha-256"}
    place = servers.database_url.rpartition("@")[2]
    for stranger in ("maxray:guess", "postgres:guess"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://{stranger}@{place}")


async def test_redis_wants_its_password(servers: EmbeddedServers) -> None:
    async with redis.asyncio.from_url(servers.redis_url) as client:
        assert await client.ping()
        limits = await client.config_get("maxmemory*")
        assert limits["maxmemory"] == str(512 * 1024 * 1024)
        assert limits["maxmemory-policy"] == "noeviction"
    place = servers.redis_url.rpartition("@")[2]
    async with redis.asyncio.from_url(f"redis://{place}") as stranger:
        with pytest.raises(redis.exceptions.AuthenticationError):
            await stranger.ping()


async def test_s3_serves_signed_requests_and_refuses_the_others(servers: EmbeddedServers) -> None:
    session = aioboto3.Session(
        aws_access_key_id=servers.s3.access_key,
        aws_secret_access_key=servers.s3.secret_key,
        region_name=servers.s3.region,
    )
    sealed = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    async with session.client("s3", endpoint_url=servers.s3.url) as client:
        where = {"Bucket": servers.bucket, "Key": "a/b"}
        await client.put_object(**where, Body=b"bones", **sealed)
        got = await client.get_object(**where, **sealed)
        async with got["Body"] as body:
            assert await body.read() == b"bones"
    for path in ("/", f"/{servers.bucket}", f"/{servers.bucket}/a/b"):
        assert await asyncio.to_thread(unsigned_status, servers.s3.url + path) == 403


def unsigned_status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


async def test_the_inner_doors_of_s3_refuse_strangers_too(servers: EmbeddedServers) -> None:
    port = servers.folder.ports()["s3-filer"]
    url = f"http://127.0.0.1:{port}/buckets/{servers.bucket}/"
    assert await asyncio.to_thread(unsigned_status, url) == 401


async def test_every_socket_listens_on_loopback(servers: EmbeddedServers) -> None:
    processes = [p for name in NAMES for p in tree(servers.supervisor.pid(name))]
    sockets = listening(processes)
    ports = {port for _, port in sockets}
    known = [servers.database_url, servers.redis_url, servers.s3.url, f"//{servers.ray_address}"]
    assert {urlsplit(url).port for url in known} <= ports
    assert [where for where in sockets if not is_loopback(where[0])] == []


async def test_only_the_owner_can_read_the_folder(servers: EmbeddedServers) -> None:
    data = servers.folder.path
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    secrets = list((data / "secrets").iterdir())
    assert {"postgres-maxray", "redis", "ray-token", "s3-secret-key"} <= {s.name for s in secrets}
    assert {stat.S_IMODE(secret.stat().st_mode) for secret in secrets} == {0o600}
    for name in ("redis/redis.conf", "s3/identities.json", "s3/security.toml", "logs/redis.log"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600


async def test_no_command_line_shows_a_secret(servers: EmbeddedServers) -> None:
    secrets = [file.read_text() for file in (servers.folder.path / "secrets").iterdir()]
    for process in tree(os.getpid()):
        words = " ".join(process.cmdline())
        assert not any(secret in words for secret in secrets)


async def test_root_runs_postgresql_as_itself_outside_and_unprivileged_inside(
    servers: EmbeddedServers,
) -> None:
    """The server refuses uid 0; its files still belong to whoever started it."""
    process = psutil.Process(servers.supervisor.pid("postgres"))
    assert process.uids().real == os.geteuid()
    assert (servers.folder.path / "postgres").stat().st_uid == os.geteuid()


async def test_each_server_killed_comes_back_at_its_address_with_its_data(
    servers: EmbeddedServers,
) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = {name: tree(servers.supervisor.pid(name)) for name in NAMES}
    where = (servers.database_url, servers.redis_url, servers.s3, servers.ray_address)
    # Of Ray only its control store: the command that runs it stays, and is of no use.
    (store,) = [process for process in before["ray"] if process.name() == "gcs_server"]
    for pid in (store.pid, *(before[name][0].pid for name in ("postgres", "redis", "s3"))):
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(40):
        for name in NAMES:
            await servers.supervisor.ready(name, after=before[name][0].pid)
    connection.terminate()
    assert where == (servers.database_url, servers.redis_url, servers.s3, servers.ray_address)
    assert alive(process for name in NAMES for process in before[name]) == []
    connection = await asyncpg.connect(servers.database_url)
    assert await connection.fetchval("SELECT answer FROM kept") == 42
    await connection.close()
    async with redis.asyncio.from_url(servers.redis_url) as client:
        assert await client.ping()
    assert all(state.restarts >= 1 for state in servers.supervisor.states)


async def test_two_folders_run_side_by_side_and_a_taken_port_is_left_to_its_owner(
    servers: EmbeddedServers, tmp_path: Path
) -> None:
    which: tuple[ServerName, ...] = ("postgres", "redis")
    async with EmbeddedServers(tmp_path / "two", which) as two:
        first_ports = two.folder.ports()
        assert not set(first_ports.values()) & set(servers.folder.ports().values())
        assert two.database_url != servers.database_url
    assert mentioning(tmp_path) == []
    with socket.create_server(("127.0.0.1", first_ports["redis"])):
        async with EmbeddedServers(tmp_path / "two", which) as again:
            assert again.folder.ports()["postgres"] == first_ports["postgres"]
            assert again.folder.ports()["redis"] != first_ports["redis"]
            async with redis.asyncio.from_url(again.redis_url) as client:
                assert await client.ping()
