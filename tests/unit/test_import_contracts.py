"""Each import contract of pyproject.toml fails on a planted violation, and holds on our own tree.

The linter runs as in `make check`, on a copy of the source files with one module more.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

# By contract: where a module is planted, and the line in it that the contract forbids.
PLANTED = {
    "web > realtime | storage > actors > config": ("storage", "import realtime.hub.hub"),
    "realtime knows nothing of actors or the domain": ("realtime", "import actors.clock"),
    "the domain is pure: nothing of ours, no I/O, no clock, no randomness": (
        "actors/domain",
        "import time",
    ),
    "ray only in actors/cluster.py": ("actors", "import ray"),
    "piccolo, asyncpg, aioboto3 only in storage/": ("web", "import asyncpg"),
    "litestar and uvicorn only in web/": ("storage", "import litestar"),
}

# Further directions of the layers, each of which must be reported in one run.
UPWARDS = {
    "config": "import actors.clock",
    "actors": "import storage.migrate",
    "realtime": "import storage.migrate",
    "storage": "import web.checks",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our packages' Python files and the linter's configuration; tests restore what they add."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in LINTER["root_packages"]:
        for source in sorted((ROOT / package).rglob("*.py")):
            target = copy / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return copy


@contextmanager
def planted(tree: Path, package: str, line: str) -> Iterator[str]:
    """A module with this line in the package; its dotted name."""
    module = tree / package / "planted.py"
    module.write_text(line + "\n")
    try:
        yield f"{package.replace('/', '.')}.planted"
    finally:
        module.unlink()


def lint(tree: Path) -> tuple[int, dict[str, str], str]:
    """The linter's exit status, its verdict on each contract, and all it said."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"],
        cwd=tree,
        # An editable install of ourselves must not be read instead of the copy.
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    verdicts = {
        contract["name"]: found[1]
        for contract in LINTER["contracts"]
        if (
            found := re.search(rf"^{re.escape(contract['name'])} (KEPT|BROKEN)", said, re.MULTILINE)
        )
    }
    return done.returncode, verdicts, said


def test_every_contract_has_a_planted_violation_here() -> None:
    assert list(PLANTED) == [contract["name"] for contract in LINTER["contracts"]]


def test_our_own_tree_keeps_every_contract(tree: Path) -> None:
    status, verdicts, said = lint(tree)
    assert verdicts == dict.fromkeys(PLANTED, "KEPT"), said
    assert status == 0


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract_and_no_other(tree: Path, contract: str) -> None:
    with planted(tree, *PLANTED[contract]) as module:
        status, verdicts, said = lint(tree)
    assert verdicts == {**dict.fromkeys(PLANTED, "KEPT"), contract: "BROKEN"}, said
    assert module in said
    assert status != 0


def test_an_import_of_a_higher_layer_is_reported_wherever_it_is(tree: Path) -> None:
    with (
        planted(tree, "config", UPWARDS["config"]) as low,
        planted(tree, "actors", UPWARDS["actors"]) as actors,
        planted(tree, "realtime", UPWARDS["realtime"]) as sibling,
        planted(tree, "storage", UPWARDS["storage"]) as storage,
    ):
        status, verdicts, said = lint(tree)
    assert verdicts["web > realtime | storage > actors > config"] == "BROKEN", said
    for module in (low, actors, sibling, storage):
        assert re.search(rf"{re.escape(module)} ->", said), f"{module} is not reported:\n{said}"
    assert status != 0
