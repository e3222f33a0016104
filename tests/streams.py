"""The subscribers' side of publications, with the rule of a real stream: a repeat is dropped.

`FileStreams` is the same across processes: shards on Ray write, the test reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from actors.ports import Outgoing, PublisherUnavailable

_lines = msgspec.json.Decoder(Outgoing)


class Streams:
    """What subscribers of each channel saw. `down`: out of reach. `torn`: half a batch arrives."""

    def __init__(self) -> None:
        self.facts: dict[str, list[tuple[int, bytes]]] = {}
        self.latest: dict[tuple[str, str], bytes] = {}
        self.gaps: list[str] = []
        self.down = False
        self.torn = 0

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        if self.down:
            raise PublisherUnavailable("the streams are down")
        if self.torn:
            self.torn -= 1
            self.take(batch[: len(batch) // 2])
            raise PublisherUnavailable("the streams went down on the way")
        self.take(batch)

    def take(self, batch: Iterable[Outgoing]) -> None:
        for item in batch:
            if item.delivery == "latest":
                self.latest[item.channel, item.key] = item.data
                continue
            seen = self.facts.setdefault(item.channel, [])
            top = seen[-1][0] if seen else 0
            if item.offset > top + 1:
                self.gaps.append(f"{item.channel}: {top} -> {item.offset}")
            if item.offset > top:
                seen.append((item.offset, item.data))


class FileStreams:
    """A publisher that appends to `folder/out.jsonl`, unless `folder/down` exists."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def publish(self, batch: Sequence[Outgoing]) -> None:
        if (self._folder / "down").exists():
            raise PublisherUnavailable("the streams are down")
        text = b"".join(msgspec.json.encode(item) + b"\n" for item in batch)
        # One write in append mode: batches of several processes do not mix.
        with (self._folder / "out.jsonl").open("ab", buffering=0) as file:
            file.write(text)

    def read(self) -> Streams:
        """What subscribers have seen by now."""
        streams = Streams()
        path = self._folder / "out.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        # The last line may be half written; what is in front of it is whole.
        streams.take(_lines.decode(line) for line in lines)
        return streams

    def cut(self, down: bool) -> None:
        """Take the streams out of reach, or bring them back."""
        if down:
            (self._folder / "down").touch()
        else:
            (self._folder / "down").unlink(missing_ok=True)
