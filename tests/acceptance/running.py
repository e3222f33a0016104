"""A running `maxray up` of a data folder of its own, and what its users do with it from outside.

Nothing here reaches into the service: the command line, REST, and what the kernel tells about
processes.
"""

from __future__ import annotations

import contextlib
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from tests.integration.embedded.child import child, ended, line_with
from tests.integration.embedded.processes import alive, mentioning, tree

MAXRAY = ("-m", "web.cli")
# Generous: whoever waits this long has failed, however slow the machine.
START_S, STOP_S, COMMAND_S = 90.0, 45.0, 45.0
# On a loaded machine a crew of a test has surely answered by then; one test waits for its end.
OFFER_S = 6.0
SHARDS = 2
_SHARD = "ray::ShardHost"


class Running:
    """`url`: where it answers. `page`: the link that it prints for people who want to watch."""

    def __init__(self, process: Process, data: Path, url: str, page: str) -> None:
        self.data = data
        self.url = url
        self.page = page
        self._process = process
        self._tokens: dict[tuple[str, str], str] = {}
        # A proxy from the environment has no business between us and loopback.
        self._client = httpx.AsyncClient(base_url=url, timeout=20.0, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    # -- its command line

    async def maxray(self, command: str, *arguments: str) -> tuple[int, str]:
        """`maxray COMMAND --data … ARGUMENT…`: its exit status and what it said."""
        words = (*MAXRAY, command, "--data", str(self.data), *arguments)
        async with child(*words) as process:
            return await ended(process, COMMAND_S)

    async def status(self) -> tuple[int, dict[str, Any]]:
        code, said = await self.maxray("status", "--json")
        return code, json.loads(said)

    # -- REST

    async def token(self, role: str, subject: str) -> str:
        """Signed by the command line for staff; the others get theirs from an administrator."""
        kept = self._tokens.get((role, subject))
        if kept is None:
            if role in ("ops", "admin", "auditor"):
                code, said = await self.maxray("token", "--role", role, "--subject", subject)
                assert code == 0, said
                kept = said.strip()
            else:
                body = {"role": role, "subject": subject}
                admin = await self.token("admin", "acceptance")
                kept = str((await self.ask("POST", "/api/tokens", admin, body, 201))["token"])
            self._tokens[role, subject] = kept
        return kept

    async def ops(self) -> str:
        return await self.token("ops", "acceptance")

    async def answer(
        self, method: str, path: str, token: str | None, body: object = None, key: str | None = None
    ) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        return await self._client.request(method, path, headers=headers, json=body)

    async def ready(self) -> bool:
        """Whether the worker that answers says that all parts are there."""
        with contextlib.suppress(httpx.TransportError):
            return (await self.answer("GET", "/health/ready", None)).is_success
        return False

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None,
        body: object = None,
        expect: int = 200,
        key: str | None = None,
    ) -> Any:
        """The decoded answer, after checking that its status is the one expected."""
        answer = await self.answer(method, path, token, body, key)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    # -- its processes

    async def process(self, name: str) -> psutil.Process:
        """One that `status` names."""
        _, status = await self.status()
        (entry,) = (entry for entry in status["processes"] if entry["name"] == name)
        found = psutil.Process(entry["pid"])
        assert found in tree(self._process.pid), f"{found} is none of ours"
        return found

    def shards(self) -> list[psutil.Process]:
        """The processes of the shards, by the name that Ray gives to an actor's; of this `up`."""
        return [
            process
            for process in alive(tree(self._process.pid))
            if _title(process).startswith(_SHARD)
        ]

    def worker_of(self, port: int) -> psutil.Process:
        """The process that has the other end of a socket of ours, by our end's port."""
        (found,) = (
            process
            for process in alive(tree(self._process.pid))
            if any(there == port for _, there in connections(process))
        )
        return found

    async def stopped(self) -> tuple[int, str, list[psutil.Process]]:
        """SIGTERM: its exit status, what it said, and which of its processes are left."""
        family = tree(self._process.pid)
        self._process.send_signal(signal.SIGTERM)
        code, said = await ended(self._process, STOP_S)
        return code, said, [*alive(family), *mentioning(self.data)]


def connections(process: psutil.Process) -> set[tuple[int, int]]:
    """The ports, here and there, of a process's open TCP connections; none of one that is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {
            (one.laddr.port, one.raddr.port)
            for one in process.net_connections(kind="tcp")
            if one.status == psutil.CONN_ESTABLISHED
        }
    return set()


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[Running]:
    """`maxray up --demo` with two web workers, on a free port; killed on leaving."""
    options = ("--data", str(data), "--port", "0", "--web-workers", "2", "--shards", str(SHARDS))
    environment = {"MAXRAY_OFFER_TIMEOUT_S": str(OFFER_S), "MAXRAY_DRAIN_S": "0.5"}
    async with child(*MAXRAY, "up", "--demo", *options, environment=environment) as process:
        url = (await line_with(process, "API description", START_S)).split()[0]
        page = (await line_with(process, "watch it live")).split()[-1]
        service = Running(process, data, url, page)
        try:
            yield service
        finally:
            await service.close()
