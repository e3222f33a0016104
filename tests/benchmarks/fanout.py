"""B2: fan-out. One publisher, one channel, 500 sockets, 200-byte payloads in bursts of 20.

Server and client are processes of their own, one core each. A delivery counts when the client has
read it from its socket. The claim is MaxRay's rate there beside Litestar's ChannelsPlugin; the
table of notes has bursts of 1, other numbers of sockets, and others who send.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from tests.benchmarks.claim import Claim
from tests.benchmarks.fan_server import FanResult, FanRun
from tests.benchmarks.fan_servers import NEEDS

SOCKETS: Final = 500
BURST: Final = 20
SIZE: Final = 200
SECONDS: Final = 3.0
SIDE_SECONDS: Final = 1.5
SIDES: Final = {
    "plain": "a plain send loop on uvicorn",
    "socketio": "python-socketio",
    "picows": "picows, a loop over its transports",
    "raw": "lower bound: the burst's bytes, framed once",
}
_result = msgspec.json.Decoder(FanResult)


class Fanned(msgspec.Struct, frozen=True):
    """`rate`: deliveries a second. `cpu`: cores that the server used."""

    rate: float
    cpu: float


@asynccontextmanager
async def _process(module: str, *arguments: str, fd: int) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.benchmarks.{module}", *arguments, str(fd),
        stdin=PIPE, stdout=PIPE, pass_fds=(fd,), limit=1 << 20,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    async with asyncio.timeout(120):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a benchmark process has ended with {await process.wait()}")
    return line


async def fan(kind: str, sockets: int, bursts: list[int], seconds: float) -> list[Fanned]:
    """One server, so many sockets, one measurement for each size of burst."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        async with _process("fan_server", kind, fd=ours.fileno()) as server:
            port = int(await _line(server))
            client_of = _process("fan_client", kind, str(port), str(sockets), fd=theirs.fileno())
            async with client_of as client:
                await _line(client)
                found = []
                for burst in bursts:
                    run = FanRun(sockets, burst, SIZE, seconds)
                    assert server.stdin is not None
                    server.stdin.write(msgspec.json.encode(run) + b"\n")
                    one = _result.decode(await _line(server))
                    rate, cpu = one.delivered / one.elapsed_s, one.cpu_s / one.elapsed_s
                    found.append(Fanned(rate, cpu))
                return found


async def measure() -> tuple[list[Claim], list[str]]:
    (ours, single) = await fan("maxray", SOCKETS, [BURST, 1], SECONDS)
    (channels, channels_single) = await fan("channels", SOCKETS, [BURST, 1], SECONDS)
    ratio = ours.rate / channels.rate
    claim = Claim(
        id="B2",
        name=f"fan-out: {SOCKETS} sockets, {SIZE}-byte payloads, bursts of {BURST}",
        value=round(ours.rate),
        unit="/s",
        baseline=round(channels.rate),
        ratio=round(ratio, 1),
        target="≥ 400,000/s per worker, ≥ 4×",
        met=ours.rate >= 400_000 and ratio >= 4,
    )
    notes = [
        f"B2: deliveries a second in bursts of {BURST} · of 1 (cores the server used)",
        _note(f"MaxRay, {SOCKETS} sockets", ours, single),
        _note("Litestar ChannelsPlugin", channels, channels_single),
    ]
    for kind, name in SIDES.items():
        package = NEEDS.get(kind)
        if package is not None and importlib.util.find_spec(package) is None:
            notes.append(f"    {name:<44} not installed (pip install .[bench])")
        else:
            notes.append(_note(name, *await fan(kind, SOCKETS, [BURST, 1], SIDE_SECONDS)))
    for sockets in (100, 1000, 5000):
        found = await fan("maxray", sockets, [BURST, 1], SIDE_SECONDS)
        notes.append(_note(f"MaxRay, {sockets:,} sockets", *found))
    return [claim], notes


def _note(name: str, many: Fanned, single: Fanned) -> str:
    return (
        f"    {name:<44} {many.rate:>11,.0f} ({many.cpu:.2f})"
        f" · {single.rate:>9,.0f} ({single.cpu:.2f})"
    )
