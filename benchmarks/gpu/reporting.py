"""A measurement on a device: the screen's summary, the targets, and the whole as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..results import Report, Result
from ..tables import digits, duration, markdown
from .names import (
    CAPTURED,
    COPY,
    DEFAULT,
    FOREACH,
    FULL,
    FUSED,
    GRAPH,
    KERNEL,
    MEMCPY,
    OPTAX,
    OURS,
    TRAFFIC,
    bytes_of,
)
from .sizes import NUMBERS, named

METHOD = """\
All programs take turns within each of {rounds} rounds, with the same weights and the same fresh gradients, which are
copied in before each reading. Times are medians over the rounds. The device's time of a step is that between two events
on its stream, which waits until the host has asked for all steps of the reading. The host's is that until it has asked.
A step takes the longer of the two. optax, which has streams and arrays of its own, is timed from wait to wait.

Bytes are those that the work must move: 32 an element for AdamW with zeroing; 36 if the gradient is checked before; 44
with a norm and averages; 28 for optax, which leaves the gradient as it is. GB/s are these over the device's time. The
share is of the bandwidth of `cudaMemcpyAsync` within the device, of as many bytes at the same size, read and written,
where the cache does not hold them. "Floor, 4 reads 4 writes" is the traffic of a step without arithmetic, in one array.

torch's gradients are zeroed by `_foreach_zero_`, or `zero_()` of one array. A step is captured in a graph after one
that was taken. Before all that, one step of each program is compared with plain NumPy's: thincopt's in every bit.
"""
HEADER = ("", "a step", "device", "host", "GB/s", "of copy", f"× {FUSED}")
LARGEST, SEVERAL = "1G", "1000x300"
LEAST_SHARE, MARGIN = 0.9, 1.01
COPIED = 8  # bytes an element that copies go over, again and again
Told = tuple[bool | None, str]


def seconds(report: Report, size: str, program: str) -> float | None:
    """What a step takes: the device's time or the host's, as is longer."""
    found = [report.find(size, work, program, 1) for work in ("device", "host")]
    times = [each.seconds for each in found if each]
    return max(times) if times else None


def speed(report: Report, size: str, program: str) -> float | None:
    """Bytes a second on the device."""
    found = report.find(size, "device", program, 1)
    return bytes_of(program) * named(size).total / found.seconds if found else None


def share(report: Report, size: str, program: str) -> float | None:
    """The speed over that of copying, if the caches do not hold what is copied."""
    if COPIED * named(size).total < 2 * max(report.caches, default=0):
        return None
    ours, floor = (report.find(size, "device", each, 1) for each in (program, MEMCPY))
    return bytes_of(program) / bytes_of(MEMCPY) / ours.ratio(floor) if ours and floor else None


def times(report: Report, size: str, program: str, peer: str) -> float | None:
    """How many times as fast as a peer a program is."""
    ours, its = (seconds(report, size, each) for each in (program, peer))
    return its / ours if ours and its else None


def summary(report: Report) -> str:
    """One screen: a row for each size, and the targets."""
    columns: Sequence[tuple[str, Callable[[str], str]]] = (
        ("a step", lambda size: _time(seconds(report, size, OURS))),
        ("host", lambda size: _time(_host(report, size))),
        ("GB/s", lambda size: _giga(speed(report, size, OURS))),
        ("of copy", lambda size: _percent(share(report, size, OURS))),
        ("default", lambda size: _percent(share(report, size, DEFAULT))),
        ("clip + avg", lambda size: _percent(share(report, size, FULL))),
        ("× fused", lambda size: _digits(times(report, size, OURS, FUSED))),
        ("× foreach", lambda size: _digits(times(report, size, OURS, FOREACH))),
        ("× graphs", lambda size: _digits(times(report, size, GRAPH, CAPTURED))),
        ("× optax", lambda size: _digits(times(report, size, OURS, OPTAX))),
        ("× CuPy", lambda size: _digits(times(report, size, OURS, KERNEL))),
    )
    found = dict.fromkeys(size for size, _ in report.pairs())
    rows = [("AdamW", *(title for title, _ in columns))]
    rows += [(size, *(told(size) for _, told in columns)) for size in found]
    return "\n".join([markdown(rows), targets(report), _copying(report)])


def targets(report: Report) -> str:
    """What is wanted, and whether it is so."""
    words = {True: "holds", False: "DOES NOT HOLD", None: "not measured"}
    told = [(text, *answer(report)) for text, answer in TARGETS]
    return "\n".join(f"- {text}: {words[holds]}{f' ({figure})' * bool(figure)}" for text, holds, figure in told) + "\n"


def _copying(report: Report) -> str:
    """What copying and the traffic alone come to, at the largest size of one array."""
    found = [each for each in NUMBERS if report.find(each, "device", MEMCPY, 1)]
    if not found:
        return ""
    speeds = ((name, _giga(speed(report, found[-1], name))) for name in (MEMCPY, COPY, TRAFFIC))
    return f"Bytes a second at {found[-1]}: " + "; ".join(f"{name} {told} GB/s" for name, told in speeds) + ".\n"


def _of_copy(report: Report) -> Told:
    found = share(report, LARGEST, OURS)
    return (None, "") if found is None else (found >= LEAST_SHARE, _percent(found))


def _beside_fused(size: str) -> Callable[[Report], Told]:
    def answer(report: Report) -> Told:
        found = times(report, size, OURS, FUSED)
        return (None, "") if found is None else (found * MARGIN >= 1, f"{found:.3f} times as fast")

    return answer


TARGETS: Sequence[tuple[str, Callable[[Report], Told]]] = (
    (f"AdamW of {LARGEST} at {LEAST_SHARE:.0%} of the copy bandwidth or more", _of_copy),
    (f"AdamW of {LARGEST} no slower than torch fused", _beside_fused(LARGEST)),
    (f"AdamW of {SEVERAL} at least as fast as torch fused", _beside_fused(SEVERAL)),
)


def document(report: Report, plot: str) -> str:
    """All of it, the summary first."""
    sections = [
        f"# {report.machine[0]}\n",
        summary(report),
        f"![Bandwidth against size]({plot})\n",
        "\n".join(f"- {each}" for each in [*report.machine, *report.missing]) + "\n",
        METHOD.format(rounds=report.rounds),
    ]
    for size in dict.fromkeys(size for size, _ in report.pairs()):
        sections += [f"## {named(size).title}\n", table(report, size)]
    return "\n".join(sections)


def table(report: Report, size: str) -> str:
    """The results of all programs at one size."""
    return markdown([HEADER, *(_row(report, each) for each in report.of(size, "device"))])


def _row(report: Report, result: Result) -> tuple[str, ...]:
    size, program = result.size, result.program
    host = report.find(size, "host", program, 1)
    return (
        program,
        _time(seconds(report, size, program)),
        _time(result.seconds),
        _time(host.seconds if host else None),
        _giga(speed(report, size, program)),
        _percent(share(report, size, program)),
        "" if result.is_floor else _digits(times(report, size, program, FUSED)),
    )


def _host(report: Report, size: str) -> float | None:
    found = report.find(size, "host", OURS, 1)
    return found.seconds if found else None


def _time(value: float | None) -> str:
    return "–" if value is None else duration(value)


def _giga(value: float | None) -> str:
    return "–" if value is None else digits(value / 1e9)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}" if value >= 0.995 or value < 0.1 else f"{value:.1%}"


def _digits(value: float | None) -> str:
    return "–" if value is None else digits(value)
