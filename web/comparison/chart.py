"""A comparison as pictures: PNG files, drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from actors.simulator.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI: Final = 90
# Okabe and Ito's colours: told apart also by the colour-blind.
_COLOURS: Final = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# What lies beyond is a tail too thin to see, and would squeeze the rest.
_SHOWN: Final = 0.99


def charts(comparison: Comparison) -> Mapping[str, bytes]:
    """File name -> PNG: responses by class, means with intervals, the gap to the bound."""
    return {
        "responses.png": _png(comparison, _responses, len(comparison.summaries[0].classes)),
        "means.png": _png(comparison, _means, 1),
        "gap.png": _png(comparison, _gap, 1),
    }


def _png(
    comparison: Comparison, draw: Callable[[Comparison, list[Axes]], None], panels: int
) -> bytes:
    # Here, for it takes half a second and most runs want no picture; Agg needs no display.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    width = 4.2 * panels + 1 if panels > 1 else 7.5
    figure, axes = pyplot.subplots(
        1, panels, figsize=(width, 3.8), dpi=_DPI, layout="constrained", squeeze=False
    )
    draw(comparison, list(axes[0]))
    for one in axes[0]:
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    # Without the version of what drew it, the same comparison is the same file.
    figure.savefig(out, format="png", metadata={"Software": None})
    pyplot.close(figure)
    return out.getvalue()


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _responses(comparison: Comparison, axes: list[Axes]) -> None:
    """The share of calls answered within a time: a panel a class, a line a policy."""
    for panel, priority in zip(axes, sorted(comparison.summaries[0].classes), strict=True):
        far = 0.0
        for n, summary in enumerate(comparison.summaries):
            seconds = np.sort(
                [
                    response
                    for run in comparison.runs
                    if run.policy == summary.policy
                    for response in run.responses.get(priority, ())
                ]
            )
            shares = 100 * np.arange(1, len(seconds) + 1) / len(seconds)
            far = max(far, float(np.quantile(seconds, _SHOWN)) / 60)
            panel.step(seconds / 60, shares, where="post", label=summary.policy, color=_colour(n))
        target = comparison.targets.get(priority)
        if target is not None and target / 60 < far:
            panel.axvline(target / 60, color="#888888", linestyle=":", label="target")
        title = f"priority {priority} ({len(seconds)} calls)"
        panel.set(xlabel="minutes to arrival", xlim=(0, far), ylim=(0, 100), title=title)
    axes[0].set_ylabel("% of calls")
    axes[-1].legend(loc="lower right", fontsize="small")


def _means(comparison: Comparison, axes: list[Axes]) -> None:
    """The weighted response, and its interval."""
    (panel,) = axes
    for n, summary in enumerate(comparison.summaries):
        panel.errorbar(
            summary.weighted.mean,
            n,
            xerr=summary.weighted.half or 0.0,
            fmt="o",
            capsize=4,
            color=_colour(n),
        )
    _policies(comparison, panel)
    panel.set(
        xlabel="priority-weighted response, seconds", title="Mean and 95 % interval over plays"
    )


def _gap(comparison: Comparison, axes: list[Axes]) -> None:
    """How much of the response no policy could save, and how much one still might."""
    (panel,) = axes
    for n, summary in enumerate(comparison.summaries):
        bound = summary.bound_s or 0.0
        panel.barh(n, bound, color="#bbbbbb", label="lower bound" if n == 0 else None)
        panel.barh(n, summary.weighted.mean - bound, left=bound, color=_colour(n))
    _policies(comparison, panel)
    panel.set(xlabel="priority-weighted response, seconds", title="Gap to the offline lower bound")
    panel.legend(loc="lower right", fontsize="small")


def _policies(comparison: Comparison, panel: Any) -> None:
    names = [summary.policy for summary in comparison.summaries]
    panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
