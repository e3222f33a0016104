"""A comparison as one HTML file: tables and pictures inside, no script, nothing fetched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from actors.simulator.comparison import Comparison
from web.comparison.table import (
    CLASS_COLUMNS,
    COLUMNS,
    class_rows,
    method,
    summary_cells,
    verdict,
)

_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color:#222}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;"
    "text-align:right;border-bottom:1px solid #ddd}td.word,th.word{text-align:left}"
    "img{max-width:100%}"
)
_CAPTIONS: Final = {
    "responses.png": "Share of calls answered within a time, by priority",
    "means.png": "Priority-weighted response by policy",
    "gap.png": "Distance from the offline lower bound",
}


def page(comparison: Comparison, images: Mapping[str, bytes]) -> str:
    """The file's text. `images`: as `charts` draws them."""
    summaries = [(s.policy, *summary_cells(s)) for s in comparison.summaries]
    runs = [
        (
            run.scenario, str(run.seed), run.policy, f"{run.weighted_s:.1f}", f"{run.mean_s:.1f}",
            "–" if run.bound_s is None else f"{run.bound_s:.1f}",
        )
        for run in comparison.runs
    ]  # fmt: skip
    parts = (
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Dispatch policies compared</title>',
        f"<style>{_STYLE}</style></head><body>",
        "<h1>Dispatch policies compared</h1>",
        f"<p><strong>{escape(verdict(comparison))}</strong></p>",
        f"<p>{escape(method(comparison))}</p>",
        "<h2>Response, seconds</h2>",
        _table(("policy", *COLUMNS), summaries, words=1),
        *(_figure(name, image) for name, image in images.items()),
        "<h2>By priority, seconds</h2>",
        _table(("priority", "policy", *CLASS_COLUMNS), class_rows(comparison), words=2),
        "<h2>Each play</h2>",
        _table(("scenario", "seed", "policy", "weighted", "mean", "bound"), runs, words=3),
        "</body></html>",
    )
    return "\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """The first `words` columns are words, the others numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        marked = (
            f"<{tag}{' class=word' if n < words else ''}>{escape(cell)}</{tag}>"
            for n, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f"<table>\n{line(header, 'th')}\n{body}\n</table>"


def _figure(name: str, image: bytes) -> str:
    caption = escape(_CAPTIONS[name])
    data = b64encode(image).decode()
    return f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"></figure>'
