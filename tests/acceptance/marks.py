"""Texts that nothing but one test says, and the search for them in every file of a data folder."""

from __future__ import annotations

import asyncio
import os
from base64 import b32decode, b64encode
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

GREP_S = 60.0
# Letters that no mail server takes lie there to be read: in the clear, as whoever they are for gets
# them (web/mail/transport_folder.py).
LETTERS: Final = "mail"


class Marks:
    """By what they were said of."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self._raw: set[bytes] = set()
        self._digits = (digit for _ in count() for digit in str(uuid4().int))

    def word(self, of: str) -> str:
        return self.given(of, f"zq{uuid4().hex[:10]}")

    def number(self, of: str, before: str, digits: int) -> str:
        """Ends with a 7: of a fraction the last zeros would not be written."""
        drawn = "".join(next(self._digits) for _ in range(digits - 1))
        return self.given(of, f"{before}{drawn}7")

    def given(self, of: str, text: str) -> str:
        """What the service made up itself, and told one person."""
        self.said[of] = text
        return text

    def key(self, of: str, text: str) -> str:
        """The same of bytes that were told in base32."""
        self._raw.add(b32decode(text))
        return self.given(of, text)

    def patterns(self) -> bytes:
        """Each as it is, and as hexadecimal and base64 would have it, one a line."""
        lines: set[bytes] = set()
        for raw in (*(text.encode() for text in self.said.values()), *self._raw):
            # A line's end would make two patterns of one.
            lines |= {raw.hex().encode(), *([] if b"\n" in raw else [raw])}
            # Within a longer text it begins at any of three places of base64's groups of three
            # bytes; the characters that it shares with its neighbours are cut off.
            lines |= {b64encode(bytes(n) + raw)[-(-n * 8 // 6) : -4] for n in range(3)}
        return b"\n".join(sorted(lines))


async def found_in(data: Path, marks: Marks, tmp_path: Path) -> dict[str, list[str]]:
    """Files in which one of the marks stands, and which marks; but for LETTERS."""
    patterns = tmp_path / "patterns"
    patterns.write_bytes(marks.patterns() + b"\n")
    words = ("grep", "-r", "-a", "-i", "-o", "-F", "-f", str(patterns), str(data))
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, "LC_ALL": "C"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(GREP_S):
        said, wrong = await process.communicate()
    assert process.returncode in (0, 1, 2), wrong.decode()  # 2: a file went away meanwhile
    found: dict[str, list[str]] = {}
    for line in said.decode(errors="replace").splitlines():
        file, _, mark = line.partition(":")
        place = Path(file).relative_to(data)
        if place.parts[0] != LETTERS:
            found.setdefault(str(place), []).append(mark)
    return found
