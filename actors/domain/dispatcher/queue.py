"""Who waits in a region: what the policy is asked about, and what people are told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from actors.domain.dispatch import Waiting
from actors.domain.dispatcher.case import Case
from actors.domain.dispatcher.kin import Compared
from actors.domain.dispatcher.roster import Roster


class Queue(Struct, frozen=True):
    """Who waits: `shown`, all that the policy is asked about; `wished`, for whom a human has
    chosen, held ones too; `untold`, those shown of whom ops does not know that no unit is free.
    """

    shown: tuple[Waiting, ...]
    wished: Sequence[Case]
    untold: Sequence[Case]


_NOBODY: Final = Queue((), (), ())


class Queued:
    """The queue as it was last read of one region's cases; of fewer than `few`, all are read."""

    __slots__ = ("_diverting", "_few", "_read", "_shown", "_untold", "_waiting", "_wished")

    def __init__(self, few: int) -> None:
        self._few = few
        # Of few cases, who waits as it was shown, by the identity of the case.
        self._shown: dict[int, tuple[Case, Waiting]] = {}
        self._read: Mapping[str, Case] = {}
        self._waiting = Roster[Waiting]()
        self._wished: dict[str, Case] = {}
        self._untold: dict[str, Case] = {}
        self._diverting: dict[str, Case] = {}

    def diverting(self, cases: Mapping[str, Case]) -> Sequence[Case]:
        """Those of these cases, of which `queue` has just been asked, that ask a unit to leave
        another."""
        some = cases if len(cases) < self._few else self._diverting
        return [case for case in some.values() if case.diverts is not None]

    def queue(self, cases: Mapping[str, Case], compared: Compared) -> Queue:
        """That of these cases."""
        if len(cases) < self._few:
            return self._of_few(cases)
        for key in compared.changed(self._read, cases):
            self._put(key, cases.get(key))
        self._read = cases
        return Queue(
            self._waiting.entries(), list(self._wished.values()), list(self._untold.values())
        )

    def _of_few(self, cases: Mapping[str, Case]) -> Queue:
        waiting = [case for case in cases.values() if case.phase == "waiting"]
        if not waiting:
            return _NOBODY
        before, self._shown = self._shown, {}
        shown: list[Waiting] = []
        untold: list[Case] = []
        for case in waiting:
            if case.card.held:
                continue
            at = id(case)
            known = self._shown[at] = before.get(at) or (case, shown_waiting(case))
            shown.append(known[1])
            if not case.starved:
                untold.append(case)
        wished = [case for case in waiting if case.wish is not None]
        return Queue(tuple(shown), wished, untold)

    def _put(self, key: str, case: Case | None) -> None:
        if case is None or case.diverts is None:
            self._diverting.pop(key, None)
        else:
            self._diverting[key] = case
        if case is not None and case.phase != "waiting":
            case = None
        if case is None or case.wish is None:
            self._wished.pop(key, None)
        else:
            self._wished[key] = case
        if case is None or case.card.held:
            self._untold.pop(key, None)
            if key in self._waiting:
                self._waiting.put(key, None)
            return
        if case.starved:
            self._untold.pop(key, None)
        else:
            self._untold[key] = case
        self._waiting.put(key, shown_waiting(case))


def shown_waiting(case: Case) -> Waiting:
    """Where units wait for the go-ahead, that is where they go first."""
    card = case.card
    return Waiting(
        case.key,
        card.priority,
        card.raised_at,
        card.staging or card.location,
        card.needs,
        case.refused_by,
        card.vehicles,
        case.preempted,
    )
