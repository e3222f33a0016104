"""Secrets and settings of docker-compose.yml, held against the settings' own loader."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from config import Settings
from config.settings import ACCEPTED
from storage.embedded import server_ray
from storage.embedded.folder import DataFolder
from tests.unit.deployment.files import (
    ROOT,
    SECRETS_MOUNT,
    compose,
    environment,
    mounted_secrets,
    ours,
    services,
    settings_of,
)


class TestSecrets:
    def test_each_is_declared_generated_and_used(self, secrets: Path) -> None:
        declared = compose()["secrets"]
        used = {source for s in services().values() for source in mounted_secrets(s)}
        generated = {path.name for path in secrets.iterdir()} - {".gitignore"}
        assert declared.keys() == used == generated
        for name, declaration in declared.items():
            assert declaration == {"file": f"config/deploy/secrets/{name}"}

    @pytest.mark.parametrize("name", services())
    def test_a_service_names_no_secret_that_it_does_not_mount(self, name: str) -> None:
        service = services()[name]
        text = json.dumps([service.get("command"), service.get("environment")])
        text += json.dumps(service.get("healthcheck"))
        named = set(re.findall(rf"{SECRETS_MOUNT}/\w+", text))
        assert named <= set(mounted_secrets(service).values())

    def test_none_is_in_the_file_itself(self, secrets: Path) -> None:
        text = (ROOT / "docker-compose.yml").read_text()
        for variable in re.findall(r"^\s+(\w*(?:PASSWORD|SECRET|TOKEN)\w*):", text, re.MULTILINE):
            assert variable.endswith(("_FILE", "_PATH")), variable


class TestSettings:
    @pytest.mark.parametrize("name", ours())
    def test_the_loader_takes_every_variable(self, name: str, secrets: Path) -> None:
        settings_of(name, secrets)

    def test_the_web_has_all_it_needs_and_listens_where_it_is_published(
        self, secrets: Path
    ) -> None:
        settings = settings_of("web", secrets)
        needed = (
            "database_url",
            "redis_url",
            "ray_address",
            "token_secret",
            "master_key",
            "s3_url",
        )
        assert all(getattr(settings, name) is not None for name in needed)
        assert (settings.host, settings.port) == ("0.0.0.0", 8000)
        assert settings.log_format == "json"

    def test_the_shards_keeper_and_the_web_are_told_the_same(self, secrets: Path) -> None:
        keeper, web = settings_of("shards", secrets), settings_of("web", secrets)
        for name in ("database_url", "redis_url", "ray_address", "shards"):
            assert getattr(keeper, name) == getattr(web, name) is not None

    def test_addresses_are_those_of_the_services(self, secrets: Path) -> None:
        settings = settings_of("web", secrets)
        assert settings.database_url and settings.redis_url
        assert "@postgres:5432/maxray" in settings.database_url.reveal()
        assert "@redis:6379/0" in settings.redis_url.reveal()
        assert settings.s3_url == "http://s3:8333"
        assert settings.ray_address == "ray-head:6379"

    def test_what_the_shell_may_set_reaches_every_part_that_is_told_of_settings(self) -> None:
        passed = {
            name: {v.lower() for v, value in s.get("environment", {}).items() if value is None}
            for name, s in services().items()
        }
        assert passed["web"] == passed["shards"] != set()
        assert {name.removeprefix("maxray_") for name in passed["web"]} < set(ACCEPTED)

    def test_what_is_not_said_has_the_settings_own_default(self, secrets: Path) -> None:
        said = {
            variable.lower().removeprefix("maxray_") for variable in environment(services()["web"])
        }
        web, default = settings_of("web", secrets), Settings()
        for name in ACCEPTED.keys() - said - {f.removesuffix("_file") for f in said}:
            assert getattr(web, name) == getattr(default, name), name

    def test_the_cluster_is_set_up_as_the_embedded_one(self, tmp_path: Path) -> None:
        here = {"RAY_AUTH_TOKEN_PATH", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"}
        embedded = server_ray.driver_environment(DataFolder(tmp_path)).items()
        wanted = {name: value for name, value in embedded if name not in here}
        for name in ("ray-head", "ray-worker", "shards", "web"):
            assert wanted.items() <= environment(services()[name]).items(), name
            assert (
                f"{SECRETS_MOUNT}/ray_token" == environment(services()[name])["RAY_AUTH_TOKEN_PATH"]
            )
