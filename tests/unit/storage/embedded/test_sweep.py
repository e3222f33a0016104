"""Which processes are taken for ours, and how they are ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.embedded.sweep import MARKER, Started, find, send, start_ticks, sweep

Launch = Callable[..., "subprocess.Popen[bytes]"]
SLEEP = "print(flush=True); import time; time.sleep(1000)"


@pytest.fixture
def launch() -> Iterator[Launch]:
    """A sleeping process in a session of its own, past its start; killed at the end."""
    running: list[subprocess.Popen[bytes]] = []

    def launched(body: str = SLEEP, **arguments: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # type: ignore[call-overload]  # arguments of several types
            [sys.executable, "-I", "-S", "-c", body],
            stdout=subprocess.PIPE,
            start_new_session=True,
            **arguments,
        )
        running.append(process)
        process.stdout.readline()
        assert isinstance(process, subprocess.Popen)
        return process

    yield launched
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def started(process: subprocess.Popen[bytes]) -> Started:
    ticks = start_ticks(process.pid)
    assert ticks is not None
    return Started(process.pid, ticks)


def test_the_marker_is_matched_by_prefix_up_to_its_slash(launch: Launch) -> None:
    mine = launch(env={MARKER: "folder/run/web-1/"})
    other = launch(env={MARKER: "folder/run/web-10/"})
    assert find("folder/run/web-1/", set(), "", "") == {started(mine)}
    assert find("folder/", set(), "", "") == {started(mine), started(other)}
    assert find("older/", set(), "", "") == set()


def test_members_of_our_sessions_are_found_without_the_marker(launch: Launch) -> None:
    fork = "import os, time\nif os.fork(): print(flush=True)\ntime.sleep(1000)"
    leader = launch(fork, env={})
    found = find("nothing/", {started(leader)}, "", "")
    assert started(leader) in found
    assert len(found) == 2


def test_a_session_of_the_same_number_but_another_start_is_not_ours(launch: Launch) -> None:
    stranger = started(launch(env={}))
    earlier = Started(stranger.pid, stranger.ticks - 1)
    assert find("nothing/", {earlier}, "", "") == set()
    send(earlier, signal.SIGKILL)
    assert start_ticks(stranger.pid) == stranger.ticks


def test_our_binary_counts_only_inside_the_folder(launch: Launch, tmp_path: Path) -> None:
    inside = tmp_path / "postgres"
    beside = tmp_path / "postgres-of-somebody"
    for folder in (inside, beside):
        folder.mkdir()
    ours = launch(cwd=inside, env={})
    launch(cwd=beside, env={})
    binary = str(Path(f"/proc/{ours.pid}/exe").readlink())
    assert find("nothing/", set(), binary, str(inside)) == {started(ours)}
    assert find("nothing/", set(), "/other", str(inside)) == set()


def test_a_sweep_asks_first_and_kills_what_does_not_listen(launch: Launch) -> None:
    asked = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(5))\n"
    deaf = "import signal\nsignal.signal(15, signal.SIG_IGN)\n"
    wait = "print(flush=True)\ntime.sleep(1000)"
    marked = {MARKER: "sweep/"}
    polite = launch(asked + wait, env=marked)
    stubborn = launch(deaf + "import time\n" + wait, env=marked)
    assert sweep("sweep/", set(), "", "", grace_s=1.0) == 2
    assert polite.wait() == 5
    assert stubborn.wait() == -signal.SIGKILL


def test_nothing_to_sweep_takes_no_time() -> None:
    assert sweep("no such folder/", set(), "", "", grace_s=1000.0) == 0


def test_a_record_is_written_and_read_back() -> None:
    assert Started.parse(Started(12, 34).line()) == Started(12, 34)
    with pytest.raises(ValueError, match="unpack"):
        Started.parse("12")


def test_a_process_that_is_gone_has_no_start(launch: Launch) -> None:
    process = launch()
    process.kill()
    process.wait()
    assert start_ticks(process.pid) is None
