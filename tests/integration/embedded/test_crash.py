"""Nothing is left behind, however the supervisor ends."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import asyncpg
import psutil

from tests.integration.embedded.child import WITHIN_S, child, ended, line_with
from tests.integration.embedded.processes import alive, mentioning, tree, until

RUN = ("-m", "tests.integration.embedded.run_servers")


async def test_a_killed_supervisor_takes_everything_with_it_and_the_next_finds_the_data(
    tmp_path: Path,
) -> None:
    everything = ("postgres", "redis", "s3", "ray")
    async with child(*RUN, str(tmp_path), *everything) as process:
        url = json.loads(await line_with(process, "ready"))["database_url"]
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        # A client in the middle of a query is no reason for a backend to stay.
        asleep = connection.fetch("SELECT pg_sleep(1000)")
        family = tree(process.pid)
        assert {"gcs_server", "raylet", "redis-server", "weed"} <= {p.name() for p in family}
        process.send_signal(signal.SIGKILL)
        await until(lambda: not alive(family), WITHIN_S, "all descendants are gone")
        asleep.close()
        connection.terminate()
    assert mentioning(tmp_path) == []
    async with child(*RUN, str(tmp_path), "postgres") as process:
        assert json.loads(await line_with(process, "ready"))["database_url"] == url
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == (0, "")
    assert mentioning(tmp_path) == []


async def test_what_even_the_guardian_missed_is_ended_by_the_next_start(tmp_path: Path) -> None:
    async with child(*RUN, str(tmp_path), "postgres", "redis") as process:
        await line_with(process, "ready")
        family = tree(process.pid)
        (guardian,) = [p for p in family if "--marker" in p.cmdline()]
        postmaster = next(p for p in family if "-D" in p.cmdline())
        # Stopped processes act on no signal but SIGKILL: neither the kernel's message nor a
        # shutdown reaches them, as in a process stuck in the kernel.
        for stuck in (postmaster, *postmaster.children()):
            stuck.suspend()
        guardian.kill()
        process.send_signal(signal.SIGKILL)
        await until(lambda: not alive([guardian]), WITHIN_S, "the guardian is gone")
    assert postmaster in alive(family)
    async with child(*RUN, str(tmp_path), "postgres", "redis") as process:
        told = json.loads(await line_with(process, "{"))
        assert told["ready"], told
        assert alive(family) == []
        process.send_signal(signal.SIGINT)
        assert (await ended(process))[0] == 0
    assert mentioning(tmp_path) == []


async def test_a_guardian_that_dies_is_replaced_and_knows_what_the_first_knew(
    tmp_path: Path,
) -> None:
    async with child(*RUN, str(tmp_path), "postgres", "redis") as process:
        await line_with(process, "ready")
        first = guardians(process.pid)
        for guardian in first:
            guardian.kill()
        redis = next(p for p in tree(process.pid) if p.name() == "redis-server")
        redis.kill()  # its next life is what the guardian is told of
        await until(
            lambda: bool(guardians(process.pid)) and guardians(process.pid) != first,
            WITHIN_S,
            "another guardian",
        )
        family = tree(process.pid)
        process.send_signal(signal.SIGKILL)
        await until(lambda: not alive(family), WITHIN_S, "all descendants are gone")
    assert mentioning(tmp_path) == []


def guardians(pid: int) -> list[psutil.Process]:
    found = []
    for process in alive(tree(pid)):
        try:
            if "--marker" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_a_second_supervisor_of_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    async with child(*RUN, str(tmp_path), "redis") as process:
        await line_with(process, "ready")
        async with child(*RUN, str(tmp_path), "redis") as second:
            told = json.loads(await line_with(second, "{"))
        assert told["error"] == "DataFolderInUse"
        assert str(process.pid) in told["why"]
        assert psutil.Process(process.pid).is_running()
        os.kill(process.pid, signal.SIGTERM)
        assert (await ended(process))[0] == 0
