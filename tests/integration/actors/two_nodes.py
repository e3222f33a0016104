"""A program: shards on a Ray cluster of two nodes, one of which is lost under load.

A process is in one cluster at a time, so this is one of its own. Its last line is a JSON object
(`Outcome`) for the test that starts it; exits with a traceback when something could not be tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from ray.cluster_utils import Cluster

from actors import cluster
from actors.domain.kernel import EntityRef
from actors.errors import Unavailable
from tests.account import Deposit
from tests.integration.actors.ray_stage import RayStage

SHARDS = 4
NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "include_log_monitor": False,
    "enable_object_reconstruction": False,
}


class Outcome(Struct, frozen=True):
    """`before`, `after`: the node of each shard; `lost`: the node that was removed."""

    before: list[str]
    after: list[str]
    lost: str
    acknowledged: list[int]
    balances: list[int]
    gaps: list[str]


async def spread(database: str, folder: Path) -> tuple[RayStage, Places, list[str]]:
    """Shards on both nodes. Ray promises no more than to try: on a busy machine, where the second
    node is slow to be heard of, all may come to lie on the first, and are begun again."""
    for _ in range(5):
        stage = RayStage(database, folder, SHARDS)
        await stage.open()
        places = Places(stage)
        before = await places.look()
        if len(set(before)) > 1:
            return stage, places, before
        await stage.close()
        await cluster.stop_shards()
    raise AssertionError("the shards are never spread over both nodes")


async def run(nodes: Any, doomed: Any, database: str, folder: Path) -> Outcome:
    stage, places, before = await spread(database, folder)
    accounts = [stage.account_on(shard, f"{n}-") for shard in range(SHARDS) for n in range(2)]
    acknowledged = dict.fromkeys(accounts, 0)
    done = asyncio.Event()

    async def deposit(ref: EntityRef) -> None:
        while not done.is_set():
            await stage.ask(ref, Deposit(amount=1), timeout_s=60.0)
            acknowledged[ref] += 1

    async def more() -> None:
        """Until each account has got something since."""
        counts = dict(acknowledged)
        while any(acknowledged[ref] == counts[ref] for ref in accounts):
            await asyncio.sleep(0.01)  # a deposit takes some milliseconds

    work = asyncio.gather(*map(deposit, accounts))
    await more()
    lost: str = doomed.node_id
    await asyncio.to_thread(nodes.remove_node, doomed, allow_graceful=False)

    async def moved() -> bool:
        return lost not in await places.look()

    # Meanwhile processes of the lost node may live on beside their replacements.
    await stage.until(moved)
    await more()
    done.set()
    await work
    outcome = Outcome(
        before=before,
        after=await places.look(),
        lost=lost,
        acknowledged=list(acknowledged.values()),
        balances=await stage.balances(accounts),
        gaps=stage.streams().gaps,
    )
    await stage.close()
    await cluster.stop_shards()
    return outcome


class Places:
    """The node of each shard; of one that is out of reach, the last known."""

    def __init__(self, stage: RayStage) -> None:
        self._stage = stage
        self._known: dict[int, str] = {}

    async def look(self) -> list[str]:
        for shard in range(self._stage.shards):
            with contextlib.suppress(Unavailable):
                self._known[shard] = (await self._stage.transport.describe(shard)).node
        return [self._known[shard] for shard in range(self._stage.shards)]


def main() -> None:
    database, folder, temp_dir = sys.argv[1:]
    nodes: Any = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "include_dashboard": False, "temp_dir": temp_dir},
    )
    doomed = nodes.add_node(**NODE)
    nodes.wait_for_nodes()
    cluster.connect(nodes.address)
    try:
        outcome = asyncio.run(run(nodes, doomed, database, Path(folder)))
    finally:
        cluster.disconnect()
        nodes.shutdown()
    sys.stdout.write(f"\n{msgspec.json.encode(outcome).decode()}")


if __name__ == "__main__":
    main()
