"""`maxray up --tls` with several workers: https and wss only, and all of ours speak them."""

from __future__ import annotations

import json
import signal
import ssl
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import centrifuge
import httpx
import pytest

from tests.acceptance.running import COMMAND_S, MAXRAY, START_S, STOP_S
from tests.integration.embedded.child import child, ended, line_with
from tests.integration.embedded.processes import alive, mentioning, tree
from web import tokens
from web.cli.exits import Exit
from web.replay.door import Door
from web.replay.target import of_folder
from web.replay.watch import Watch

WORKERS = 2


class Secured:
    """A running service and a caller that trusts its authority, and nobody else."""

    def __init__(self, data: Path, url: str) -> None:
        self.data = data
        self.url = url
        self.trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.trust.load_verify_locations(cafile=data / "tls" / "ca.pem")

    async def maxray(self, command: str, *words: str) -> tuple[int, str]:
        async with child(*MAXRAY, command, "--data", str(self.data), *words) as process:
            return await ended(process, COMMAND_S)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            base_url=self.url, verify=self.trust, trust_env=False, timeout=20
        ) as client:
            yield client


async def test_up_with_tls(tmp_path: Path) -> None:
    """One start, for it takes seconds: what callers, sockets, `replay` and `status` see of it."""
    data = tmp_path / "data"
    options = ("--data", str(data), "--port", "0", "--web-workers", str(WORKERS), "--shards", "1")
    async with child(*MAXRAY, "up", "--tls", *options) as process:
        url = (await line_with(process, "API description", START_S)).split()[0]
        assert url.startswith("https://127.0.0.1:")
        service = Secured(data, url)
        await _rest_is_https_and_says_so(service)
        await _nobody_else_is_trusted(service)
        await _sockets_are_wss(service)
        await _our_own_programs_come_in(service)
        code, said = await service.maxray("status", "--json")
        report = json.loads(said)
        assert (code, report["healthy"], report["url"]) == (Exit.OK, True, url)
        assert report["mail"] == {"queued": 0, "dead": 0, "oldest_s": None, "failure": ""}
        _files_are_private(data / "tls")
        family = tree(process.pid)
        process.send_signal(signal.SIGTERM)
        code, said = await ended(process, STOP_S)
        assert code == Exit.OK, said
    assert alive(family) == []
    assert mentioning(tmp_path) == []


async def _rest_is_https_and_says_so(service: Secured) -> None:
    async with service.client() as client:
        for path in ("/", "/health/ready", "/api/patients"):
            answer = await client.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "set-cookie" not in answer.headers
        stream = answer.extensions["network_stream"]
        assert stream.get_extra_info("ssl_object").version() == "TLSv1.3"


async def _nobody_else_is_trusted(service: Secured) -> None:
    async with httpx.AsyncClient(trust_env=False) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get(f"{service.url}/health/live")
        with pytest.raises(httpx.TransportError):
            await stranger.get(service.url.replace("https:", "http:"))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(cafile=service.data / "tls" / "ca.pem")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with httpx.AsyncClient(verify=old, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{service.url}/health/live")


async def _sockets_are_wss(service: Secured) -> None:
    secret = (service.data / "secrets" / "token").read_text()
    token = tokens.issue(secret, "ops", "tls", 600.0, time.time())
    url = f"{service.url.replace('https:', 'wss:')}/connection/websocket"
    client = centrifuge.Client(url, token=token, ssl_context=service.trust, proxy=None)
    await client.connect()
    subscription = client.new_subscription("ops:city")
    await subscription.subscribe()
    await subscription.ready(timeout=20)
    await client.disconnect()


async def _our_own_programs_come_in(service: Secured) -> None:
    """What `replay` does with a data folder, and the demo with its settings."""
    target = of_folder(service.data)
    assert target.url == service.url
    async with Door(target.url, patience_s=20, trust=target.trust) as door:
        desk = await target.tokens(door).token("ops", "tls")
        assert (await door.get("/api/paramedics", desk))["items"] == []
        watch = Watch(target.url, target.tokens(door), target.region, target.trust)
        await watch.socket.open(20.0)
        await watch.socket.close()


def _files_are_private(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
