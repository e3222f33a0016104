"""What cannot be read is tried again for a while, and a run keeps what was seen in any case."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from tests.chaos.__main__ import show
from tests.chaos.check_journal import rules, table
from tests.chaos.judging import (
    AMID,
    DATABASE,
    EXPORT,
    Patience,
    Said,
    late,
    quiet_export,
    unread,
)
from tests.chaos.killer import Kill
from tests.chaos.playing import Outcome, Run, calls_of, middle_s
from tests.unit.actors.fire_calls.export_file import export

REFUSED: Said = (1, "CannotConnectNowError")


class Clock:
    """Time passes by pauses alone."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    async def pause(self, seconds: float) -> None:
        self.at += seconds

    def patience(self, limit_s: float = 5.0) -> Patience:
        return Patience(limit_s=limit_s, now=self.now, pause=self.pause)


class Exports:
    """`outboxes`: what each attempt leaves in its file; None where it is refused. The last again
    and again."""

    def __init__(self, outboxes: Iterable[int | None]) -> None:
        self.left = list(outboxes)
        self.asked = 0

    async def __call__(self, path: Path) -> Said:
        self.asked += 1
        outbox = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if outbox is None:
            return REFUSED
        path.write_text(json.dumps({"end": {"outbox": outbox}}) + "\n")
        return 0, ""


async def found(tmp_path: Path, *outboxes: int | None) -> tuple[str | None, Said, int, float]:
    clock, export = Clock(), Exports(outboxes)
    path, said = await quiet_export(export, tmp_path, clock.patience())
    return None if path is None else path.name, said, export.asked, clock.at


async def test_a_postgresql_that_was_killed_just_now_is_waited_for(tmp_path: Path) -> None:
    name, (code, _), asked, _ = await found(tmp_path, None, None, 0)
    assert (name, code, asked) == ("journal-3.jsonl", 0, 3)


async def test_one_that_does_not_come_back_is_said_and_no_error(tmp_path: Path) -> None:
    assert await found(tmp_path, None) == (None, REFUSED, 6, 5.0)


async def test_messages_under_way_are_waited_for_from_when_they_can_be_seen(
    tmp_path: Path,
) -> None:
    name, _, _, at = await found(tmp_path, None, None, None, 2, 1, None, 1, 0)
    assert (name, at) == ("journal-8.jsonl", 6.0)


async def test_the_last_that_could_be_read_is_judged_where_messages_stay(tmp_path: Path) -> None:
    name, _, asked, _ = await found(tmp_path, 3, 3, None)
    assert (name, asked) == ("journal-2.jsonl", 7)


async def test_only_what_may_pass_is_tried_again() -> None:
    clock, codes = Clock(), iter([2, 2, 1, 0])

    async def attempt() -> Said:
        return next(codes), ""

    last = await clock.patience().last(attempt, again=unread)
    assert last == (1, "") and clock.at == 2.0


@pytest.mark.parametrize(
    ("broken", "may_pass"),
    [({"acknowledged": 2}, True), ({"acknowledged": 2, "claims": 1}, False), ({}, False)],
)
def test_only_commands_that_are_not_there_yet_may_come_later(
    broken: dict[str, int], may_pass: bool
) -> None:
    said = "\n".join(["acknowledged: e1: was acknowledged", *table(rules(), Counter(broken))])
    assert late((1 if broken else 0, said)) is may_pass


def run_of(path: Path, speed: float) -> Run:
    return Run(
        calls=path,
        day=date(2020, 4, 10),
        days=1,
        speed=speed,
        units=None,
        seed=1,
        every_s=5.0,
        weights={},
        shards=1,
        web_workers=1,
        offer_s=6.0,
        policy=None,
        limit_s=60.0,
    )


def test_the_middle_is_that_of_the_calls_and_not_of_the_day(tmp_path: Path) -> None:
    assert middle_s((), 600.0) == 0.0
    path = tmp_path / "calls.csv"
    times = ("04/09/2020 11:00:00 PM", "04/10/2020 10:00:00 AM", "04/10/2020 12:00:00 PM")
    rows = ({"Call Number": at, "Received DtTm": at} for at in times)
    path.write_text("".join(export(*rows)))
    run = run_of(path, 600.0)
    calls = calls_of(run)
    assert len(calls) == 2
    assert middle_s(calls, run.speed) == 2 * 3600 / 600 / 2


@pytest.mark.parametrize(
    ("judged", "failures", "good"),
    [
        ((), [], False),
        ((AMID, EXPORT), [], False),
        ((AMID, EXPORT, DATABASE), [], True),
        ((AMID, EXPORT, DATABASE), ["the killer died"], False),
    ],
)
def test_a_run_is_whole_only_where_all_three_checks_said_so(
    judged: tuple[str, ...], failures: list[str], good: bool
) -> None:
    checks = dict.fromkeys(judged, (0, ""))
    assert Outcome(replay_code=0, judged=checks, failures=failures).good is good
    assert not Outcome(replay_code=1, judged=checks, failures=failures).good


def test_what_was_seen_is_shown_also_of_a_run_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = Outcome(replay="replay: calls 60 assigned 60", replay_code=0, acknowledged=300)
    outcome.kills.append(Kill(12.0, "postgres", 4711))
    outcome.judged = {AMID: (0, "journal: whole"), EXPORT: REFUSED}
    show(outcome, 60.0)
    said = capsys.readouterr().out
    for part in ("calls 60", "postgres at 12 s", "300 acknowledged", REFUSED[1], "not judged"):
        assert part in said
    assert said.endswith("chaos: BROKEN\n")
