"""Messages as files, for a machine without a mail server: `DATA/mail/<time>-<id>.eml`, 0600.

The log has a link to the file, which mail programs open; never what is in it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from storage.embedded.folder import write_private
from web.mail.message import Envelope
from web.mail.transport import NotSent


class FolderTransport:
    """`folder` is made where it is missing, for its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    async def send(self, envelope: Envelope) -> str:
        # From what the message itself is: sent a second time, it replaces the first.
        written = datetime.fromtimestamp(envelope.created_at, UTC)
        file = self._folder / f"{written:%Y%m%dT%H%M%S}-{envelope.id}.eml"
        try:
            await asyncio.to_thread(self._write, file, envelope.message)
        except OSError as error:
            raise NotSent(f"the folder of mail cannot be written: {error.strerror}") from error
        return file.as_uri()

    def _write(self, file: Path, message: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(file, message.decode())
