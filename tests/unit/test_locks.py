"""The lock files pin all that pyproject.toml asks for, by hash and from nowhere in particular."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUNTIME, DEV = "requirements.lock", "requirements-dev.lock"
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: str) -> list[tuple[Requirement, tuple[str, ...]]]:
    """Each requirement of a lock file, with the options that follow it."""
    joined = (ROOT / lock).read_text().replace("\\\n", " ")
    found = []
    for line in joined.splitlines():
        line = line.partition("#")[0].strip()
        if line:
            requirement, *options = re.split(r"\s+(?=--)", line)
            found.append((Requirement(requirement), tuple(options)))
    return found


@cache
def pinned(lock: str) -> dict[str, frozenset[str]]:
    """The versions a lock file has of each package (several: of different platforms)."""
    versions: dict[str, set[str]] = {}
    for requirement, _ in entries(lock):
        versions.setdefault(canonicalize_name(requirement.name), set()).add(
            str(requirement.specifier)
        )
    return {name: frozenset(found) for name, found in versions.items()}


def declared(group: str | None = None) -> list[Requirement]:
    """What pyproject.toml asks for at run time, or in an optional group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = project["dependencies"] if group is None else project["optional-dependencies"][group]
    return [Requirement(line) for line in listed]


@pytest.mark.parametrize("lock", [RUNTIME, DEV])
class TestLock:
    def test_every_requirement_is_one_version_with_its_hashes(self, lock: str) -> None:
        found = entries(lock)
        assert len(found) > 50, "the lock was not read"
        for requirement, options in found:
            [specifier] = requirement.specifier
            assert specifier.operator == "==", requirement
            assert "*" not in specifier.version, requirement
            assert options, f"{requirement} has no hash"
            for option in options:
                assert _HASH.fullmatch(option), (requirement, option)

    def test_it_names_no_place_to_take_packages_from(self, lock: str) -> None:
        text = (ROOT / lock).read_text()
        for requirement, _ in entries(lock):
            assert requirement.url is None, requirement
        assert not re.findall(r"[a-z+]+://\S*", text)
        assert not re.findall(
            r"(?m)^\s*(?:-i|-f|-e|--index-url|--extra-index-url|--find-links|--trusted-host)\b",
            text,
        )


def test_the_runtime_lock_covers_every_dependency() -> None:
    for requirement in declared():
        assert canonicalize_name(requirement.name) in pinned(RUNTIME), requirement


def test_the_dev_lock_covers_the_dev_dependencies_as_well() -> None:
    for requirement in declared() + declared("dev"):
        assert canonicalize_name(requirement.name) in pinned(DEV), requirement


def test_both_locks_agree_on_every_version() -> None:
    # A universal lock may hold a package in one version a platform; the dev lock must not add one.
    for name, versions in pinned(RUNTIME).items():
        assert pinned(DEV)[name] == versions, name


def test_the_contributing_guide_says_of_each_dependency_why_it_is_there() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", guide.partition("## Dependencies")[2], re.M)
    explained: dict[str, bool] = {}
    for packages, why in rows:
        dev = packages.startswith("*dev:*")
        for name in packages.removeprefix("*dev:*").split(","):
            explained[name.strip().lower()] = dev
            assert why.strip(), name

    def is_explained(requirement: Requirement, dev: bool) -> bool:
        name = requirement.name.lower()
        stubs = "types-*" if name.startswith("types-") else name
        return explained.get(stubs) is dev

    missing = [str(r) for r in declared() if not is_explained(r, dev=False)]
    missing += [str(r) for r in declared("dev") if not is_explained(r, dev=True)]
    assert not missing
