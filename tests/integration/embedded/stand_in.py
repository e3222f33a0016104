"""Small real processes in the places of ours, for tests of the supervisor and of `maxray up`.

`stand_in.py shards|demo|migrate`, `stand_in.py worker --fd N`: the worker answers every request
with its pid, on the listening socket it was given.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from config import load_settings
from config.ready import announce_ready


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    body = str(os.getpid()).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ")
    writer.write(b"%d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def main(role: str, descriptor: int | None) -> None:
    settings = load_settings(os.environ)
    assert settings.database_url is not None
    assert settings.token_secret is not None
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if role == "migrate":
        return
    server = None
    if descriptor is not None:
        server = await asyncio.start_server(answer, sock=socket.socket(fileno=descriptor))
    announce_ready(os.environ)
    await stop.wait()
    if server is not None:
        server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 2 else None))
