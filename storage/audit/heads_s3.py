"""Heads in an S3 bucket, embedded or outside."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final

from config import Settings
from storage.audit.errors import HeadsUnavailable

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 10.0


class S3HeadStore:
    """See `HeadStore`. An async context manager; connects when it is first used.

    Raises ValueError where the settings name no object store.
    """

    def __init__(self, settings: Settings) -> None:
        if not (settings.s3_url and settings.s3_access_key and settings.s3_secret_key):
            raise ValueError("chain heads need the settings s3_url, s3_access_key, s3_secret_key")
        self._settings = settings
        self._closing = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._failures: tuple[type[Exception], ...] = ()

    async def __aenter__(self) -> S3HeadStore:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._closing.aclose()

    async def put(self, key: str, body: bytes) -> None:
        client, bucket = await self._opened(), self._settings.s3_bucket
        try:
            await client.put_object(
                Bucket=bucket, Key=key, Body=body, ContentType="application/json"
            )
        except self._failures as error:
            raise _unavailable(error) from error

    async def keys(self, prefix: str) -> list[str]:
        client, bucket = await self._opened(), self._settings.s3_bucket
        found: list[str] = []
        try:
            async for page in client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix
            ):
                found += [item["Key"] for item in page.get("Contents", ())]
        except self._failures as error:
            raise _unavailable(error) from error
        return sorted(found)

    async def get(self, key: str) -> bytes:
        client, bucket = await self._opened(), self._settings.s3_bucket
        try:
            answer = await client.get_object(Bucket=bucket, Key=key)
            async with answer["Body"] as stream:
                body: bytes = await stream.read()
        except self._failures as error:
            raise _unavailable(error) from error
        return body

    async def _opened(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._open()
            return self._client

    async def _open(self) -> Any:
        # Here, for it takes a second that the programs which only write the trail need not spend.
        import aioboto3
        from aiohttp import ClientError as TransportError
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self._failures = (BotoCoreError, ClientError, TransportError, OSError, TimeoutError)
        settings = self._settings
        assert settings.s3_url and settings.s3_access_key and settings.s3_secret_key
        client = aioboto3.Session().client(
            "s3",
            endpoint_url=settings.s3_url.rstrip("/"),
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=settings.s3_secret_key.reveal(),
            region_name=settings.s3_region,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"max_attempts": 2, "mode": "standard"},
                # Names of embedded stores are addresses; outside ones take both styles.
                s3={"addressing_style": "path"},
                # The trailer that newer clients send by default is not known to every store.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        return await self._closing.enter_async_context(client)


def _unavailable(error: Exception) -> HeadsUnavailable:
    return HeadsUnavailable(f"the object store cannot be used ({type(error).__name__})")
