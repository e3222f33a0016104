"""The deployment files, read for tests: docker-compose.yml, the Dockerfile, make-secrets."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from config import Settings
from config.source import load_settings

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "config" / "deploy"
SECRETS_MOUNT = "/run/secrets"
# An image of others', by version and digest, with no registry named.
PINNED = re.compile(r"(?P<name>[a-z0-9]+(?:/[a-z0-9-]+)?):(?P<tag>[\w.-]+)@sha256:[0-9a-f]{64}")
THIRD_PARTY = {"caddy", "postgres", "redis", "s3"}


def interpolated(value: Any) -> Any:
    """As compose fills variables in where none of them is set, with every default."""
    if isinstance(value, dict):
        return {key: interpolated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value).replace("$$", "$")
    return value


@cache
def compose() -> dict[str, Any]:
    """docker-compose.yml with anchors resolved and defaults filled in."""
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    resolved: dict[str, Any] = interpolated(loaded)
    return resolved


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> list[str]:
    """The services that run our image."""
    return sorted(services().keys() - THIRD_PARTY)


def mounted_secrets(service: Mapping[str, Any]) -> dict[str, str]:
    """The secrets of a service: where each is in its container."""
    mounted = {}
    for entry in service.get("secrets", []):
        source = entry if isinstance(entry, str) else entry["source"]
        target = None if isinstance(entry, str) else entry.get("target")
        mounted[source] = target or f"{SECRETS_MOUNT}/{source}"
    return mounted


@cache
def dockerfile() -> tuple[tuple[str, str], ...]:
    """Its instructions in order: the word, and the rest with continued lines joined."""
    lines = [
        line
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return tuple((word, rest) for word, rest in pairs)


def final_stage() -> list[tuple[str, str]]:
    """The instructions of the image that is kept."""
    starts = [index for index, (word, _) in enumerate(dockerfile()) if word == "FROM"]
    return list(dockerfile()[starts[-1] :])


def image_environment() -> dict[str, str]:
    """What the image's ENV instructions set."""
    words = [shlex.split(rest) for word, rest in final_stage() if word == "ENV"]
    pairs = (word.partition("=") for line in words for word in line)
    return {name: value for name, _, value in pairs}


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """The variables that a container of this service gets from us, when the shell has none."""
    given = service.get("environment", {}).items()
    own = {name: str(value) for name, value in given if value is not None}
    return (image_environment() if "build" in service else {}) | own


def make_secrets(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(DEPLOY / "make-secrets"), str(directory)], capture_output=True, text=True, timeout=30
    )


def settings_of(name: str, secrets: Path) -> Settings:
    """As the service's process reads them, with its secrets where the test has them."""
    service = services()[name]
    mounted = {target: str(secrets / source) for source, target in mounted_secrets(service).items()}
    variables = environment(service)
    for variable, value in variables.items():
        if variable.startswith("MAXRAY_") and value.startswith(SECRETS_MOUNT):
            assert value in mounted, f"{name}: {variable} names a secret it does not mount"
    return load_settings({key: mounted.get(value, value) for key, value in variables.items()})


def output(*command: str | Path) -> str:
    """What a program prints; its exit status aside, for some fail after printing their help."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.stdout + done.stderr
