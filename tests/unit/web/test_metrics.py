"""The figures of the realtime server, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

from realtime.metrics import Metrics
from web.metrics import realtime_families


def families(metrics: Metrics) -> dict[str, Metric]:
    return {family.name: family for family in realtime_families(metrics)}


def test_gauges_and_counters_are_told_apart() -> None:
    found = families(Metrics(connections=3, messages_out=7))
    assert (found["maxray_realtime_connections"].type, value(found, "connections")) == ("gauge", 3)
    assert found["maxray_realtime_messages_out"].type == "counter"
    assert value(found, "messages_out") == 7


def value(found: dict[str, Metric], name: str) -> float:
    return found[f"maxray_realtime_{name}"].samples[0].value


def test_a_histogram_counts_upwards() -> None:
    metrics = Metrics()
    for seconds in (0.0001, 0.0005, 0.02, 0.02, 77.0):
        metrics.publish_to_write_s.observe(seconds)
    metrics.publish_to_write_s.observe(0.02, times=10)
    family = families(metrics)["maxray_realtime_publish_to_write_seconds"]
    buckets = {
        sample.labels["le"]: sample.value
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    assert (buckets["0.0005"], buckets["0.01"], buckets["0.025"]) == (2, 2, 14)
    assert (buckets["5.0"], buckets["+Inf"]) == (14, 15)
    total = next(sample.value for sample in family.samples if sample.name.endswith("_sum"))
    assert abs(total - 77.2406) < 1e-9
