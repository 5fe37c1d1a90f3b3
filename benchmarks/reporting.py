"""A measurement as Markdown that also reads well as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .problems import SIZES, WORKS
from .results import Idle, Report, Result
from .summary import summary
from .tables import digits, duration, markdown

METHOD = """\
A step updates all arrays once. Fresh gradients are drawn for every round and copied in before the clock starts.
All programs take turns within each of {rounds} rounds. Times are medians over the rounds. So are the ratios, each to
the floor of its own round; half of them were in the range that is given last.

The floor is a bare C loop with the reads and writes that the work must do, in as many passes, and no arithmetic, that
asks for memory as far ahead as thincopt does; of its builds, and of one thread and all, the quickest counts. For few
elements the time is that of the call, which the floor is without.

torch is given at its quickest where the summary names it: mostly that is "torch fused, raw", the operator beneath
`torch.optim`, `torch._fused_adamw_`, called in inference mode with lists that are ready and one count of steps for all
arrays; and with fewer threads where more take longer. "thincopt, bound" is the step that `optimizer.bound(…)` gives.

torch's gradients are zeroed, as thincopt's and Thinc's are, unless they are kept. To find what is not finite, torch
takes `isfinite(g.sum())`, or `get_total_norm(…, error_if_nonfinite=True)` of many arrays; "torch fused, isfinite" takes
`isfinite(g).all()` of each. With averages torch adds `_foreach_lerp_`. optax is jitted, with weights and state donated,
and takes the threads that XLA gives it; its gradients are fresh arrays, never zeroed (4 bytes less an element), and
its clip is by the norm of all arrays and looks for nothing that is not finite. Thinc runs in one thread.
"""
IDLE_NOTE = """\
AdamW, nonfinite="propagate". Without a gradient m decays below the smallest normal number, and in the end it is stuck
at a few units of the smallest number there is. The mean is that of the medians of every twenty steps.
"""
SIZE_TITLES = {each.name: each.title for each in SIZES}
ELEMENTS = {each.name: each.total for each in SIZES}
WORK_TITLES = {each.name: f"{each.title}: {each.bytes} bytes an element" for each in WORKS}
HEADER = ("", "threads", "a step", "ns an element", "× floor", "middle half")
IDLE_HEADER = ("elements", "threads", "a step", "zero gradient, mean of {steps} steps", "stuck")


def document(report: Report, plot: str) -> str:
    """All of it, the summary first."""
    sections = [
        f"# {report.machine[0]}\n",
        summary(report),
        f"![Time per element against size]({plot})\n",
        "\n".join(f"- {each}" for each in [*report.machine, *report.missing]) + "\n",
        METHOD.format(rounds=report.rounds),
    ]
    for size, pairs in groupby(report.pairs(), key=lambda each: each[0]):
        sections.append(f"## {SIZE_TITLES[size]}\n")
        sections += [table(report, size, work) for _, work in pairs]
    return "\n".join([*sections, *idle_table(report.idle)])


def table(report: Report, size: str, work: str) -> str:
    """The results of one kind of work at one size."""
    rows = (_row(report, each) for each in report.of(size, work))
    return "\n".join([f"{WORK_TITLES[work]}\n", markdown([HEADER, *rows])])


def idle_table(idle: Sequence[Idle]) -> list[str]:
    """The cost of zero gradients, if it was measured."""
    if not idle:
        return []
    header = tuple(each.format(steps=idle[0].steps) for each in IDLE_HEADER)
    rows = [
        (
            f"{each.elements:,}",
            str(each.threads),
            duration(each.usual),
            *(f"× {cost / each.usual:.2f}" for cost in (each.mean, each.stuck)),
        )
        for each in idle
    ]
    return ["## Zero gradients\n", IDLE_NOTE, markdown([header, *rows])]


def _row(report: Report, result: Result) -> tuple[str, ...]:
    floor = report.floor(result.size, result.work, result.threads)
    low, middle, high = map(digits, result.ratios(floor)) if floor else ("", "", "")
    per_element = digits(result.seconds / ELEMENTS[result.size] * 1e9)
    spread = "" if low == high else f"{low}–{high}"
    return result.program, str(result.threads), duration(result.seconds), per_element, middle, spread
