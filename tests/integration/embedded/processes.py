"""What the tests see of processes, through psutil and not through the code under test."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def mentioning(path: Path) -> list[psutil.Process]:
    """Processes whose command line or working directory lies in this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = [process.cwd(), *process.cmdline()]
            if any(str(path) in word for word in words):
                found.append(process)
    return found


def listening(processes: Iterable[psutil.Process]) -> list[tuple[str, int]]:
    """Address and port of every listening TCP socket of these."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found += [
                (str(connection.laddr.ip), int(connection.laddr.port))
                for connection in process.net_connections(kind="tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
    return found


def is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


async def until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """Poll a condition with a deadline."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.05)  # what is waited for is a process: its start or its end
