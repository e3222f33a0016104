"""The group `maxray`, and the list of its commands: the place to register another."""

from __future__ import annotations

import importlib
from typing import Final

import rich_click as click

from web.cli.exits import described

# name → module:attribute; a module is imported only when its command is run or described.
COMMANDS: Final = {
    "up": "web.cli.up:up",
    "status": "web.cli.status:status",
    "replay": "web.replay.cli:replay",
    "simulate": "web.cli.simulate:simulate_command",
    "scenario": "web.cli.scenario:scenario",
    "realtime": "web.cli.realtime:realtime",
    "token": "web.cli.token:token",
    "account": "web.cli.account:account",
    "audit": "web.cli.audit:audit",
    "journal": "web.cli.journal:journal",
    "migrate": "web.cli.migrate:migrate",
    "keys": "web.cli.keys:keys",
    "version": "web.cli.version:version",
}


class LazyGroup(click.RichGroup):
    """A group whose commands are imported on use: `maxray token` need not import the servers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit statuses: {described()}",
)
@click.rich_config(help_config=click.RichHelpConfiguration(text_markup="markdown", max_width=100))
def maxray() -> None:
    """MaxRay: the realtime backend of an emergency-response and telemedicine service.

    `maxray up` starts everything on this machine: PostgreSQL, Redis, S3 and Ray, all on loopback
    and all under one folder, then the shards and the web workers. Leave it with Ctrl-C.

    Every option is a setting as well: the environment variable `MAXRAY_WEB_WORKERS` or the key
    `web_workers` in `DATA/maxray.toml`. Options win over variables, variables over the file.
    """
