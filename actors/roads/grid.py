"""The streets of a made-up city: a grid, some of it missing, with avenues and rush hours."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

# A city's blocks; every fourth street is an avenue.
BLOCK_M: Final = 250.0
_AVENUE_EVERY: Final = 4
_AVENUE, _STREET = "primary", "residential"
# Streets that are not there. Avenues all are, so that everything stays reachable.
_MISSING: Final = 0.1
# Hours with their factors on avenues, where the traffic is.
_RUSH: Final = {7: 0.7, 8: 0.6, 9: 0.75, 16: 0.7, 17: 0.55, 18: 0.65, 19: 0.8}


def write_grid(folder: Path, size_m: float, seed: int) -> tuple[Path, Path, Path]:
    """nodes.csv, arcs.csv and hours.csv of a square of `size_m`. Same arguments, same bytes.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    side = max(1, round(size_m / BLOCK_M)) + 1
    nodes = (
        (f"n{column}-{row}", column * BLOCK_M, row * BLOCK_M)
        for column, row in product(range(side), repeat=2)
    )
    random = np.random.Generator(np.random.PCG64(seed))
    hours = ((hour, _AVENUE, factor) for hour, factor in _RUSH.items())
    return (
        _put(folder / "nodes.csv", ("id", "x", "y"), nodes),
        _put(folder / "arcs.csv", ("from", "to", "metres", "class"), _arcs(side, random)),
        _put(folder / "hours.csv", ("hour", "class", "factor"), hours),
    )


def _arcs(side: int, random: np.random.Generator) -> Iterator[tuple[str, str, float, str]]:
    """Both ways of each block between neighbours."""
    for column, row in product(range(side), repeat=2):
        ends = ((column + 1, row, row), (column, row + 1, column))
        for to_column, to_row, street in ends:
            avenue = street % _AVENUE_EVERY == 0
            missing = random.uniform() < _MISSING and not avenue
            if missing or to_column >= side or to_row >= side:
                continue
            here, there = f"n{column}-{row}", f"n{to_column}-{to_row}"
            kind = _AVENUE if avenue else _STREET
            yield here, there, BLOCK_M, kind
            yield there, here, BLOCK_M, kind


def _put(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return file
