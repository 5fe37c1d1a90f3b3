"""The bandwidth of a step against the size, drawn as SVG that reads on light and on dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import log10

from ..plotting import BOTTOM, EDGE, HEIGHT, LEFT, MARGIN, RIGHT, TEXT, TOP, WIDTH, Point, Series, curve, labels, words
from ..results import Report
from .names import CAPTURED, FOREACH, FUSED, GRAPH, KERNEL, MEMCPY, OPTAX, OURS, TRAFFIC, bytes_of
from .reporting import seconds
from .sizes import SWEEP

LINES = (
    Series("floor", TRAFFIC, TEXT, dash="5 4"),
    Series("copying", MEMCPY, TEXT, dash="1 5"),
    Series("torch foreach", FOREACH, "#d29922"),
    Series("CuPy kernel", KERNEL, "#58a6ff"),
    Series("torch fused", FUSED, "#f0702c"),
    Series("torch fused, graph", CAPTURED, "#f0702c", dash="5 4"),
    Series("optax", OPTAX, "#a371f7"),
    Series("thincopt", OURS, "#e5486f", 3),
    Series("thincopt, graph", GRAPH, "#e5486f", 3, dash="1 5"),
)
STEPS = (100e9, 200e9, 500e9, 1e12)  # between the lines of the grid


@dataclass(frozen=True)
class Scale:
    """Sizes by their powers of ten, bytes a second from none to the most."""

    most: float

    def x(self, size: float) -> float:
        """The place of a size."""
        first, last = log10(SWEEP[0].total), log10(SWEEP[-1].total)
        return LEFT + (RIGHT - LEFT) * (log10(size) - first) / (last - first)

    def y(self, speed: float) -> float:
        """The place of a speed."""
        return BOTTOM - (BOTTOM - TOP) * speed / self.most

    def place(self, point: Point) -> Point:
        """The place of both."""
        return self.x(point[0]), self.y(point[1])


def plot(report: Report) -> str:
    """The whole drawing."""
    found = [(each, _points(report, each.program)) for each in LINES]
    lines = [(each, points) for each, points in found if len(points) > 1]
    scale = Scale(1.05 * max((speed for _, points in lines for _, speed in points), default=1e12))
    parts = [*_frame(report), *_grid(scale)]
    for each, points in lines:
        parts += curve(each, [scale.place(point) for point in points])
    parts += labels(lines, scale)
    return "\n".join([*parts, "</svg>", ""])


def _points(report: Report, program: str) -> list[Point]:
    """Bytes a second by size."""
    found = [(each.total, seconds(report, each.name, program)) for each in SWEEP]
    return [(float(total), bytes_of(program) * total / time) for total, time in found if time]


def _frame(report: Report) -> Iterator[str]:
    title = "One step of AdamW: bytes a second against size"
    notes = (
        "float32, one array: 32 bytes an element, 28 for optax, over the device's time or the host's, as is longer.",
        "Floor: the same reads and writes without arithmetic. Copying: by the driver, within the device.",
    )
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
    )
    yield f"<title>{title}</title>"
    yield words(MARGIN, 28, title, size=18, weight=600)
    yield words(MARGIN, 49, escape(report.machine[0]))
    for line, note in enumerate(notes):
        yield words(MARGIN, HEIGHT - 30 + 17 * line, note, size=12)


def _grid(scale: Scale) -> Iterator[str]:
    rule = f'stroke="{TEXT}" stroke-opacity=".2"'
    step = next((each for each in STEPS if scale.most / each <= 8), 2e12)
    for count in range(int(scale.most / step) + 1):
        y = scale.y(count * step)
        yield f'<path d="M{EDGE} {y:.1f}H{RIGHT}" {rule}/>'
        yield words(EDGE - 8, y + 4.5, f"{count * step / 1e12:g} TB/s" if count else "0", "end", size=12)
    for size in SWEEP:
        x = scale.x(size.total)
        yield f'<path d="M{x:.1f} {TOP}V{BOTTOM + 6}" {rule}/>'
        yield words(x, BOTTOM + 23, size.name, "middle")
    yield words(RIGHT + 24, BOTTOM + 23, "elements")
