"""A scenario's travel, asked about many trips at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.places import Places
from actors.domain.travel import TravelEstimate
from actors.domain.values import Location
from actors.simulator.nearest import NearestPlace
from actors.simulator.place import Place
from actors.simulator.travel import MatrixTravel, StraightTravel

PLACES = [Place(lat=n * 0.01, lon=(n * 7 % 5) * 0.02, index=n) for n in range(6)]
ROWS = [[abs(a - b) * 10.0 + a / 3 for b in range(6)] for a in range(6)]
MATRIX = MatrixTravel(ROWS, NearestPlace(PLACES, sphere=True))

anywhere = st.one_of(
    st.sampled_from(PLACES), st.builds(Location, st.floats(-0.1, 0.2), st.floats(-0.1, 0.2))
)
some = st.lists(anywhere, max_size=5)


@pytest.mark.parametrize(
    ("travel", "digits"),
    [
        (MATRIX, 0.0),
        (StraightTravel(9.0, sphere=False), 1e-15),
        (StraightTravel(9.0, sphere=True), 1e-9),
    ],
)
@given(origins=some, targets=some)
def test_the_table_says_what_is_said_of_each_pair(
    travel: TravelEstimate, digits: float, origins: list[Location], targets: list[Location]
) -> None:
    table = travel.table(Places(origins), Places(targets))
    assert table.shape == (len(targets), len(origins))
    each = [[travel.seconds(a, b) for a in origins] for b in targets]
    np.testing.assert_allclose(
        table.reshape(-1), np.array(each).reshape(-1), rtol=digits, atol=1e-8 if digits else 0.0
    )
