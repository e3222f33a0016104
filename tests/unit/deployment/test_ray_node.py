"""config/deploy/ray-node: the commands it gives to Ray, and that node and program end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.scripts.scripts import start

from tests.unit.deployment.files import DEPLOY, services

SCRIPT = DEPLOY / "ray-node"
HEAD = "127.0.0.1:6379"


class Node:
    """A folder with a program `ray` in it that notes how it was called and runs on, as `--block`
    does, until it is killed."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self._pid = folder / "pid"
        os.mkfifo(folder / "started")
        ray = folder / "ray"
        ray.write_text(
            "#!/bin/sh\n"
            f'printf "%s\\n" "$@" >{self._calls}\n'
            f"echo $$ >{self._pid}\n"
            f"echo started >{folder / 'started'}\n"
            "exec sleep 600\n"
        )
        ray.chmod(0o755)
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """The script with these words; returns when it has started its node."""
        # `python` is on the path in the image; here it is the one that runs the tests.
        path = f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        process = subprocess.Popen(
            [SCRIPT, *words],
            env={"PATH": path, "MAXRAY_RAY_ADDRESS": HEAD},
            start_new_session=True,
        )
        self._processes.append(process)
        with (self._folder / "started").open() as started:
            started.read()
        return process

    @property
    def options(self) -> list[str]:
        """What `ray start` was called with."""
        command, *options = self._calls.read_text().splitlines()
        assert command == "start"
        return options

    def die(self) -> None:
        os.kill(int(self._pid.read_text()), signal.SIGKILL)

    def close(self) -> None:
        for process in self._processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it and all its children have ended
            finally:
                process.wait()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("words", [("head",), ("worker",), ("sleep", "600")])
def test_ray_takes_every_option(node: Node, words: tuple[str, ...]) -> None:
    node.run(*words)
    taken = start.make_context("ray start", list(node.options)).params
    assert taken["block"] is True
    assert taken["node_ip_address"] == "127.0.0.1"
    assert taken["head"] is (words == ("head",))
    assert taken["address"] == (None if words == ("head",) else HEAD)
    assert taken["num_cpus"] == (0 if words[0] == "sleep" else 1)


def test_the_head_listens_where_the_others_look_for_it(node: Node) -> None:
    node.run("head")
    assert start.make_context("ray start", list(node.options)).params["port"] == 6379
    assert services()["ray-head"]["environment"]["MAXRAY_RAY_ADDRESS"].endswith(":6379")


def test_the_programs_end_is_the_containers(node: Node) -> None:
    process = node.run("sh", "-c", "exit 7")
    assert process.wait(timeout=10) == 7


def test_a_program_is_asked_to_end_and_may_take_its_time(node: Node, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    process = node.run(
        "sh", "-c", f"trap 'sleep 0.2; exit 5' TERM; echo >{ready}; sleep 600 & wait"
    )
    with ready.open() as told:
        told.read()
    process.terminate()
    assert process.wait(timeout=10) == 5


def test_without_its_node_a_program_is_ended_too(node: Node, tmp_path: Path) -> None:
    process = node.run("sh", "-c", "trap '' TERM; sleep 600")
    node.die()
    assert process.wait(timeout=10) == 1


def test_it_says_what_it_misses() -> None:
    for environ, words, missing in (
        ({}, ["head"], "MAXRAY_RAY_ADDRESS"),
        ({"MAXRAY_RAY_ADDRESS": HEAD}, [], "head, worker or a program"),
    ):
        done = subprocess.run(
            [str(SCRIPT), *words],
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environ},
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0
        assert missing in done.stderr
