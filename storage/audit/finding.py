"""What verifying the trail can find."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from storage.audit.chain import TABLES, Source

Kind = Literal[
    "altered",  # a row's content is not what its hash covers
    "removed",  # rows are missing: in the middle, at the end, or a whole chain
    "inserted",  # a row stands where none stood
    "reordered",  # a row stands in another's place
    "forked",  # two rows follow the same one
    "rewritten",  # a chain that holds together and is not the one the heads saw
    "heads",  # the heads themselves are incomplete or were changed
]


class Finding(Struct, frozen=True, kw_only=True):
    """What was found where. `first` to `last`: the rows' numbers in the chain `writer`."""

    kind: Kind
    says: str
    source: Source | None = None
    writer: str = ""
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        if self.source is None:
            return f"{self.kind}: {self.says}"
        rows = f"row {self.first}" if self.first == self.last else f"rows {self.first}–{self.last}"
        return f"{self.kind}: {TABLES[self.source]}, chain {self.writer}, {rows}: {self.says}"
