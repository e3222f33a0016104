"""How the parts of docker-compose.yml start, wait for each other, and are known to be well."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

from tests.unit.deployment.files import (
    ROOT,
    services,
)

ONE_SHOT = {"migrate"}

LONG_RUNNING = sorted(services().keys() - ONE_SHOT)


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
