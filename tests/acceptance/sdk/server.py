"""`maxray realtime` as a process of its own, and its HTTP API."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec

API_KEY = "the-api-key-of-these-tests"
_START_S = 20.0
_END_S = 10.0


class ApiError(Exception):
    """The HTTP API answered with an error of the protocol."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def free_port() -> int:
    """One that nothing listens on at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Server:
    """Settings are in Centrifugo's words (see settings.py). Keeps its port over a restart."""

    def __init__(self, settings: dict[str, Any], folder: Path, name: str) -> None:
        self.port = free_port()
        self.http = f"http://127.0.0.1:{self.port}"
        self.websocket = f"ws://127.0.0.1:{self.port}/connection/websocket"
        self._config = folder / f"{name}.json"
        self._config.write_bytes(msgspec.json.encode(settings))
        self._output = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.AsyncClient | None = None

    @property
    def output(self) -> str:
        """All that it has said on standard output and error."""
        return self._output.read_text(errors="replace")

    async def start(self) -> None:
        """Return when it answers requests."""
        command = ["-m", "web.cli", "realtime", "--port", str(self.port), "--config"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command, str(self._config)],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self._client = httpx.AsyncClient(
            base_url=f"{self.http}/api/", headers={"X-API-Key": API_KEY}, trust_env=False
        )
        try:
            async with asyncio.timeout(_START_S):
                while not await self._answers():
                    assert self._process.poll() is None, f"it ended:\n{self.output}"
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it does not answer:\n{self.output}") from None

    async def stop(self) -> None:
        """As an operator does."""
        await self._end(kill=False)

    async def kill(self) -> None:
        """As a power cut does."""
        await self._end(kill=True)

    async def _end(self, *, kill: bool) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            await asyncio.to_thread(process.wait, _END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"it does not end:\n{self.output}") from None

    async def _answers(self) -> bool:
        try:
            await self.api("info")
        except httpx.TransportError:
            return False
        return True

    async def api(self, method: str, **params: Any) -> dict[str, Any]:
        """The `result` of one call. Raises ApiError for an `error`."""
        assert self._client is not None
        response = await self._client.post(method, json=params)
        assert response.status_code == 200, f"{method}: {response.status_code} {response.text}"
        body = response.json()
        if "error" in body:
            raise ApiError(body["error"]["code"], body["error"]["message"])
        result: dict[str, Any] = body["result"]
        return result

    async def publish(self, channel: str, data: Any, **params: Any) -> None:
        await self.api("publish", channel=channel, data=data, **params)

    async def publish_many(self, channel: str, data: list[Any]) -> None:
        """In this order, in one request."""
        commands = [{"publish": {"channel": channel, "data": one}} for one in data]
        result = await self._batch(commands)
        assert all("error" not in reply for reply in result), result

    async def _batch(self, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._client is not None
        response = await self._client.post("batch", json={"commands": commands})
        response.raise_for_status()
        replies: list[dict[str, Any]] = response.json()["replies"]
        return replies
