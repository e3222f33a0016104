"""Under which identity a server that refuses to run as root is launched (see launch.py)."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from storage.embedded import launch

LAUNCHER = Path(launch.__file__)


def launch_command(identity: str, death_signal: int) -> tuple[str, ...]:
    """The words before the program's own; the program becomes a direct child of this process."""
    return (
        sys.executable, "-I", "-S", str(LAUNCHER),
        "--parent", str(os.getpid()),
        "--death-signal", str(death_signal),
        "--identity", identity,
        "--",
    )  # fmt: skip


@functools.cache
def works(identity: str) -> bool:
    """Whether the kernel lets us take this identity: by trying it."""
    tried = subprocess.run(  # noqa: S603 - our own file
        (*launch_command(identity, death_signal=9), sys.executable, "-I", "-S", "-c", ""),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


def unprivileged() -> str:
    """The identity for PostgreSQL: not uid 0, and one that has a name, for initdb asks for it."""
    uid = os.geteuid()
    if uid != 0:
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return "userns"
        return "self"
    return "userns" if works("userns") else f"uid:{launch.unprivileged_uid()}"


def owner(identity: str) -> int:
    """The uid that files of a program so launched belong to, seen from here."""
    return int(identity.removeprefix("uid:")) if identity.startswith("uid:") else os.geteuid()


def give(folder: Path, identity: str) -> None:
    """Make everything in `folder` the identity's, where it is not so already."""
    uid = owner(identity)
    if folder.stat().st_uid == uid:
        return
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            shutil.chown(path, user=uid)
