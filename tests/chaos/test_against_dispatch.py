"""The checker and its model of a region, against what the real entities do when the bus does its
worst: nothing they write is a violation, and the model knows what the dispatcher knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine

from actors.domain.dispatch.preemptive_lookahead import PreemptiveLookahead
from actors.domain.dispatcher.rules import DispatchRules
from actors.domain.kernel import Behaviour, Decision
from actors.domain.registry import kinds
from storage.journal_export import told
from tests.chaos.check_journal import STUCK_S, rules, violations
from tests.chaos.journal import Claim, End, Entity, Event, Line
from tests.chaos.region import Region
from tests.unit.actors.domain.test_dispatch_protocol import DispatchProtocol
from tests.unit.actors.domain.world import World

# A repeated message may do on its second arrival what it could not on its first; the runtime, which
# knows messages by their ids, is not in this world.
_NOT_HERE = {"command-once"}


class Recorded(World):
    """Writes down what an export of it would say."""

    def __init__(self, kinds: Mapping[str, Behaviour[Any]]) -> None:
        super().__init__(kinds)
        self.lines: list[Line] = []
        self._versions: dict[str, int] = {}

    def _handle(self, message: Any) -> Decision:
        decision = super()._handle(message)
        ref = str(message.to)
        for event in decision.events:
            version = self._versions[ref] = self._versions.get(ref, 0) + 1
            seq = len(self.lines) + 1
            said = told(message.to.kind, msgspec.to_builtins(event))
            # Each handling is a command of its own; in life a repeat is none.
            command = f"{len(self.delivered)}"
            self.lines.append(Event(seq, ref, version, self.now, command, said))
        return decision

    def exported(self) -> list[Line]:
        """As it stands."""
        claims = [
            Claim(claim.key, claim.holder)
            for ref, state in self.states.items()
            for claim in self.kinds[ref.kind].claims(state)
        ]
        rows = [Entity(ref, version) for ref, version in self._versions.items()]
        return [*self.lines, *rows, *claims, End(len(self.lines), self.now, 0)]


class RecordedProtocol(DispatchProtocol):
    """The same people and the same bus."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        self.world: Recorded = Recorded(kinds(DispatchRules(), self.policy))
        self.raised = 0
        self.set_up(self.world)

    def teardown(self) -> None:
        self._judge(running=True)
        super().teardown()
        self._judge(running=False)

    def _judge(self, *, running: bool) -> None:
        # While the bus holds an answer back, what waits for it is not stuck.
        stuck_s = float("inf") if running else STUCK_S
        all_rules = rules(stuck_s=stuck_s, running=running)
        held = [rule for rule in all_rules if rule.name not in _NOT_HERE]
        assert list(map(str, violations(self.world.exported(), held))) == []
        region = Region()
        for line in self.world.lines:
            if isinstance(line, Event) and line.kind == "dispatcher":
                region.take(line)
        assert region.unknown == set()
        dispatcher = self.world.dispatcher
        assert region.reserved == dispatcher.reserved
        assert region.cases.keys() == dispatcher.cases.keys()
        for key, case in dispatcher.cases.items():
            found = region.cases[key]
            assert (found.phase, found.task, found.unit) == (case.phase, case.task, case.unit)
            assert found.refused_by == set(case.refused_by)
            assert (found.priority, found.needs) == (case.card.priority, case.card.needs)
            assert (found.retry_at, found.expires_at) == (case.retry_at, case.expires_at)
            assert found.preempted == case.preempted


class RecordedPreempting(RecordedProtocol):
    """With a policy that takes units from one emergency for another, and waits for busy ones."""

    policy = PreemptiveLookahead()


_SETTINGS = settings(
    max_examples=20,
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAgainstDispatch = RecordedProtocol.TestCase
TestAgainstDispatch.settings = _SETTINGS
TestAgainstPreempting = RecordedPreempting.TestCase
TestAgainstPreempting.settings = _SETTINGS
