"""`maxray up` with stand-ins for our own processes; settings from the environment."""

from __future__ import annotations

import os
import sys

from config import load_settings
from config.logging import configure_logging
from web.cli.stack import Programs
from web.cli.up import serve


def stand_in(role: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.integration.embedded.stand_in", role)


if __name__ == "__main__":
    configure_logging("info", "console")
    serve(
        load_settings(os.environ),
        demo=True,
        programs=Programs(
            migrate=stand_in("migrate"),
            shards=stand_in("shards"),
            worker=stand_in("worker"),
            demo=stand_in("demo"),
        ),
    )
