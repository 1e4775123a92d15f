"""Charts of simulations as SVG or PNG, readable on light and dark pages, the same bytes for the same figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from balanza.simulate.figures import Figures

INK = "#24292f"
MUTED = "#6e7781"
WIDTH_INCHES = 4.6
MOST_TICKS = 8
"""With more numbers on the x axis they are spaced as usual."""
COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#9a6700", "#cf222e")
_STYLE: Any = {
    "svg.hashsalt": "balanza",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
}


def comparison(file: Path, rows: Mapping[str, Figures]) -> None:
    """Mean slowdown and p95 wait of each, as bars on logarithmic axes. Raises OSError."""
    panels = {
        "mean slowdown": {name: figures.slowdown_mean for name, figures in rows.items()},
        "p95 wait, s": {name: figures.wait_p95_seconds for name, figures in rows.items()},
    }
    bars(file, panels)


def sizing(file: Path, rows: Mapping[str, Figures]) -> None:
    """p95 wait, slowdown and use over the number of workers. Raises OSError."""
    sizes = [float(name) for name in rows]
    panels = {
        "p95 wait, s": [figures.wait_p95_seconds for figures in rows.values()],
        "mean slowdown": [figures.slowdown_mean for figures in rows.values()],
        "in use, %": [100 * figures.utilisation for figures in rows.values()],
    }
    lines(file, sizes, {title: {"": values} for title, values in panels.items()}, "workers")


def bars(file: Path, panels: Mapping[str, Mapping[str, float]]) -> None:
    """A panel per figure, a bar per name, with its value beside it. Raises OSError."""
    names = list(next(iter(panels.values())))
    with mpl.rc_context(_STYLE):
        figure, axes = _panels(len(panels), height=0.55 + 0.28 * len(names))
        for at, (title, values) in zip(axes, panels.items(), strict=True):
            _bars(at, title, [values[name] for name in names])
            at.set_yticks(range(len(names)), names)
            at.invert_yaxis()
        _save(figure, file)


def lines(
    file: Path,
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    x_title: str,
    *,
    log: bool = False,
) -> None:
    """A panel per figure, a line per name. Raises OSError."""
    with mpl.rc_context(_STYLE):
        figure, axes = _panels(len(panels), height=2.2)
        for at, (title, series) in zip(axes, panels.items(), strict=True):
            for (name, values), colour in zip(series.items(), COLOURS, strict=False):
                at.plot(x, values, marker="o", markersize=4, color=colour, label=name)
            at.set_title(f"{title} (logarithmic)" if log else title, loc="left", fontsize=10)
            at.set_xlabel(x_title)
            if len(x) <= MOST_TICKS:
                at.set_xticks(x, [f"{value:g}" for value in x])
            if log:
                at.set_yscale("log")
                at.yaxis.set_major_formatter(_plainly)
            else:
                at.set_ylim(bottom=0)
            at.grid(axis="y", color=MUTED, alpha=0.25)
            if any(series):
                at.legend(frameon=False, fontsize=9)
        _save(figure, file)


def _panels(count: int, *, height: float) -> tuple[Figure, list[Any]]:
    """One below the other, no wider than a phone shows at about its own size."""
    figure = Figure(figsize=(WIDTH_INCHES, height * count), layout="constrained", facecolor="white")
    return figure, list(figure.subplots(count, 1, squeeze=False)[:, 0])


def _bars(at: Any, title: str, values: Sequence[float]) -> None:
    spots = range(len(values))
    positive = [value for value in values if value > 0]
    is_wide = bool(positive) and max(positive) > 20 * min(positive)
    left = min(positive) / 2 if is_wide else 0.0
    at.barh(spots, values, color=COLOURS[0], height=0.62)
    for spot, value in zip(spots, values, strict=True):
        shown = max(value, left)
        at.annotate(_short(value), (shown, spot), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    if is_wide:
        at.set_xscale("log")
        at.xaxis.set_major_formatter(_plainly)
        at.set_xlim(left, max(values) * (max(values) / left) ** 0.25)
        at.set_xlabel("on a logarithmic scale", color=MUTED, fontsize=8)
    else:
        at.margins(x=0.25)
    at.set_title(title, loc="left", fontsize=10)
    at.tick_params(axis="y", length=0)


def _plainly(value: float, _position: object) -> str:
    return f"{value:,g}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _save(figure: Figure, file: Path) -> None:
    kind = file.suffix.lower().removeprefix(".")
    metadata = {"Date": None, "Creator": "Balanza"} if kind == "svg" else {"Software": "Balanza"}
    figure.savefig(file, format=kind, dpi=150, metadata=metadata)
