"""The secrets of a deployment, made once, as docs/deploy.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.deployment.files import make_secrets


@pytest.fixture(scope="package")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets(directory).check_returncode()
    return directory
