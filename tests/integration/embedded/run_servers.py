"""A supervisor to be killed: `python -m tests.integration.embedded.run_servers DATA NAME…`.

Prints `ready` once the servers are, and stops at SIGTERM as the product does.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from storage.embedded import EmbeddedError, EmbeddedServers


async def main(data: Path, names: list[Any]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with EmbeddedServers(data, names) as servers:
        addresses = {
            "database_url": servers.database_url if "postgres" in servers.which else None,
            "redis_url": servers.redis_url if "redis" in servers.which else None,
        }
        print(json.dumps({"ready": True, **addresses}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
    except EmbeddedError as error:
        print(json.dumps({"ready": False, "error": type(error).__name__, "why": str(error)}))
        sys.exit(1)
