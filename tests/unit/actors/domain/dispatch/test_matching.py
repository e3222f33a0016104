"""Matchings are the cheapest there are: against all of them, where they can be counted."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actors.domain.dispatch.matching import cheapest
from actors.domain.places import Array

costs = st.tuples(st.integers(1, 4), st.integers(0, 5)).flatmap(
    lambda shape: arrays(
        np.float64, shape, elements=st.integers(0, 40).map(float) | st.just(np.inf)
    )
)


@given(costs, st.integers(0, 50))
def test_no_other_matching_costs_less(cost: Array, left_out: int) -> None:
    price = np.full(cost.shape[0], float(left_out))
    pairs = cheapest(cost, price)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert total(cost, price, pairs) == min(
        total(cost, price, [(row, column) for row, column in enumerate(chosen) if column >= 0])
        for chosen in choices(*cost.shape)
    )


@given(st.integers(1, 2), st.integers(9, 20), st.integers(0, 2**32 - 1))
def test_nor_where_most_columns_are_not_looked_at(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 60, (rows, columns)).astype(np.float64)
    price = np.full(rows, 50.0)
    assert total(cost, price, cheapest(cost, price)) == min(
        total(cost, price, [(row, column) for row, column in enumerate(chosen) if column >= 0])
        for chosen in choices(rows, columns)
    )


def test_a_row_that_costs_as_much_left_out_is_left_out() -> None:
    assert cheapest(np.array([[5.0, 7.0]]), np.array([5.0])) == []
    assert cheapest(np.array([[5.0, 4.0]]), np.array([5.0])) == [(0, 1)]
    assert cheapest(np.empty((2, 0)), np.array([1.0, 1.0])) == []


def choices(rows: int, columns: int) -> list[tuple[int, ...]]:
    """All ways to give each row a column of its own, or none (-1)."""
    return list(set(permutations([*range(columns), *[-1] * rows], rows)))


def total(cost: Array, price: Array, pairs: list[tuple[int, int]]) -> float:
    paired = dict(pairs)
    return sum(
        float(cost[row, paired[row]]) if row in paired else float(price[row])
        for row in range(len(price))
    )
