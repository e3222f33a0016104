"""The image: pinned, from locked packages, with nothing in it but what runs."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import PurePosixPath

from tests.unit.deployment.files import DEPLOY, PINNED, ROOT, dockerfile, final_stage, services


def instructions(word: str) -> list[str]:
    return [rest for found, rest in dockerfile() if found == word]


def copied() -> list[str]:
    """What is taken from the checkout."""
    sources = []
    for rest in instructions("COPY"):
        *words, _ = [word for word in rest.split() if not word.startswith("--chmod")]
        if not words[0].startswith("--from="):
            sources += words
    return sources


def test_both_stages_are_of_one_python_pinned_by_version_and_digest() -> None:
    [argument] = instructions("ARG")
    name, _, image = argument.partition("=")
    found = PINNED.fullmatch(image)
    assert found is not None
    assert (found["name"], found["tag"].split("-", 1)[1]) == ("python", "slim-bookworm")
    assert [stage.split()[0] for stage in instructions("FROM")] == [f"${{{name}}}"] * 2
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert tuple(map(int, found["tag"].split(".")[:2])) == (3, 11)
    assert project["requires-python"] == ">=3.11"


def test_packages_are_installed_by_hash_or_not_from_an_index_at_all() -> None:
    installs = re.findall(
        r"pip (?:--python \S+ )?(?:install|wheel) [^&]+", " && ".join(instructions("RUN"))
    )
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command


def test_what_builds_the_project_is_in_the_lock_where_it_is_looked_for() -> None:
    [filtered] = re.findall(r"awk '/\^(\w+)==/", " ".join(instructions("RUN")))
    lock = (ROOT / "requirements-dev.lock").read_text()
    assert re.search(rf"(?m)^{filtered}==\S+ \\\n    --hash=sha256:", lock)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    assert [re.split(r"\W", need)[0] for need in build["requires"]] == [filtered]


def test_every_package_of_ours_is_in_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*") + "/" for name in packages} <= set(copied())
    for path in copied():
        assert (ROOT / path).exists(), path


def test_the_context_is_what_is_copied_and_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"

    def sent(path: str) -> bool:
        # The last rule that matches a path, or a folder that it is in, decides.
        decided = True
        for rule in rules:
            pattern = rule.removeprefix("!").rstrip("/")
            parents = [PurePosixPath(path), *PurePosixPath(path).parents]
            if pattern.startswith("**/"):
                matches = any(parent.match(pattern.removeprefix("**/")) for parent in parents)
            else:
                matches = pattern == "*" or any(str(parent) == pattern for parent in parents)
            if matches:
                decided = rule.startswith("!")
        return decided

    for path in copied():
        assert sent(path.rstrip("/")), path
    for path in (
        "config/deploy/secrets/master_key",
        ".git/config",
        "var/secrets/token",
        ".venv/bin",
    ):
        assert not sent(path), path
    assert not sent("actors/__pycache__/shard.cpython-311.pyc")


def test_it_runs_as_the_user_that_compose_says_and_brings_no_tools() -> None:
    stage = final_stage()
    [user] = [rest for word, rest in stage if word == "USER"]
    assert user == services()["web"]["user"] == "10001:10001"
    run = " ".join(rest for word, rest in stage if word == "RUN")
    assert "apt" not in shlex.split(run)
    assert re.search(r"pip uninstall --yes \S* ?setuptools wheel pip", run)


def test_it_starts_a_web_worker_and_checks_that_it_is_ready() -> None:
    [entry] = [json.loads(rest) for word, rest in final_stage() if word == "ENTRYPOINT"]
    [command] = [json.loads(rest) for word, rest in final_stage() if word == "CMD"]
    assert entry == ["ray-node"]
    assert command == services()["web"]["command"]
    [check] = [rest for word, rest in final_stage() if word == "HEALTHCHECK"]
    assert json.loads(check.partition(" CMD ")[2]) == services()["web"]["healthcheck"]["test"][1:]


def test_no_registry_or_index_is_named() -> None:
    for path in sorted(DEPLOY.iterdir()):
        if path.is_file():
            for host in re.findall(r"https?://([^/:'\"]+)", path.read_text()):
                assert host == "127.0.0.1", (path.name, host)
