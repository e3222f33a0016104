"""A running worker takes a certificate that was renewed, without losing a connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Final

from actors.ports import Clock
from web.tls.certificate import ends_at
from web.tls.context import CertificateRefused, load
from web.tls.folder import Files

log = logging.getLogger(__name__)

# A renewed certificate is there days before the old one ends; a look is two stats of local files.
LOOK_EVERY_S: Final = 30.0
_WARN_S: Final = 7 * 86400.0


async def follow(context: ssl.SSLContext, files: Files, clock: Clock) -> None:
    """Until cancelled: whenever the files change, new handshakes use what they hold then.

    What cannot be used is left, looked at again, and told of.
    """
    seen = _stamp(files)
    while True:
        await clock.sleep(LOOK_EVERY_S)
        stamp = await asyncio.to_thread(_stamp, files)
        if stamp == seen:
            continue
        try:
            load(context, files)
        except CertificateRefused as error:
            log.error("%s; the one before it is used on", error)
            continue  # the key may be on its way: looked at again
        seen = stamp
        log.info("the certificate %s was renewed", files.certificate)


def warn_of_end(files: Files, now: float) -> None:
    """Say so where a certificate that was given is about to end, or has."""
    with contextlib.suppress(OSError, ValueError):
        left_s = ends_at(files.certificate.read_text()) - now
        if left_s < _WARN_S:
            log.warning("the certificate %s ends in %.1f days", files.certificate, left_s / 86400)


def _stamp(files: Files) -> tuple[tuple[int, int, int], ...] | None:
    """What changes when the files do; None while one is missing."""
    try:
        found = [file.stat() for file in (files.certificate, files.key)]
    except OSError:
        return None
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)
