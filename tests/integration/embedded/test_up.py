"""`maxray up`, `status`, `token` and `migrate` as a user runs them, with stand-ins for our own
processes (stand_in.py) and, where they are not the point, the session's servers as outside ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.request
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config import load_settings
from storage.embedded import EmbeddedServers
from tests.integration.embedded.child import WITHIN_S, child, ended, line_with
from tests.integration.embedded.processes import alive, mentioning, tree, until
from tests.integration.web.gate import Gate
from web import tokens
from web.cli.exits import Exit
from web.cli.outside import OutsideUnreachable
from web.cli.stack import running_stack

UP = ("-m", "tests.integration.embedded.run_up")
MAXRAY = ("-m", "web.cli")


@pytest.fixture
def outside(servers: EmbeddedServers, tmp_path: Path) -> dict[str, str]:
    """Settings that use the session's servers, in a data folder of their own."""
    return {
        "MAXRAY_DATA": str(tmp_path / "data"),
        "MAXRAY_PORT": "0",
        "MAXRAY_DATABASE_URL": servers.database_url,
        "MAXRAY_REDIS_URL": servers.redis_url,
        "MAXRAY_S3_URL": servers.s3.url,
        "MAXRAY_S3_ACCESS_KEY": servers.s3.access_key,
        "MAXRAY_S3_SECRET_KEY": servers.s3.secret_key,
        "MAXRAY_RAY_ADDRESS": servers.ray_address,
    }


async def maxray(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    async with child(*MAXRAY, *arguments, environment=environment) as process:
        return await ended(process)


async def url_of(process: Process) -> str:
    return (await line_with(process, "API description")).split()[0]


async def status_of(data: Path, environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
    code, said = await maxray("status", "--data", str(data), "--json", environment=environment)
    return code, json.loads(said)


def answering_pid(url: str) -> int:
    with urllib.request.urlopen(f"{url}/health/live", timeout=5) as answer:
        return int(answer.read())


async def test_up_runs_everything_and_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with child(*UP, environment={"MAXRAY_DATA": str(data), "MAXRAY_PORT": "0"}) as process:
        url = await url_of(process)
        code, report = await status_of(data, {})
        assert code == Exit.OK
        assert (report["running"], report["healthy"], report["url"]) == (True, True, url)
        names = [entry["name"] for entry in report["processes"]]
        assert sorted(names[:4]) == ["postgres", "ray", "redis", "s3"]
        assert names[4:] == ["shards", "web-1", "demo"]
        family = tree(process.pid)
        process.send_signal(signal.SIGINT)
        code, said = await ended(process)
        assert code == Exit.OK, said
        assert "stopped" in said
    assert alive(family) == []
    assert mentioning(tmp_path) == []
    code, report = await status_of(data, {})
    assert (code, report["running"]) == (Exit.NOT_RUNNING, False)


async def test_outside_servers_are_used_and_not_started(
    outside: dict[str, str], servers: EmbeddedServers, tmp_path: Path
) -> None:
    async with child(*UP, environment=outside) as process:
        await url_of(process)
        code, report = await status_of(tmp_path / "data", {})
        assert (code, report["healthy"]) == (Exit.OK, True)
        assert [(e["name"], e["status"]) for e in report["processes"]] == [
            *((name, "ready") for name in ("shards", "web-1", "demo")),
            *((name, "outside") for name in ("postgres", "redis", "s3", "ray")),
        ]
        assert servers.folder.secret("redis") not in json.dumps(report)
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == Exit.OK
    assert not (tmp_path / "data" / "postgres").exists()


async def test_a_killed_worker_is_replaced_and_the_port_never_closes(
    outside: dict[str, str], tmp_path: Path
) -> None:
    environment = {**outside, "MAXRAY_WEB_WORKERS": "2"}
    async with child(*UP, environment=environment) as process:
        url = await url_of(process)
        _, report = await status_of(tmp_path / "data", {})
        workers = {e["name"]: e["pid"] for e in report["processes"] if e["name"].startswith("web")}
        assert set(workers) == {"web-1", "web-2"}
        os.kill(workers["web-1"], signal.SIGKILL)
        # The listening socket is the supervisor's: whoever answers, somebody does.
        seen: set[int] = set()

        def replaced() -> bool:
            seen.add(answering_pid(url))
            return bool(seen - set(workers.values()))

        await until(replaced, WITHIN_S, "the killed worker's successor answers")
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == Exit.OK


async def test_a_second_up_says_who_uses_the_folder_and_a_taken_port_is_named(
    outside: dict[str, str], tmp_path: Path
) -> None:
    async with child(*UP, environment=outside) as process:
        url = await url_of(process)
        async with child(*UP, environment=outside) as second:
            code, said = await ended(second)
        assert code == Exit.IN_USE
        assert f"process {process.pid}" in said
        elsewhere = {
            **outside,
            "MAXRAY_DATA": str(tmp_path / "other"),
            "MAXRAY_PORT": url.rpartition(":")[2],
        }
        async with child(*UP, environment=elsewhere) as third:
            code, said = await ended(third)
        assert code == Exit.IN_USE
        assert "--port" in said
        assert await asyncio.to_thread(answering_pid, url)


async def test_a_stop_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with child(*UP, environment={"MAXRAY_DATA": str(data), "MAXRAY_PORT": "0"}) as process:
        await line_with(process, "ready in")  # the first of the servers
        family = tree(process.pid)
        process.send_signal(signal.SIGINT)
        assert (await ended(process))[0] == Exit.OK
    assert alive(family) == []
    assert mentioning(tmp_path) == []


async def test_an_outside_server_that_does_not_answer_is_named_without_its_password(
    outside: dict[str, str],
) -> None:
    wrong = {**outside, "MAXRAY_REDIS_URL": "redis://:hunter2hunter2@127.0.0.1:1/0"}
    with pytest.raises(OutsideUnreachable) as caught:
        async with running_stack(load_settings(wrong), outside_wait_s=0.1):
            raise AssertionError("it started without Redis")
    assert "redis at 127.0.0.1:1/0 does not answer" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_where_a_server_is_away_that_was_there_before_emergencies_are_taken_until_it_is_back(
    outside: dict[str, str], servers: EmbeddedServers, tmp_path: Path
) -> None:
    there = urlsplit(servers.database_url)
    assert there.port is not None
    async with Gate.before(there.port) as gate:
        place = there._replace(netloc=f"{there.username}:{there.password}@127.0.0.1:{gate.port}")
        environment = {**outside, "MAXRAY_DATABASE_URL": place.geturl()}
        async with child(*UP, environment=environment) as process:
            await url_of(process)
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == Exit.OK
        gate.shut()
        async with child(*UP, environment=environment) as process:
            said = await line_with(process, "does not answer")
            assert f"postgres at 127.0.0.1:{gate.port}" in said
            await line_with(process, "emergencies are taken, and nothing else")
            assert await asyncio.to_thread(answering_pid, await url_of(process))
            code, report = await status_of(tmp_path / "data", {})
            assert (code, report["healthy"]) == (Exit.UNHEALTHY, False)
            assert [entry["name"] for entry in report["processes"]][:2] == ["web-1", "postgres"]
            gate.open()
            await line_with(process, "the service is whole")
            code, report = await status_of(tmp_path / "data", {})
            assert (code, report["healthy"]) == (Exit.OK, True)
            names = [entry["name"] for entry in report["processes"]]
            assert names[:3] == ["web-1", "shards", "demo"]
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == Exit.OK


async def test_an_object_store_that_is_away_keeps_nothing_else_from_starting(
    outside: dict[str, str], servers: EmbeddedServers, tmp_path: Path
) -> None:
    there = urlsplit(servers.s3.url)
    assert there.port is not None
    async with Gate.before(there.port) as gate:
        place = f"http://127.0.0.1:{gate.port}"
        environment = {**outside, "MAXRAY_S3_URL": place}
        async with child(*UP, environment=environment) as process:
            await url_of(process)
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == Exit.OK
        gate.shut()
        async with child(*UP, environment=environment) as process:
            assert f"s3 at {place}" in await line_with(process, "does not answer")
            await url_of(process)
            _, report = await status_of(tmp_path / "data", {})
            names = {entry["name"] for entry in report["processes"] if entry["healthy"]}
            assert names == {"shards", "web-1", "demo", "postgres", "redis", "ray"}
            process.send_signal(signal.SIGTERM)
            assert (await ended(process))[0] == Exit.OK


async def test_a_process_that_cannot_start_is_reported_with_what_it_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)  # no cluster: PostgreSQL refuses it
    environment = {"MAXRAY_DATA": str(data), "MAXRAY_PORT": "0"}
    async with child(*UP, environment=environment) as process:
        code, said = await ended(process)
    assert code == Exit.FAILED
    assert "postgres did not start: ended with exit status" in said
    assert "No such file or directory" in said
    assert mentioning(tmp_path) == []


async def test_a_refused_setting_ends_every_command_with_its_name(tmp_path: Path) -> None:
    environment = {"MAXRAY_DATA": str(tmp_path), "MAXRAY_SHRDS": "2"}
    for command in (("up",), ("status",), ("token", "--role", "ops", "--subject", "a")):
        code, said = await maxray(*command, environment=environment)
        assert code == Exit.SETTINGS
        assert "MAXRAY_SHRDS: is no setting; did you mean MAXRAY_SHARDS?" in said


async def test_a_certificate_that_cannot_be_used_is_told_before_anything_starts(
    tmp_path: Path,
) -> None:
    (tmp_path / "cert.pem").write_text("not PEM")
    given = ("--tls", "--tls-cert", "cert.pem", "--tls-key", str(tmp_path / "key.pem"))
    code, said = await maxray("up", "--data", str(tmp_path / "data"), "--port", "0", *given)
    assert code == Exit.SETTINGS
    assert "the certificate cert.pem cannot be used" in said
    assert not (tmp_path / "data").exists()
    code, said = await maxray("up", "--data", str(tmp_path / "data"), *given[1:])
    assert code == Exit.SETTINGS
    assert "means nothing without MAXRAY_TLS=on" in said


async def test_migrate_works_on_the_folders_own_database_and_on_a_named_one(
    servers: EmbeddedServers, tmp_path: Path
) -> None:
    for environment in ({}, {"MAXRAY_DATABASE_URL": servers.database_url}):
        code, said = await maxray("migrate", "--data", str(tmp_path), environment=environment)
        assert code == Exit.OK, said
        assert "has this version's schema" in said
    absent = servers.database_url.rpartition("/")[0] + "/absent"
    code, said = await maxray("migrate", environment={"MAXRAY_DATABASE_URL": absent})
    assert code == Exit.MIGRATION
    assert servers.folder.secret("postgres-maxray") not in said
    assert mentioning(tmp_path) == []


async def test_a_token_of_the_folder_is_good_with_its_secret(tmp_path: Path) -> None:
    code, said = await maxray(
        "token", "--role", "doctor", "--subject", "d-1", "--ttl", "2h", "--data", str(tmp_path)
    )
    assert code == Exit.OK
    secret = (tmp_path / "secrets" / "token").read_text()
    principal = tokens.verify(secret, said.strip(), time.time())
    assert (principal.role, principal.subject) == ("doctor", "d-1")
    assert 7100 < principal.expires_at - time.time() <= 7200


async def test_help_teaches_and_unknown_words_are_usage_errors() -> None:
    code, said = await maxray("--help")
    assert code == Exit.OK
    for word in ("up", "status", "token", "migrate", "version", "Exit statuses"):
        assert word in said
    assert (await maxray("upp"))[0] == Exit.USAGE
    assert (await maxray("token", "--role", "king", "--subject", "a"))[0] == Exit.USAGE
    code, said = await maxray("version")
    assert said.startswith("maxray ")
