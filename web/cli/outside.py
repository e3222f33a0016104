"""The servers that the settings say run elsewhere: where they are, and whether they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from config import Secret, Settings
from realtime.broker.sharding import split_urls
from storage.embedded import NotReady, S3Access
from storage.embedded import probe as ask
from web.cli.running import kept_settings

# Between two questions to one that is awaited: somebody watches, and a refusal costs little.
_ASK_EVERY_S: Final = 0.2


class OutsideUnreachable(Exception):
    """A server that the settings say runs elsewhere does not answer."""

    def __init__(self, name: str, address: str, reason: str) -> None:
        super().__init__(f"{name} at {address} does not answer: {reason}")
        self.name = name
        self.address = address


def outside_of(settings: Settings) -> dict[str, str]:
    """Which servers are not ours to start, and where they are (without passwords)."""
    places: dict[str, str | None] = {
        "postgres": _place(settings.database_url),
        "redis": _places(settings.redis_url),
        "s3": settings.s3_url,
        "ray": settings.ray_address,
    }
    return {name: place for name, place in places.items() if place is not None}


def answered_before(data: Path, outside: Mapping[str, str]) -> bool:
    """Whether this folder's service has run with all of these: it is no mistake in the settings
    then that one is away."""
    settings = kept_settings(data)
    return settings is not None and outside.items() <= outside_of(settings).items()


async def unreachable(
    settings: Settings, outside: Mapping[str, str], wait_s: float
) -> list[OutsideUnreachable]:
    """Those that do not answer within `wait_s`, each asked at least once; of resolved settings."""

    async def asked(name: str, address: str) -> OutsideUnreachable | None:
        deadline = asyncio.get_running_loop().time() + wait_s
        while True:
            try:
                await ask_server(name, settings)
            except (NotReady, OSError) as error:
                if asyncio.get_running_loop().time() >= deadline:
                    return OutsideUnreachable(name, address, str(error) or type(error).__name__)
            else:
                return None
            await asyncio.sleep(_ASK_EVERY_S)

    found = await asyncio.gather(*(asked(name, address) for name, address in outside.items()))
    return [error for error in found if error is not None]


async def ask_server(name: str, settings: Settings) -> None:
    """Whether this server of resolved settings answers. Raises NotReady or OSError."""
    if name == "postgres":
        assert settings.database_url is not None
        await ask.postgres(settings.database_url.reveal())
    elif name == "redis":
        assert settings.redis_url is not None
        for url in split_urls(settings.redis_url.reveal()):
            await ask.redis(url)
    elif name == "s3":
        assert settings.s3_url and settings.s3_access_key and settings.s3_secret_key
        access = S3Access(
            url=settings.s3_url.rstrip("/"),
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.reveal(),
            region=settings.s3_region,
        )
        await ask.s3(access, settings.s3_bucket)
    else:
        assert settings.ray_address is not None
        await ask.ray(settings.ray_address)


def _place(url: Secret | None) -> str | None:
    return None if url is None else url.reveal().rpartition("@")[2].rpartition("//")[2]


def _places(urls: Secret | None) -> str | None:
    """Where several are, separated by commas."""
    if urls is None:
        return None
    return ", ".join(_place(Secret(url)) or "" for url in split_urls(urls.reveal()))
