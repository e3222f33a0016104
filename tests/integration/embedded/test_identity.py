"""The servers run for root and for an ordinary user, from folders nobody else can read."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncpg
import psutil
import pytest

from storage.embedded import ManagedProcess, Supervisor, binaries, identity, launch
from storage.embedded.folder import DataFolder
from storage.embedded.server_postgres import database_url
from storage.embedded.server_postgres import process as postgres_process
from tests.integration.embedded.child import ROOT, child, ended, line_with
from tests.integration.embedded.processes import alive, tree, until

ORDINARY = 65534
EVERYTHING = ("postgres", "redis", "s3", "ray")


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder that belongs to the ordinary user."""
    path = Path(tempfile.mkdtemp(prefix="maxray-test-"))
    if os.geteuid() == 0:
        os.chown(path, ORDINARY, ORDINARY)
    yield path
    shutil.rmtree(path)


def as_ordinary_user() -> tuple[str, ...]:
    """The words before a command that run it as an ordinary user; none when we are one.

    As root the user could not reach an interpreter or a checkout inside root's own home, so they
    are shown to it in a mount namespace of its own. It gets no privilege by that.
    """
    if os.geteuid() != 0:
        return ()
    return ("unshare", "--mount", "sh", "-euc", _SHOW, "sh", *_hidden_places())


def _hidden_places() -> tuple[str, ...]:
    """The private folders above what must be seen, each followed by what is inside it; `--`."""
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT}
    words = []
    for place in sorted(needed):
        closed = [p for p in reversed(place.parents) if not p.stat().st_mode & stat.S_IXOTH]
        if closed:
            words += [str(closed[0]), str(place)]
    return (*words, "--")


# Binds the place aside, covers the private folder with an empty one, binds the place back.
_SHOW = f"""
mount --make-rprivate /
while [ "$1" != -- ]; do
    aside=$(mktemp -d)
    mount --bind "$2" "$aside"
    mount -t tmpfs -o mode=755 tmpfs "$1"
    mkdir -p "$2"
    mount --bind "$aside" "$2"
    umount "$aside"
    rmdir "$aside"
    shift 2
done
shift
exec setpriv --reuid={ORDINARY} --regid={ORDINARY} --clear-groups --inh-caps=-all "$@"
"""


async def test_an_ordinary_user_runs_everything(own_folder: Path) -> None:
    data = own_folder / "data"
    run = ("-m", "tests.integration.embedded.run_servers", str(data), *EVERYTHING)
    environment = {"HOME": str(own_folder), "PYTHONDONTWRITEBYTECODE": "1"}
    async with child(*run, prefix=as_ordinary_user(), environment=environment) as process:
        told = json.loads(await line_with(process, "ready"))
        assert told["ready"], told
        uid = ORDINARY if os.geteuid() == 0 else os.geteuid()
        family = tree(process.pid)
        assert {"gcs_server", "redis-server", "weed"} <= {p.name() for p in family}
        assert {p.uids().effective for p in family} == {uid}
        connection = await asyncpg.connect(told["database_url"])
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == 0
    assert {p.stat().st_uid for p in data.rglob("*")} == {uid}


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """Inside a folder that only its owner may enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed / "data"


def identities() -> list[str]:
    """Every identity PostgreSQL can be launched under by this user on this kernel."""
    if os.geteuid() != 0:
        return ["self"]
    return ["userns", f"uid:{launch.unprivileged_uid()}"]


async def start_postgres(data: Path, taken: str) -> None:
    """A cluster made, started, used, and stopped under this identity."""
    folder = DataFolder(data)
    async with Supervisor(folder, binary=str(binaries.postgres())) as supervisor:
        process = await postgres_process(supervisor, 20090, taken)
        await supervisor.start(process)
        connection = await asyncpg.connect(database_url(folder, 20090))
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        owner = psutil.Process(supervisor.pid("postgres")).uids().effective
        assert owner == identity.owner(taken)
        assert (data / "postgres").stat().st_uid == owner


async def test_postgresql_runs_under_each_identity_and_after_a_change_of_it(
    closed_folder: Path,
) -> None:
    """A machine that forbids user namespaces after an upgrade must find the data it had."""
    for taken in (*identities(), identities()[0]):
        assert identity.works(taken)
        await start_postgres(closed_folder, taken)


async def test_the_folder_of_another_user_is_no_obstacle_for_root(own_folder: Path) -> None:
    """`sudo maxray up` in somebody's home: root passes through it, and so must PostgreSQL."""
    own_folder.chmod(0o700)
    await start_postgres(own_folder / "data", identities()[0])


def gone(process: psutil.Process) -> bool:
    return alive([process]) == []


async def test_a_launched_program_dies_with_its_parent_whatever_its_identity(
    tmp_path: Path,
) -> None:
    for taken in identities():
        script = (
            "import subprocess, sys, time\n"
            "from storage.embedded.identity import launch_command\n"
            f"words = (*launch_command({taken!r}, 9), 'sleep', '1000')\n"
            "child = subprocess.Popen(words)\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(1000)\n"
        )
        async with child("-c", script) as parent:
            pid = int(await line_with(parent, ""))
            launched = psutil.Process(pid)
            parent.kill()
            await parent.wait()
            await until(partial(gone, launched), 10, "it died too")


async def test_a_program_that_cannot_be_launched_says_so(tmp_path: Path) -> None:
    from storage.embedded import StartFailed

    async def never() -> None:
        raise OSError("not there")

    folder = DataFolder(tmp_path)
    async with Supervisor(folder) as supervisor:
        absent = ManagedProcess(name="absent", argv=("/absent",), environment={}, probe=never)
        with pytest.raises(StartFailed, match="cannot launch /absent: "):
            await supervisor.start(absent)
