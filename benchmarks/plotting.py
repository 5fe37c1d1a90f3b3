"""The time per element against the size, drawn as SVG that reads on light and on dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from statistics import fmean

from .problems import BARE, PLAIN, SWEEP
from .programs import BOUND, COMPILED, NUMPY
from .results import FLOOR, Report, Result

WIDTH, HEIGHT = 900, 590
LEFT, RIGHT, TOP, BOTTOM = 84, 714, 92, 500  # where the first and last sizes and the longest and shortest times lie
EDGE, MARGIN = 68, 14  # where the grid begins, and the titles
GAP = 17  # between the baselines of labels
TEXT = "#7d8590"
UNITS = {-2: "0.01 ns", -1: "0.1 ns", 0: "1 ns", 1: "10 ns", 2: "100 ns", 3: "1 µs", 4: "10 µs", 5: "100 µs"}
STATE = 16  # bytes an element that stay in a cache between two steps, if they fit
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line: a program in one kind of work, with so many threads or the number that is quickest."""

    label: str
    program: str
    colour: str
    width: float = 1.75
    work: str = PLAIN.name
    threads: int | None = None
    dash: str = ""

    def is_of(self, result: Result) -> bool:
        """Whether a result belongs here."""
        named = result.is_floor if self.program == FLOOR else result.program == self.program
        return named and self.threads in (None, result.threads)


def series_of(cores: int) -> list[Series]:
    """All lines, the most important drawn last."""
    return [
        Series("floor", FLOOR, TEXT, dash="5 4"),
        Series("torch foreach", "torch foreach", "#d29922"),
        Series("plain NumPy", NUMPY, "#58a6ff"),
        Series("torch fused", "torch fused", "#f0702c"),
        Series("torch fused, raw", "torch fused, raw", "#f0702c", dash="5 4"),
        Series("optax", "optax", "#a371f7"),
        Series("Thinc", "Thinc", "#3fb950", work=BARE.name),
        Series("thincopt, bound", BOUND, "#e5486f", dash="5 4"),
        Series("thincopt, 1 thread", COMPILED, "#e5486f", 3, threads=1),
        *(
            [Series(f"thincopt, {cores} threads", COMPILED, "#e5486f", 3, threads=cores, dash="1 5")]
            if cores > 1
            else []
        ),
    ]


def plot(report: Report) -> str:
    """The whole drawing."""
    found = [(each, _points(report, each)) for each in series_of(report.cores)]
    lines = [(each, points) for each, points in found if len(points) > 1]
    times = [time for _, points in lines for _, time in points]
    scale = Scale(log10(min(times)), log10(max(times))) if times else Scale(-1, 3)
    parts = [*_frame(report), *_grid(scale), *_caches(report.caches, scale)]
    for each, points in lines:
        parts += curve(each, [scale.place(point) for point in points])
    parts += labels(lines, scale)
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True)
class Scale:
    """Powers of ten of the times at bottom and top; sizes lie between the first and the last of the sweep."""

    low: float
    high: float

    def x(self, size: float) -> float:
        """The place of a size."""
        first, last = log10(SWEEP[0].total), log10(SWEEP[-1].total)
        return LEFT + (RIGHT - LEFT) * (log10(size) - first) / (last - first)

    def y(self, nanoseconds: float) -> float:
        """The place of a time."""
        return BOTTOM - (BOTTOM - TOP) * (log10(nanoseconds) - self.low) / (self.high - self.low)

    def place(self, point: Point) -> Point:
        """The place of both."""
        return self.x(point[0]), self.y(point[1])


def _points(report: Report, series: Series) -> list[Point]:
    """Nanoseconds an element by size."""
    points = []
    for size in SWEEP:
        found = [each.seconds for each in report.of(size.name, series.work) if series.is_of(each)]
        points += [(float(size.total), min(found) / size.total * 1e9)] if found else []
    return points


def _frame(report: Report) -> Iterator[str]:
    title = "One step of Adam: time per element against size"
    notes = (
        "float32, no clip, no averages; all but optax zero the gradient. At the left the cost is that of a call.",
        "Floor: a bare C loop with the same reads and writes. All but thincopt with one thread or all, as is quicker.",
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
    for decade in range(ceil(scale.low), floor(scale.high) + 1):
        y = scale.y(10**decade)
        yield f'<path d="M{EDGE} {y:.1f}H{RIGHT}" {rule}/>'
        yield words(EDGE - 8, y + 4.5, UNITS[decade], "end")
    for size in SWEEP:
        x = scale.x(size.total)
        if not size.name.startswith("3"):
            yield f'<path d="M{x:.1f} {TOP}V{BOTTOM + 6}" {rule}/>'
            yield words(x, BOTTOM + 23, size.name, "middle")
    yield words(RIGHT + 24, BOTTOM + 23, "elements")


def _caches(sizes: Sequence[int], scale: Scale) -> Iterator[str]:
    """Above the lines, which memory the arrays of a step fit into."""
    first, last = SWEEP[0].total, SWEEP[-1].total
    edges = [first, *(each / STATE for each in sizes if first < each / STATE < last), last]
    names = [*(f"L{level}" for level in range(1, len(edges) - 1)), "memory"]
    for name, (begin, end) in zip(names, pairwise(map(scale.x, edges)), strict=True):
        yield f'<path d="M{begin + 3:.1f} {TOP - 12}H{end - 3:.1f}" stroke="{TEXT}" stroke-opacity=".5"/>'
        yield words((begin + end) / 2, TOP - 17, name, "middle", size=11)


def curve(series: Series, places: Sequence[Point]) -> Iterator[str]:
    """A series as a line with a mark at each place."""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dash = f' stroke-dasharray="{series.dash}"' if series.dash else ""
    style = f'fill="none" stroke-linejoin="round" stroke-linecap="round" stroke-width="{series.width}"{dash}'
    yield f'<path d="M{path}" stroke="{series.colour}" {style}/>'
    if not series.dash:
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{series.width + 0.5}" fill="{series.colour}"/>'


def labels(lines: Sequence[tuple[Series, Sequence[Point]]], scale: Scale) -> Iterator[str]:
    """Each line's name where it ends, moved apart where two would touch."""
    ends = sorted(((scale.y(points[-1][1]), each) for each, points in lines), key=lambda end: end[0])
    for y, (at, each) in zip(_apart([at for at, _ in ends]), ends, strict=True):
        yield f'<path d="M{RIGHT + 6} {at:.1f}L{RIGHT + 20} {y:.1f}" stroke="{each.colour}" fill="none"/>'
        weight = 600 if each.program == COMPILED else 400
        yield words(RIGHT + 24, y + 4.5, each.label, fill=each.colour, weight=weight)


def _apart(wanted: Sequence[float]) -> list[float]:
    """Places in the same order, as near to the wanted ones as a gap between any two allows."""
    groups: list[list[float]] = []
    for each in wanted:
        groups.append([each])
        while len(groups) > 1 and _start(groups[-1]) < _start(groups[-2]) + GAP * len(groups[-2]):
            last = groups.pop()
            groups[-1] += last
    return [_start(group) + GAP * index for group in groups for index in range(len(group))]


def _start(group: Sequence[float]) -> float:
    return fmean(group) - GAP * (len(group) - 1) / 2


def words(x: float, y: float, text: str, anchor: str = "start", **style: object) -> str:
    """Words in the picture."""
    fill, size, weight = (style.get(*each) for each in (("fill", TEXT), ("size", 13), ("weight", 400)))
    font = f'text-anchor="{anchor}" fill="{fill}" font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {font}>{text}</text>'
