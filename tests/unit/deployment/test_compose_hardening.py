"""What the containers of docker-compose.yml may do, reach and keep, as docs/deploy.md promises."""

from __future__ import annotations

import pytest
from uvicorn.middleware.proxy_headers import _TrustedHosts as TrustedHosts

from tests.unit.deployment.files import (
    compose,
    services,
)


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
