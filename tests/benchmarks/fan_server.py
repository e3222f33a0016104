"""`python -m tests.benchmarks.fan_server KIND ACK_FD`: one server of B2 and its publisher.

Prints the port it listens on; then for each line on stdin, a FanRun, a line with its FanResult.
The client says on ACK_FD how many deliveries it has had in all; so many bursts are on their way at
a time and no more, else queues would be measured.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import sys
import time
from typing import Final

import msgspec
import uvloop
from msgspec import Struct

from config.collector import relax_collector
from tests.benchmarks.fan_servers import FANS, Fan

MARK: Final = b"~"
"""Stands once in each payload and nowhere else: clients count deliveries by it."""
ON_THEIR_WAY: Final = 3
WARM_UP_S: Final = 0.7


class FanRun(Struct, frozen=True):
    """`size`: bytes of a payload."""

    sockets: int
    burst: int
    size: int
    seconds: float


class FanResult(Struct, frozen=True):
    """`cpu_s`: of the server's process, during the `elapsed_s` in which all was `delivered`."""

    delivered: int
    elapsed_s: float
    cpu_s: float


class _Acks:
    """What the client has had, as it says."""

    def __init__(self, fd: int) -> None:
        self.delivered = 0
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._news = asyncio.Event()
        self._rest = b""
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        data = self._rest + self._socket.recv(65536)
        whole = len(data) // 8 * 8
        self._rest = data[whole:]
        if whole:
            (self.delivered,) = struct.unpack_from("<Q", data, whole - 8)
            self._news.set()

    async def reach(self, delivered: int) -> None:
        async with asyncio.timeout(30):
            while self.delivered < delivered:
                self._news.clear()
                await self._news.wait()


async def _run(fan: Fan, acks: _Acks, run: FanRun) -> FanResult:
    async with asyncio.timeout(60):
        while fan.subscribers < run.sockets:
            await asyncio.sleep(0.02)
    payload = b'{"m":"' + MARK + b'","x":"' + b"x" * (run.size - 15) + b'"}'
    burst = [payload] * run.burst
    each = run.sockets * run.burst
    published = acks.delivered

    async def until(end: float) -> None:
        nonlocal published
        while time.perf_counter() < end:
            await fan.publish(burst)
            published += each
            await acks.reach(published - (ON_THEIR_WAY - 1) * each)
            await asyncio.sleep(0)

    await until(time.perf_counter() + WARM_UP_S)
    before, cpu, began = acks.delivered, _cpu_s(), time.perf_counter()
    await until(began + run.seconds)
    result = FanResult(acks.delivered - before, time.perf_counter() - began, _cpu_s() - cpu)
    await acks.reach(published)
    return result


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main(kind: str, ack_fd: int) -> None:
    loop = asyncio.get_running_loop()
    fan = FANS[kind]()
    await fan.start()
    acks = _Acks(ack_fd)
    relax_collector()
    print(fan.port, flush=True)
    decoder = msgspec.json.Decoder(FanRun)
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        result = await _run(fan, acks, decoder.decode(line))
        print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
