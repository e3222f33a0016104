"""What is seen while a replay runs."""

from __future__ import annotations

from datetime import datetime, tzinfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from web.replay.player import Player

_PER_S = 4.0


class Display:
    """A `with` block around a play; call `refresh` where something has happened."""

    def __init__(self, console: Console, player: Player, zone: tzinfo) -> None:
        self._player = player
        self._zone = zone
        self._bars = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        total = len(player.calls)
        self._raised = self._bars.add_task("raised", total=total)
        self._ended = self._bars.add_task("ended", total=total)
        self._live = Live(
            console=console, get_renderable=self._shown, refresh_per_second=_PER_S, transient=True
        )

    def __enter__(self) -> Display:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _shown(self) -> RenderableType:
        player = self._player
        self._bars.update(self._raised, completed=len(player.ledger.acknowledged))
        self._bars.update(self._ended, completed=player.ended)
        facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        clock = player.clock
        now = "–" if clock is None else f"{datetime.fromtimestamp(clock.now(), self._zone):%c}"
        facts.add_row("phase", player.phase)
        facts.add_row("virtual time", now)
        facts.add_row("units busy", f"{player.ledger.busy()} of {len(player.devices)}")
        facts.add_row("waiting", str(player.waiting))
        facts.add_row("sockets cut", str(player.reconnects))
        return Group(self._bars, facts)
