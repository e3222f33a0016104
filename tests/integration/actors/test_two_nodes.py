"""Two Ray nodes on one machine; one of them is lost."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.integration.actors.two_nodes import SHARDS, Outcome

ROOT = Path(__file__).parents[3]
# How soon Ray notices the loss: the defaults are made for wide networks.
HEALTH = {
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "2",
}


async def test_the_shards_of_a_lost_node_move_to_the_other_and_nothing_is_lost(
    database: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    streams = tmp_path / "streams"
    streams.mkdir()
    environment = {
        **os.environ,
        **HEALTH,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_prestart_worker_first_driver": "false",
        "RAY_enable_metrics_collection": "false",
        "RAY_worker_niceness": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    # Ray's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="mx", dir="/tmp") as temp_dir:
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.actors.two_nodes",
            database,
            str(streams),
            temp_dir,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )
        out, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()
    outcome = msgspec.json.decode(out.splitlines()[-1], type=Outcome)
    assert len(set(outcome.before)) == 2, "the shards were spread over both nodes"
    assert outcome.lost in outcome.before
    assert set(outcome.after) == set(outcome.before) - {outcome.lost}
    assert len(outcome.acknowledged) == 2 * SHARDS
    assert outcome.balances == outcome.acknowledged
    assert outcome.gaps == []
