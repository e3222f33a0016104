"""The REST API, as a caller in a bad network uses it: each request is repeated until answered.

A POST goes with an Idempotency-Key, the same for each repeat, so that however often it was sent it
was done once. A timeout or a 5xx is an unknown outcome, a 4xx is an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from random import SystemRandom
from types import TracebackType
from typing import Any, Final

import httpx
import msgspec

from web.replay.errors import DoorRefused, ReplayError

# How long a request may go unanswered in all: a database that is started again recovers in less.
PATIENCE_S: Final = 120.0
_ATTEMPT_S: Final = 10.0
# From what was only busy, or a cut, to the restart of a service that everybody asks at once.
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
# Too early, too many, and a deadline of the server's: the same request may succeed later.
_AGAIN: Final = frozenset({408, 425, 429})
_jitter = SystemRandom()


class Door:
    """An `async with`. `retries` counts the attempts that had to be repeated. `trust`: whom an
    https server's certificate must come from; the system's authorities where nothing is said.
    """

    def __init__(
        self, url: str, patience_s: float = PATIENCE_S, trust: ssl.SSLContext | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.retries = 0
        self._patience_s = patience_s
        self._client = httpx.AsyncClient(
            base_url=self.url,
            timeout=_ATTEMPT_S,
            limits=httpx.Limits(max_connections=64),
            # A proxy from the environment has no business between us and loopback.
            trust_env=False,
            verify=True if trust is None else trust,
        )

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, token: str) -> Any:
        """The decoded answer. Raises DoorRefused, or ReplayError where there was none in time."""
        return await self._ask("GET", path, token, None, None)

    async def post(self, path: str, token: str, body: object, key: str | None) -> Any:
        """The same of a POST that is done once, however often it is sent; without a key only
        where doing it twice is harmless."""
        return await self._ask("POST", path, token, msgspec.json.encode(body), key)

    async def _ask(
        self, method: str, path: str, token: str, body: bytes | None, key: str | None
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        deadline = asyncio.get_running_loop().time() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        while True:
            answer, why = await self._attempt(method, path, headers, body)
            if answer is not None:
                return _decoded(answer, method, path)
            if asyncio.get_running_loop().time() + pause_s > deadline:
                raise ReplayError(
                    f"{method} {path}: no answer in {self._patience_s:g} s; last: {why}"
                )
            self.retries += 1
            await asyncio.sleep(pause_s * _jitter.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _attempt(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[httpx.Response | None, str]:
        """The answer; or none, and why."""
        try:
            answer = await self._client.request(method, path, headers=headers, content=body)
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__
        if answer.status_code >= 500 or answer.status_code in _AGAIN:
            return None, f"{answer.status_code} {answer.text[:200]}"
        return answer, ""


def _decoded(answer: httpx.Response, method: str, path: str) -> Any:
    if answer.is_success:
        return msgspec.json.decode(answer.content) if answer.content else None
    raise DoorRefused(method, path, answer.status_code, answer.text[:500])
