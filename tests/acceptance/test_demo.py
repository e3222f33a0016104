"""`maxray up --demo` as somebody meets it who has just typed `make run`."""

from __future__ import annotations

import re
from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.line import WITHIN_S, Line
from tests.acceptance.running import Running
from tests.integration.embedded.processes import until
from tests.waiting import until as until_awaited

CITY = "city"
# A part of the page names another one by its path, a module its neighbours.
PART = re.compile(r'"(?:\./|/ui/)([\w.-]+)"')


async def test_emergencies_flow_and_the_printed_link_shows_it_live(service: Running) -> None:
    link = urlsplit(service.page)
    assert service.page.startswith(f"{service.url}/#")
    (token,) = parse_qs(link.fragment)["token"]

    async def a_crew_is_on_its_way() -> bool:
        found = await service.ask("GET", f"/api/emergencies?region={CITY}", token)
        return any("en_route" in emergency["times"] for emergency in found["items"])

    await until_awaited(a_crew_is_on_its_way)
    async with Line(service.url, token) as line:
        await line.listen(f"ops:{CITY}")
        fleet = await line.listen(f"fleet:{CITY}")
        places = defaultdict(set)

        def one_drives() -> bool:
            for row in fleet.data:
                places[row["unit"]].add((row["position"]["lat"], row["position"]["lon"]))
            return max(map(len, places.values()), default=0) > 2

        await until(one_drives, WITHIN_S, "a unit is seen at several places")
        assert len(places) >= 20  # who comes is shown all of them
        assert {row["status"] for row in fleet.data} >= {"available", "on_task"}


async def test_the_first_page_is_served_with_all_of_its_parts(service: Running) -> None:
    page = await service.answer("GET", "/", None)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert f'data-region="{CITY}"' in page.text
    found, to_ask = set(), set(PART.findall(page.text))
    while to_ask:
        name = to_ask.pop()
        found.add(name)
        part = await service.answer("GET", f"/ui/{name}", None)
        assert part.status_code == 200, name
        if name.endswith(".js"):
            to_ask |= set(PART.findall(part.text)) - found
    assert found >= {"page.js", "page.css", "icon.svg", "centrifuge.js"}


async def test_status_health_figures_and_the_apis_description_answer(service: Running) -> None:
    code, status = await service.status()
    assert (code, status["healthy"], status["url"]) == (0, True, service.url)
    names = {process["name"] for process in status["processes"]}
    assert names == {"postgres", "redis", "s3", "ray", "shards", "web-1", "web-2", "demo"}
    assert (await service.ask("GET", "/health/live", None))["status"] == "ok"
    ready = await service.ask("GET", "/health/ready", None)
    assert set(ready["parts"].values()) == {"ok"}
    document = await service.ask("GET", "/schema", await service.ops())
    assert document["openapi"].startswith("3.1.")
    assert "/api/patients/{patient_id}/emergency" in document["paths"]
    assert (await service.answer("GET", "/metrics", None)).status_code == 401
    answer = await service.answer("GET", "/metrics", await service.ops())
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    up = {sample.labels["shard"]: sample.value for sample in families["maxray_shard_up"].samples}
    assert up == {"0": 1.0, "1": 1.0}
    commands = families["maxray_shard_commands"].samples
    assert sum(sample.value for sample in commands) > 0
