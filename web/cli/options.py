"""Options that several commands share, and settings loaded from them or an exit that says why."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import rich_click as click
from rich.console import Console
from rich.markup import escape

from config import Settings, SettingsError, load_settings
from web.cli.exits import Exit

F = TypeVar("F", bound=Callable[..., Any])


def data_option(command: F) -> F:
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder everything is kept in.  [default: ./var]",
    )(command)


def config_option(command: F) -> F:
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Settings file, TOML.  [default: DATA/maxray.toml where it exists]",
    )(command)


def errors() -> Console:
    return Console(stderr=True)


def fail(code: Exit, message: str) -> NoReturn:
    """Say why on standard error and leave with this status."""
    errors().print(f"[bold red]maxray:[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(code)


def settings_or_exit(config: Path | None = None, **given: Any) -> Settings:
    """The settings in force with these options (None: not given); exits where one is refused."""
    try:
        return load_settings(os.environ, config=config, options=given)
    except SettingsError as error:
        fail(Exit.SETTINGS, "settings refused\n" + "\n".join(f"  {p}" for p in error.problems))
