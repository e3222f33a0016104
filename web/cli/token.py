"""`maxray token`: a bearer token for a role and a subject."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import get_args

import rich_click as click

from storage.embedded.errors import EmbeddedError
from storage.embedded.folder import DataFolder, random_secret
from web import tokens
from web.cli.exits import Exit
from web.cli.options import config_option, data_option, fail, settings_or_exit

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Lifetime(click.ParamType[float]):
    """A duration such as 45s, 30m, 8h or 7d, in seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        if matched is None or not float(matched[1]) > 0:
            self.fail(f"{value!r} is no duration; write 45s, 30m, 8h or 7d", param, ctx)
        return float(matched[1]) * _UNITS_S[matched[2]]


@click.command()
@click.option(
    "--role",
    type=click.Choice(get_args(tokens.TokenRole)),
    required=True,
    help="What its bearer may do.",
)
@click.option("--subject", required=True, metavar="ID", help="Who its bearer is.")
@click.option(
    "--ttl", type=Lifetime(), default="8h", show_default=True, help="How long it is good."
)
@data_option
@config_option
def token(
    role: tokens.TokenRole, subject: str, ttl: float, data: Path | None, config: Path | None
) -> None:
    """Print a bearer token, signed with the data folder's token secret.

    **Examples**

    - `maxray token --role ops --subject alice`
    - `maxray token --role paramedic --subject unit-7 --ttl 12h`
    - `curl -H "Authorization: Bearer $(maxray token --role ops --subject me)" …`
    """
    settings = settings_or_exit(config, data=data)
    if settings.token_secret is not None:
        secret = settings.token_secret.reveal()
    else:
        try:
            secret = DataFolder(settings.data).secret("token", random_secret)
        except EmbeddedError as error:
            fail(Exit.FAILED, str(error))
    click.echo(tokens.issue(secret, role, subject, ttl, time.time()))
