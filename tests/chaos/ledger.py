"""What clients were told: the commands that the service acknowledged to them.

Written by the client, one JSON object a line: the entity, and what the client said of the command:
who it is (`role`, `subject`), what for (`scope`: method and path, or the socket's method) and the
key under which it would have repeated it. The id that the journal has for such a command follows
from these (docs/chaos.md), so nothing of the service's own words is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One command, by the id that the journal must have."""

    ref: str
    command: str
    said: str


def command_id(role: str, subject: str, scope: str, key: str) -> str:
    """BLAKE2b of 16 bytes over the four, NUL between them, in hex."""
    return blake2b("\0".join((role, subject, scope, key)).encode(), digest_size=16).hexdigest()


def read_ledger(path: Path) -> Iterator[Acknowledged]:
    """Raises OSError, and ValueError where a line is none of a ledger."""
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                words = (line["role"], line["subject"], line["scope"], line["key"])
                yield Acknowledged(line["ref"], command_id(*words), f"{line['scope']} {words[3]}")
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: {error!r}") from None
