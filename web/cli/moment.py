"""A moment on the command line, as people write one who read San Francisco's record."""

from __future__ import annotations

import rich_click as click

from actors.fire_calls.export import parse_time


class Moment(click.ParamType[float]):
    """A date or date-time, local to San Francisco like the export's own; in epoch seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return value if isinstance(value, float) else parse_time(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date or time; write 2020-04-10 or 2020-04-10T18:30")
