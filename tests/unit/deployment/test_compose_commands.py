"""What docker-compose.yml runs, held against the programs themselves and their own words."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config import Settings
from storage.embedded import binaries, server_postgres
from tests.unit.deployment.files import (
    DEPLOY,
    ROOT,
    compose,
    mounted_secrets,
    ours,
    output,
    services,
    settings_of,
)
from web.cli.commands import maxray


class TestCommands:
    @pytest.mark.parametrize("name", ours())
    def test_ours_are_programs_of_ours(self, name: str) -> None:
        service = services()[name]
        match service.get("entrypoint", ["ray-node"]) + service["command"]:
            case ["ray-node", "head" | "worker"]:
                pass  # test_ray_node.py has what these run
            case ["ray-node", "python", "-P", "-m", module]:
                assert importlib.util.find_spec(module) is not None
            case ["maxray", command, *options]:
                found = maxray.get_command(maxray.make_context("maxray", [command]), command)
                assert found is not None
                found.make_context(command, list(options))
            case other:
                pytest.fail(f"{name}: what is {other}?")

    def test_postgresql_takes_every_option_and_is_set_as_the_embedded_one(self) -> None:
        program, *words = services()["postgres"]["command"]
        assert program == "postgres"
        assert set(words[::2]) == {"-c"}
        options = dict(word.split("=", 1) for word in words[1::2])
        described = output(binaries.postgres(), "--describe-config").splitlines()
        # Names are the same in either case to PostgreSQL.
        assert options.keys() <= {line.partition("\t")[0].lower() for line in described}
        addresses = {"listen_addresses", "unix_socket_directories"}
        embedded = server_postgres._CONFIGURATION
        assert options == {name: v for name, v in embedded.items() if name not in addresses}

    def test_initdb_and_pg_isready_take_their_options(self) -> None:
        service = services()["postgres"]
        for program, words in (
            ("initdb", service["environment"]["POSTGRES_INITDB_ARGS"].split()),
            ("pg_isready", service["healthcheck"]["test"][2:]),
        ):
            helped = output(binaries.postgres(program), "--help")
            for word in words:
                assert re.search(rf"{re.escape(word.partition('=')[0])}\b", helped), word

    def test_seaweedfs_takes_every_flag(self) -> None:
        words = services()["s3"]["command"]
        split = words.index("mini")
        for flags, helped in (
            (words[:split], output(binaries.weed(), "-h")),
            (words[split + 1 :], output(binaries.weed(), "mini", "-h")),
        ):
            known = set(re.findall(r"^  -([\w.]+)", helped, re.MULTILINE))
            given = {flag.partition("=")[0].removeprefix("-") for flag in flags}
            assert given <= known, given - known
        assert f"-bucket={Settings().s3_bucket}" in words

    def test_the_proxy_passes_on_to_the_web_and_is_asked_where_it_answers(self) -> None:
        caddyfile = (DEPLOY / "Caddyfile").read_text()
        assert re.search(r"dynamic a \{\s+name web\s+port 8000\b", caddyfile)
        assert "{$SITE:localhost} {" in caddyfile
        assert r"request>uri regexp \?.* ?…" in caddyfile, (
            "queries with tokens and names are logged"
        )
        assert "request>headers delete" in caddyfile
        check = urlsplit(services()["caddy"]["healthcheck"]["test"][-1])
        assert f"{check.scheme}://{check.netloc} {{" in caddyfile
        assert f"respond {check.path} 200" in caddyfile
        [mounted] = services()["caddy"]["configs"]
        assert mounted["target"] in services()["caddy"]["command"]
        assert (ROOT / compose()["configs"][mounted["source"]]["file"]) == DEPLOY / "Caddyfile"

    def test_links_lead_to_the_proxy(self, secrets: Path) -> None:
        settings = settings_of("web", secrets)
        assert settings.public_url == f"https://{services()['caddy']['environment']['SITE']}"
        assert settings.smtp_url is not None

    def test_the_paths_of_configuration_files_are_mounted(self) -> None:
        s3 = services()["s3"]
        assert f"-s3.config={mounted_secrets(s3)['s3_identities']}" in s3["command"]
        assert mounted_secrets(s3)["s3_security"] == "/etc/seaweedfs/security.toml"
        redis = services()["redis"]
        assert redis["command"][1] == mounted_secrets(redis)["redis_auth"]
        [role] = services()["postgres"]["configs"]
        assert role["target"].startswith("/docker-entrypoint-initdb.d/")
        assert role["target"].endswith(".sh")
        assert (ROOT / compose()["configs"][role["source"]]["file"]).is_file()
