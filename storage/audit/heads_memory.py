"""A head store in memory, for tests."""

from __future__ import annotations

from storage.audit.errors import HeadsUnavailable


class MemoryHeadStore:
    """See `HeadStore`. `available` set to False makes it refuse."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.available = True

    async def put(self, key: str, body: bytes) -> None:
        self._answer()
        self.objects[key] = body

    async def keys(self, prefix: str) -> list[str]:
        self._answer()
        return sorted(key for key in self.objects if key.startswith(prefix))

    async def get(self, key: str) -> bytes:
        self._answer()
        if key not in self.objects:
            raise HeadsUnavailable("there is no such object")
        return self.objects[key]

    def _answer(self) -> None:
        if not self.available:
            raise HeadsUnavailable("the object store cannot be used")
