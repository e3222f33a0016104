"""The report of a comparison: one file, with its pictures inside."""

from __future__ import annotations

from pathlib import Path

from actors.simulator import load
from actors.simulator.comparison import compare
from actors.simulator.generate import CityChoices, generate
from actors.simulator.writer import write
from web.comparison.chart import charts
from web.comparison.page import page


def test_the_report_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    write(generate(CityChoices(seed=1, hours=5, units=3, calls_per_hour=6, size_km=8)), tmp_path)
    found = compare([("<day>", load(tmp_path))], ["closest_idle", "priority"], seeds=2)
    images = charts(found)
    assert all(image.startswith(b"\x89PNG") and len(image) < 150_000 for image in images.values())
    text = page(found, images)
    assert text.count("data:image/png;base64,") == len(images)
    assert "&lt;day&gt;" in text
    assert "<day>" not in text
    assert "<script" not in text
    assert "http" not in text
    assert "Default: " in text
