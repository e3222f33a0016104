"""Shortest travel times over a road network, between chosen nodes, for each kind of hour.

Dijkstra from each node (scipy.sparse.csgraph), once for each set of speeds that hours share, kept
on disk under a hash of everything that goes into it: another network is another file, the same
one is never computed twice.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from actors.roads.network import HOURS, RoadNetwork

# Raised when what is stored means something else, so that no old file is read as new.
_FORMAT: Final = b"maxray-road-times-1"
# Four bytes each, and as much again while computing: 6,000 nodes are 144 MB a kind of hour.
MOST_NODES: Final = 6000


class RoadTimes(Struct, frozen=True, eq=False):
    """`seconds[kind, i, j]`: from the i-th chosen node to the j-th; infinite where there is no way.

    `kind_of_hour`: for each of 24 hours the kind whose speeds it has.
    """

    seconds: NDArray[np.float32]
    kind_of_hour: tuple[int, ...]


def road_times(network: RoadNetwork, nodes: Sequence[int], cache: Path | None) -> RoadTimes:
    """The times between these nodes (positions in `network.ids`), in their order.

    `cache`: the folder of earlier results; None keeps nothing. Raises ValueError for more than
    MOST_NODES, OSError where the cache cannot be written.
    """
    if len(nodes) > MOST_NODES:
        raise ValueError(f"{len(nodes)} nodes; at most {MOST_NODES} can be looked up")
    kinds, kind_of_hour = _kinds(network)
    if cache is None:
        return RoadTimes(_computed(network, nodes, kinds), kind_of_hour)
    file = cache / f"roads-{_digest(network, nodes)}.npy"
    if not file.exists():
        _keep(file, _computed(network, nodes, kinds))
    # Mapped, not read: processes on one machine share it.
    return RoadTimes(np.load(file, mmap_mode="r", allow_pickle=False), kind_of_hour)


def _kinds(network: RoadNetwork) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """One hour of each kind; and each hour's kind. Hours with the same factors are of one."""
    first: dict[bytes, int] = {}
    speeds = (network.factors[:, hour].tobytes() for hour in range(HOURS))
    kind_of_hour = tuple(first.setdefault(speed, len(first)) for speed in speeds)
    return tuple(map(kind_of_hour.index, range(len(first)))), kind_of_hour


def _computed(
    network: RoadNetwork, nodes: Sequence[int], hours: Sequence[int]
) -> NDArray[np.float32]:
    seconds = np.empty((len(hours), len(nodes), len(nodes)), np.float32)
    chosen = np.asarray(nodes, np.int64)
    # Several chosen places may share a node.
    sources, back = np.unique(chosen, return_inverse=True)
    for kind, hour in enumerate(hours):
        graph = _graph(network, network.seconds_by_hour(hour))
        found = dijkstra(graph, directed=True, indices=sources)
        seconds[kind] = found[:, chosen][back]
    return seconds


def _graph(network: RoadNetwork, taken: NDArray[np.float64]) -> csr_array:
    """Of parallel arcs the fastest: a sparse matrix would add them up."""
    size = len(network.ids)
    order = np.lexsort((taken, network.head, network.tail))
    tail, head = network.tail[order], network.head[order]
    first = np.ones(len(order), bool)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    # A stored zero is no arc to csgraph; a microsecond is one, and changes nothing.
    weights = np.maximum(taken[order][first], 1e-6)
    return csr_array((weights, (tail[first], head[first])), shape=(size, size))


def _digest(network: RoadNetwork, nodes: Sequence[int]) -> str:
    digest = hashlib.sha256(_FORMAT)
    for part in (
        np.asarray([len(network.ids)], np.int64), network.tail, network.head, network.metres,
        network.speed_mps, network.road_class, network.factors, np.asarray(nodes, np.int64),
    ):  # fmt: skip
        digest.update(f"{part.shape}{part.dtype}".encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:32]


def _keep(file: Path, seconds: NDArray[np.float32]) -> None:
    """Whole or not at all: two processes may come to the same result at the same time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            np.save(opened, seconds, allow_pickle=False)
        part.replace(file)
    except BaseException:  # also when interrupted: nothing half-written stays
        part.unlink(missing_ok=True)
        raise
