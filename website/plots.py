"""The plots, as small SVGs for light and dark pages: optimizers' paths, schedules' curves, what examples draw."""

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from runpy import run_path
from unittest.mock import patch

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from thincopt.rules import all_rules
from thincopt.schedules import Family, all_schedules
from website import valley
from website.examples import STEPS, example
from website.gallery import plotted, scripts
from website.reference import ours

ACCENT = "#d9663a"
GREY = "#8b90a0"
LOOK = {
    "svg.hashsalt": "thincopt",
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def plots() -> dict[str, str]:
    """The SVG of every rule and schedule that is registered, and of every example that draws, by path."""
    found = {f"reference/optimizers/{name}.svg": path_plot(name) for name in ours(all_rules())}
    found |= {f"reference/examples/{each.stem}.svg": example_plot(each) for each in scripts() if plotted(each)}
    return found | {f"reference/schedules/{name}.svg": curve(each) for name, each in ours(all_schedules()).items()}


def example_plot(path: Path) -> str:
    """What an example draws, when it has run."""
    with mpl.rc_context(LOOK), patch.dict("os.environ", TQDM_DISABLE="1"), redirect_stdout(None):
        figure = Figure(figsize=(5.6, 3), layout="constrained")
        draw: Callable[[Figure], None] = run_path(str(path))["plot"]
        draw(figure)
        return _svg(figure)


@cache
def path_plot(name: str) -> str:
    """An optimizer's path in the valley."""
    x, y = np.meshgrid(np.linspace(*valley.FRAME[0], 76), np.linspace(*valley.FRAME[1], 80))
    points = valley.best(name).points
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(6.4, 3.6))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.contour(
            x, y, valley.height(x, y), levels=np.geomspace(0.06, 90, 10), colors=GREY, linewidths=0.7, alpha=0.55
        )
        axes.plot(*points.T, color=ACCENT, linewidth=1.5, solid_joinstyle="round")
        axes.plot(*points[1:].T, ".", color=ACCENT, markersize=3.6)
        axes.plot(*points[0], "o", color=ACCENT, markersize=7)
        axes.plot(1, 1, "+", color=GREY, markersize=12, markeredgewidth=1.6)
        axes.set_xlim(*valley.FRAME[0])
        axes.set_ylim(*valley.FRAME[1])
        return _svg(figure)


def curve(family: Family) -> str:
    """A schedule's values over the steps."""
    schedule = example(family)
    steps = range(0, STEPS + 1, 5)
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(6.4, 2.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(steps, [schedule(step) for step in steps], color=ACCENT, linewidth=2)
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        return _svg(figure)


def _svg(figure: Figure) -> str:
    out = StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\d\.\d\d)\d+", r"\1", path[0]), out.getvalue())
