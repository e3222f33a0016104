"""Which emergency gets which unit so that all together cost least."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from actors.domain.places import Array


def cheapest(cost: Array, left_out: Array) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost; row i may be left out, which costs `left_out[i]`.

    Infinite costs are pairs that cannot be. A row is left out rather than paired at equal cost.
    Optimal (the rectangular shortest augmenting path method, Crouse 2016,
    doi:10.1109/TAES.2016.140952); equally good matchings are decided by the order of rows and
    columns, so give them in an order of their own.
    """
    if not cost.size:
        return []
    # What a pair saves over leaving its row out. A pair that saves nothing is the same as none,
    # which makes a partial matching one that scipy knows: a full one.
    saving = np.minimum(cost - left_out[:, None], 0.0)
    if len(saving) == 1:
        best = int(saving[0].argmin())
        return [(0, best)] if saving[0, best] < 0.0 else []
    kept = _worth_a_look(saving)
    if not kept.size:
        return []
    saving = saving[:, kept]
    rows, columns = linear_sum_assignment(saving)
    saved = saving[rows, columns] < 0.0
    return list(zip(rows[saved].tolist(), kept[columns[saved]].tolist(), strict=True))


def _worth_a_look(saving: Array) -> npt.NDArray[np.intp]:
    """The columns that a best matching can be found among, in their order.

    None that saves nothing; and with n rows at most n - 1 others can stand in a row's way, so its n
    best columns are enough.
    """
    rows = len(saving)
    kept = np.flatnonzero(saving.min(axis=0) < 0.0)
    if len(kept) <= 4 * rows:
        return kept
    best = np.argpartition(saving[:, kept], rows - 1, axis=1)[:, :rows]
    return kept[np.unique(best)]
