"""What DESIGN §3 promises, seen through the router: one file a promise.

Subclass a contract and give the fixture `stage`. `RuntimeContract` holds on every transport;
`LocalRuntimeContract` adds what needs a hand inside the process: faults of the journal, held
commits, two owners of one slot.
"""

from __future__ import annotations

import pytest

from actors.limits import Limits
from tests.contracts.runtime.acknowledged import Acknowledged
from tests.contracts.runtime.bounds import Bounds
from tests.contracts.runtime.claims import Claims
from tests.contracts.runtime.exactly_once import ExactlyOnce
from tests.contracts.runtime.faults import Faults, LocalFaults
from tests.contracts.runtime.messages import LocalMessages, Messages
from tests.contracts.runtime.one_writer import OneWriter
from tests.contracts.runtime.placement import Placement
from tests.contracts.runtime.publications import LocalPublications, Publications
from tests.contracts.runtime.timers import LocalTimers, Timers
from tests.contracts.runtime.unknown_outcomes import UnknownOutcomes


class RuntimeContract(
    Acknowledged, ExactlyOnce, Messages, Timers, Claims, Faults, Publications, Placement
):
    @pytest.fixture
    def limits(self, request: pytest.FixtureRequest) -> Limits | None:
        """The shards' bounds; a test that needs small ones sets them as its parameter."""
        return getattr(request, "param", None)


class LocalRuntimeContract(
    UnknownOutcomes,
    OneWriter,
    LocalMessages,
    LocalTimers,
    Bounds,
    LocalFaults,
    LocalPublications,
    RuntimeContract,
):
    """On a `LocalStage`."""
