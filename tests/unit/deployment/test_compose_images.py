"""Which images docker-compose.yml runs: pinned, of the versions that the tests run on."""

from __future__ import annotations

import re
import tomllib

from storage.embedded import binaries
from tests.unit.deployment.files import (
    PINNED,
    ROOT,
    THIRD_PARTY,
    image_environment,
    ours,
    output,
    services,
)


class TestImages:
    def test_those_of_others_are_pinned_by_version_and_digest(self) -> None:
        for name in THIRD_PARTY:
            assert PINNED.fullmatch(services()[name]["image"]), name

    def test_ours_is_built_from_the_checkout_and_carries_the_projects_version(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for name in ours():
            assert services()[name]["image"] == f"maxray:{project['version']}"
            assert services()[name]["build"] == {
                "context": ".",
                "dockerfile": "config/deploy/Dockerfile",
            }

    def test_postgresql_is_of_the_major_version_that_the_tests_run_on(self) -> None:
        tag = _tag("postgres")
        tested = output(binaries.postgres(), "--version")
        assert re.search(r"\) (\d+)", tested)[1] == tag.partition(".")[0] == "18"  # type: ignore[index]  # None fails the test too

    def test_seaweedfs_is_the_version_that_the_tests_run_on(self) -> None:
        assert f" {_tag('s3')} " in output(binaries.weed(), "version")

    def test_no_registry_is_named(self) -> None:
        for service in services().values():
            first, slash, _ = service["image"].partition("/")
            assert not slash or not re.search(r"[.:]", first)


def _tag(service: str) -> str:
    found = PINNED.fullmatch(services()[service]["image"])
    assert found is not None
    return found["tag"]


def test_the_image_says_nothing_that_compose_would_have_to_undo() -> None:
    assert image_environment()["MAXRAY_CONFIG"] == "/dev/null"
