"""Fused or apart: the fewest kernels, of those there are, that make a step; the bits are the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import zip_longest

from ..language.kernel import Kernel
from .recipe import Recipe

Plan = tuple[Kernel, ...]
IsThere = Callable[[Kernel], bool]


def planned(recipe: Recipe, is_there: IsThere) -> tuple[Plan, ...] | None:
    """For each case the kernels that run one after the other; None where the parts are not there either."""
    plans = list[Plan]()
    for case, fused in enumerate(recipe.kernels):
        plan = (fused,) if is_there(fused) else _apart(recipe, case, is_there)
        if plan is None:
            return None
        plans.append(plan)
    return tuple(plans) if _are_in_step(plans) else None


def _apart(recipe: Recipe, case: int, is_there: IsThere) -> Plan | None:
    there = [place for place in range(recipe.parts) if _does_something(recipe, case, place)]
    cuts = [0, *there[1:], recipe.parts]

    @cache
    def rest(first: int) -> Plan | None:
        if first == recipe.parts:
            return ()
        found = list[Plan]()
        for last in cuts[: cuts.index(first) : -1]:
            kernel = recipe.segment(first, last, case)
            after = rest(last) if kernel and is_there(kernel) else None
            if kernel and after is not None:
                found.append((kernel, *after))
        return min(found, key=len, default=None)

    return rest(0)


def _does_something(recipe: Recipe, case: int, place: int) -> bool:
    """Whether this part is there; what is not need not be cut off."""
    kernel = recipe.segment(place, place + 1, case)
    return kernel is None or kernel.does_something


def _are_in_step(plans: list[Plan]) -> bool:
    """Whether sums over all keys are asked for at the same place in every case, for keys may be at different steps."""
    totals = [[[len(phase.totals) for phase in kernel.phases] for kernel in plan] for plan in plans]
    return all(
        len(set(counts)) == 1
        for kernels in zip_longest(*totals, fillvalue=[])
        for counts in zip_longest(*kernels, fillvalue=0)
    )
