"""The three clients of docs/channels.md, run as they stand there: a device, a patient, a desk."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.acceptance.running import Running
from tests.acceptance.sdk import node
from tests.integration.embedded.child import ROOT, child, clean_environment, ended, line_with

CLIENTS = ROOT / "docs" / "clients"
SOCKET = "/connection/websocket"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the JavaScript clients and the SDK that they import."""
    node.install()
    folder = tmp_path_factory.mktemp("clients")
    for script in CLIENTS.glob("*.mjs"):
        (folder / script.name).write_bytes(script.read_bytes())
    (folder / "node_modules").symlink_to(node.FOLDER / "node_modules")
    return folder


@asynccontextmanager
async def javascript(script: Path, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        str(node.executable()),
        str(script),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=clean_environment(),
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_the_clients_of_the_page_do_what_it_says(
    service: Running, region: str, scripts: Path
) -> None:
    ops = await service.ops()
    unit = {"name": "Unit", "region": region, "skills": ["als", "bls"], "vehicle": "ambulance"}
    patient = {"name": "Asha Rao", "phone": "+919876543210", "region": region}
    paramedic = str((await service.ask("POST", "/api/paramedics", ops, unit, 201))["id"])
    caller = str((await service.ask("POST", "/api/patients", ops, patient, 201))["id"])
    address = service.url.replace("http", "ws", 1) + SOCKET
    device = (str(CLIENTS / "device.py"), address, paramedic)
    token = await service.token("paramedic", paramedic)
    async with child("-u", *device, token) as crew:
        await line_with(crew, "on duty")
        async with javascript(scripts / "fleet.mjs", address, region, ops) as desk:
            assert await line_with(desk, paramedic) == f"{paramedic} available\n"
            token = await service.token("patient", caller)
            follow = scripts / "follow.mjs"
            async with javascript(follow, service.url, caller, token) as phone:
                code, said = await ended(phone)
            assert code == 0, said
            assert said.splitlines()[0].startswith("raised ")
            seen = [line.split()[-1] for line in said.splitlines() if line.startswith("Emergency")]
            assert seen[0] == "raised"
            assert seen[-1] == "closed"
            assert "unit at 12.97 77.59" in said
            await line_with(crew, "done with")
            await line_with(desk, f"{paramedic} on_task")
            await line_with(desk, f"{paramedic} available")
