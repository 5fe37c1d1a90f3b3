"""Rates that rise first."""

from ..language.types import Count, Number, Positive, Rate
from .declaring import schedule


@schedule("warmup_linear.v1")
def warmup_linear(step: int, initial_rate: Number, warmup_steps: Count, total_steps: Count) -> float:
    """Rises from 0 in a straight line to the peak, `initial_rate`, then falls in a straight line to 0.

    initial_rate · step / warmup_steps before step warmup_steps;
    initial_rate · (total_steps − step) / (total_steps − warmup_steps) from then on
    """
    if total_steps < warmup_steps:
        raise ValueError(
            f"of total_steps = {total_steps} the first warmup_steps = {warmup_steps} are the warmup, so these are too"
            " many; the order is (initial_rate, warmup_steps, total_steps)"
        )
    if step < warmup_steps:
        return initial_rate * (step / max(1, warmup_steps))
    return initial_rate * max(0.0, (total_steps - step) / max(1.0, total_steps - warmup_steps))


@schedule("slanted_triangular.v1")
def slanted_triangular(
    step: int,
    max_rate: Number,
    num_steps: Positive,
    *,
    cut_frac: Positive = 0.1,
    ratio: Positive = 32,
    decay: Number = 1.0,
    t: Rate = 0.0,
) -> float:
    """Universal Language Model Fine-tuning for Text Classification. Howard & Ruder, 2018. arXiv:1801.06146.

    Rises to the peak in a short part of the steps, then falls slowly to the peak divided by `ratio`, and stays there.

    decay: It has no effect, as in Thinc.
    """
    cut = int(num_steps * cut_frac)
    if cut < 1 or cut_frac >= 1:
        raise ValueError(f"the peak would be at step {cut} of {num_steps:g}; num_steps × cut_frac must be 1 or more")
    u = step + 1 + t
    p = u / cut if u < cut else max(0.0, 1 - (u - cut) / (cut * (1 / cut_frac - 1)))
    return max_rate * (1 + p * (ratio - 1)) * (1 / ratio)
