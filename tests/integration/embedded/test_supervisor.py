"""The supervisor by itself, on processes too small to fail on their own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from storage.embedded import DataFolderInUse, ManagedProcess, NotReady, StartFailed, Supervisor
from storage.embedded import probe as ask
from storage.embedded.folder import DataFolder
from storage.embedded.state import read_state
from tests.integration.embedded.processes import alive, until


@pytest_asyncio.fixture(loop_scope="session")
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    async with Supervisor(DataFolder(tmp_path)) as running:
        yield running


def script(supervisor: Supervisor, name: str, body: str, **changes: Any) -> ManagedProcess:
    """A Python process, ready once it has made the file in its variable `made`."""
    made = supervisor.folder.folder("ready") / name

    async def ready() -> None:
        await ask.file(made)

    arguments: dict[str, Any] = {
        "name": name,
        "argv": (sys.executable, "-I", "-c", f"import os, signal, sys, time\n{body}"),
        "environment": {"made": str(made)},
        "probe": ready,
        "after_life": lambda: made.unlink(missing_ok=True),
        **changes,
    }
    return ManagedProcess(**arguments)


SAY_READY = "open(os.environ['made'], 'w').close()\n"
STAY = SAY_READY + "time.sleep(1000)\n"


async def test_what_dies_is_started_again_and_the_state_file_says_so(
    supervisor: Supervisor,
) -> None:
    await supervisor.start(script(supervisor, "a", STAY), script(supervisor, "b", STAY))
    first = supervisor.pid("a")
    os.kill(first, signal.SIGKILL)
    second = await supervisor.ready("a", after=first)
    assert second != first
    state = read_state(supervisor.folder.path)
    assert state is not None
    assert state.alive
    assert {(p.name, p.pid, p.restarts, p.status) for p in state.processes} == {
        ("a", second, 1, "ready"),
        ("b", supervisor.pid("b"), 0, "ready"),
    }


async def test_children_go_down_with_their_process_even_from_a_session_of_their_own(
    supervisor: Supervisor,
) -> None:
    body = (
        "import subprocess\n"
        "words = [sys.executable, '-c', 'import time; time.sleep(1000)']\n"
        "child = subprocess.Popen(words, start_new_session=True)\n" + STAY
    )
    await supervisor.start(script(supervisor, "parent", body))
    pid = supervisor.pid("parent")
    (grandchild,) = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    await supervisor.ready("parent", after=pid)
    assert alive([grandchild]) == []


async def test_what_depends_on_a_process_is_restarted_after_it(supervisor: Supervisor) -> None:
    await supervisor.start(script(supervisor, "cluster", STAY))
    dependent = script(supervisor, "driver", STAY, restart_with=frozenset({"cluster"}))
    await supervisor.start(dependent)
    cluster, driver = supervisor.pid("cluster"), supervisor.pid("driver")
    os.kill(cluster, signal.SIGKILL)
    assert await supervisor.ready("driver", after=driver) != driver


async def test_a_watched_process_that_runs_on_without_being_of_use_is_restarted(
    supervisor: Supervisor,
) -> None:
    await supervisor.start(script(supervisor, "hollow", STAY, watched=True))
    first = supervisor.pid("hollow")
    (supervisor.folder.folder("ready") / "hollow").unlink()
    async with asyncio.timeout(10):
        assert await supervisor.ready("hollow", after=first) != first


async def test_a_process_deaf_to_its_stop_signal_is_killed_after_its_grace(
    supervisor: Supervisor,
) -> None:
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAY
    await supervisor.start(script(supervisor, "deaf", body, stop_grace_s=0.2))
    process = psutil.Process(supervisor.pid("deaf"))
    async with asyncio.timeout(10):
        await supervisor.stop("deaf")
    assert alive([process]) == []


async def test_a_process_that_ends_before_it_is_ready_is_tried_three_times_and_quoted(
    supervisor: Supervisor,
) -> None:
    body = "print('the configuration is wrong')\nsys.exit(7)\n"
    with pytest.raises(StartFailed) as caught:
        await supervisor.start(script(supervisor, "wrong", body))
    assert caught.value.reason == "ended with exit status 7"
    assert caught.value.log_tail.strip() == "the configuration is wrong"
    assert supervisor.folder.log("wrong").read_text().count("wrong") == 3


async def test_a_process_that_is_never_ready_fails_with_what_the_probe_saw(
    supervisor: Supervisor,
) -> None:
    async def never() -> None:
        raise NotReady("its bell is broken")

    slow = script(supervisor, "slow", "time.sleep(1000)", probe=never, start_timeout_s=0.2)
    with pytest.raises(StartFailed, match=r"not ready in time \(0.2 s\): its bell is broken"):
        await supervisor.start(slow)


async def test_a_program_run_to_its_end_is_waited_for_or_fails(supervisor: Supervisor) -> None:
    await supervisor.run("fine", (sys.executable, "-c", ""), {})
    with pytest.raises(StartFailed, match="exit status 3"):
        await supervisor.run("bad", (sys.executable, "-c", "raise SystemExit(3)"), {})


async def test_a_cancelled_run_ends_the_program(supervisor: Supervisor, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    body = f"import os, time; open({str(said)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    running = asyncio.create_task(supervisor.run("long", (sys.executable, "-c", body), {}))
    await until(lambda: said.exists() and bool(said.read_text()), 10, "it runs")
    process = psutil.Process(int(said.read_text()))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert alive([process]) == []


async def test_one_supervisor_a_folder(supervisor: Supervisor) -> None:
    with pytest.raises(DataFolderInUse) as caught:
        async with Supervisor(DataFolder(supervisor.folder.path)):
            raise AssertionError("two supervisors in one folder")
    assert caught.value.pid == os.getpid()
