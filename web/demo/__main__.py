"""`python -m web.demo`: run by `maxray up --demo` beside the service, with the same settings."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import Final

import uvloop

from config import Settings
from config.logging import configure_logging
from config.ready import announce_ready
from config.source import load_settings, variable
from web.demo.city import build
from web.demo.driver import Driver
from web.replay.errors import ReplayError
from web.replay.target import Target
from web.tls.context import client_context

log = logging.getLogger(__name__)

SEED: Final = 1
# Listening everywhere includes this machine.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on


def target_of(settings: Settings) -> Target:
    """The service with these settings, seen from its own machine."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host else host
    return Target(
        url=f"{'https' if settings.tls == 'on' else 'http'}://{shown}:{settings.port}",
        region=settings.region,
        secret=settings.token_secret,
        trust=client_context(settings),
    )


async def drive(target: Target) -> int:
    """Until SIGTERM or SIGINT; then everything is dropped at once."""
    driver = Driver(build(SEED), target, SEED)
    driving = asyncio.create_task(driver.run(lambda: announce_ready(os.environ)))
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, driving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await driving
        except ReplayError as error:
            log.critical("the demo cannot begin: %s", error)
            return 1
    return 0


def main() -> int:
    settings = load_settings(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    # The SDK reports each cut connection; here they are part of the play.
    logging.getLogger("centrifuge").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if settings.token_secret is None:
        log.critical("the demo needs %s", variable("token_secret"))
        return 2
    return uvloop.run(drive(target_of(settings)))


if __name__ == "__main__":
    sys.exit(main())
