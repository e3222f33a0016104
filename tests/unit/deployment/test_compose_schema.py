"""docker-compose.yml is what Docker Compose reads.

There is no Docker engine where the tests run. The file is held against the published schema
(schemas/compose-spec.json: the compose specification's, Apache-2.0, as Docker Compose 2.40.3 has
it); where the client has the compose plugin, that reads it as well.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

from tests.unit.deployment.files import (
    ROOT,
    compose,
)


def test_it_fits_the_published_schema() -> None:
    schema = json.loads((Path(__file__).parent / "schemas" / "compose-spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert not [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(compose())]
    assert list(validator.iter_errors({"services": {"a": {"imagee": "x"}}})), "it refuses nothing"


def test_docker_compose_itself_reads_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True).returncode
    ):
        pytest.skip("the docker client with its compose plugin is not installed")
    command = [docker, "compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
