"""A child process of a test, read line by line, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 45.0


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAXRAY_")}
    return {**kept, "PYTHONPATH": str(ROOT), **(extra or {})}


@asynccontextmanager
async def child(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    prefix: tuple[str, ...] = (),
) -> AsyncIterator[Process]:
    """`python ARGUMENT…` in the checkout, output and errors together; killed on leaving."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=clean_environment(environment),
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        assert process.stdout is not None
        await process.stdout.read()
        await process.wait()


async def line_with(process: Process, text: str, within_s: float = WITHIN_S) -> str:
    """Read lines until one holds `text`; answer it. Fails with what was read at the end."""
    assert process.stdout is not None
    read = []
    async with asyncio.timeout(within_s):
        while line := (await process.stdout.readline()).decode():
            read.append(line)
            if text in line:
                return line
    raise AssertionError(f"it ended without saying {text!r}:\n{''.join(read)}")


async def ended(process: Process, within_s: float = WITHIN_S) -> tuple[int, str]:
    """Wait for its end; its exit status and what it still said."""
    assert process.stdout is not None
    async with asyncio.timeout(within_s):
        said = (await process.stdout.read()).decode()
        return await process.wait(), said
