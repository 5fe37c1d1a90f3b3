"""The questions that a measurement is made for, and its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from .programs import COMPILED, NUMPY
from .results import Report, Result
from .tables import digits, duration, markdown

LARGE = ("1M", "10M", "50M")
SLOWER, FASTER = 1.1, 1.01  # from here on all threads are found slower than one, and a peer faster than thincopt
Answer = Callable[[Report, int], str]


def summary(report: Report) -> str:
    """A table of questions with an answer for one thread and for all, and two lists."""
    columns = (1, report.cores) if report.cores > 1 else (1,)
    header = ("", *(f"{each} thread{'s' if each > 1 else ''}" for each in columns))
    rows = [(question, *(answer(report, each) or "–" for each in columns)) for question, answer in QUESTIONS]
    answered = [row for row in rows if set(row[1:]) != {"–"}]
    slower, beaten = _listed(_slower_with_all(report)), _listed(_beaten(report))
    return "\n".join(
        [
            markdown([header, *answered]),
            f"Where all threads take over {SLOWER - 1:.0%} longer than one: {slower}.\n",
            f"Where a peer at the same work with as many threads is faster by over {FASTER - 1:.0%}: {beaten}.\n",
        ]
    )


def _ours(report: Report, size: str, work: str, threads: int, program: str = COMPILED) -> Result | None:
    return report.find(size, work, program, threads)


def _over_floor(work: str, sizes: Sequence[str], report: Report, threads: int) -> str:
    pairs = ((_ours(report, size, work, threads), report.floor(size, work, threads)) for size in sizes)
    return " · ".join(digits(ours.ratio(floor)) for ours, floor in pairs if ours and floor)


def _speedups(work: str, peer: str, sizes: Sequence[str], report: Report, threads: int) -> str:
    found = ((_ours(report, size, work, threads), _peer(report, size, work, peer, threads)) for size in sizes)
    return " · ".join(digits(its.ratio(ours)) for ours, its in found if ours and its)


def _peer(report: Report, size: str, work: str, peer: str, threads: int) -> Result | None:
    """The peer's result with so many threads; else with fewer, if it has no more."""
    found = [each for each in report.of(size, work) if each.program == peer and each.threads <= threads]
    return max(found, key=lambda each: each.threads, default=None)


def _time(work: str, size: str, parts: int, report: Report, threads: int, program: str = COMPILED) -> str:
    ours = _ours(report, size, work, threads, program)
    return duration(ours.seconds / parts) if ours else ""


def _beside_torch(size: str, parts: int, report: Report, threads: int) -> str:
    told = _time("plain", size, parts, report, threads)
    ratio = _speedups("plain", "torch fused", (size,), report, threads)
    return f"{told} (× {ratio})" if told and ratio else told


def _idle(report: Report, threads: int) -> str:
    found = (each for each in report.idle if each.threads == threads)
    return " · ".join(f"{each.mean / each.usual:.2f}, {each.stuck / each.usual:.2f}" for each in found)


def _slower_with_all(report: Report) -> list[str]:
    pairs = ((_ours(report, *pair, 1), _ours(report, *pair, report.cores)) for pair in report.pairs())
    ratios = [(one, every.ratio(one)) for one, every in pairs if one and every]
    return [f"{one.size} {one.work} (× {digits(ratio)})" for one, ratio in ratios if ratio > SLOWER]


def _beaten(report: Report) -> list[str]:
    peers = [each for each in report.results if not each.is_floor and not each.program.startswith(COMPILED)]
    pairs = ((each, _ours(report, each.size, each.work, each.threads)) for each in peers)
    ratios = [(each, ours.ratio(each)) for each, ours in pairs if ours]
    return [
        f"{each.size} {each.work}, {each.program}, threads: {each.threads} (× {digits(ratio)})"
        for each, ratio in ratios
        if ratio > FASTER
    ]


def _listed(found: Sequence[str]) -> str:
    return "; ".join(found) or "none"


AT = "at " + " · ".join(LARGE)
QUESTIONS: Sequence[tuple[str, Answer]] = (
    (f"Plain AdamW, time over the floor, {AT}", partial(_over_floor, "plain", LARGE)),
    ("— default policy (the gradient is checked)", partial(_over_floor, "checked", LARGE)),
    ("— clip + decay + averages", partial(_over_floor, "full", LARGE)),
    (f"Times as fast as torch fused, plain, {AT}", partial(_speedups, "plain", "torch fused", LARGE)),
    ("— both checking the gradient", partial(_speedups, "checked", "torch fused", LARGE)),
    ("— both with clip + decay + averages", partial(_speedups, "full", "torch fused", LARGE)),
    (f"Times as fast as optax, plain, {AT}", partial(_speedups, "plain", "optax", LARGE)),
    (f"Times as fast as Thinc, clip + decay + averages, {AT}", partial(_speedups, "thinc", "Thinc", LARGE)),
    ("ResNet-50, plain, a step (times as fast as torch fused)", partial(_beside_torch, "resnet50", 1)),
    ("1,000 × 300, plain, an array (times as fast as torch fused)", partial(_beside_torch, "1000x300", 1000)),
    ("16 elements, plain, a call (times as fast as torch fused)", partial(_beside_torch, "16", 1)),
    ("16 elements, default policy, a call on NumPy alone", partial(_time, "checked", "16", 1, program=NUMPY)),
    ("1 element, default policy, a call", partial(_time, "checked", "1", 1)),
    ("1,000 × 1, default policy, an array of one call", partial(_time, "checked", "1000x1", 1000)),
    ("Zero gradients over usual ones, mean and stuck, at 100k · 10M", _idle),
)
