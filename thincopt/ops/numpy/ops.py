"""NumPy arrays: compiled kernels where there are any for the recipe, blocked NumPy calls otherwise."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import count
from typing import Any

import numpy as np

from ...concurrency.importing import late
from ...concurrency.turns import Turns
from ...native import load, mode
from ...native.order import Order
from ...recipes.recipe import Recipe
from ..contract import Batch, Cohort, KeyState, Runner
from ..fitting import key_fault, misfit, on_host, overlap, pair_fault, readonly, type_fault, unaligned, unfit
from .compiled import CompiledRunner, Plans, compiled_plans
from .plain import PlainRunner
from .sound import memory_of

INSTALLED: Any = object()
LARGE, APART = 4096, 80  # elements
_places = count()


class NumpyOps:
    """Arrays in main memory. `native` is a compiled module, the installed one if there is one; None is plain NumPy."""

    name = "numpy"

    def __init__(self, native: Any = INSTALLED) -> None:
        self._given = native
        load()

    @property
    def native(self) -> Any:
        """The compiled module; the installed one may come later, by being compiled."""
        return load() if self._given is INSTALLED else self._given

    def __repr__(self) -> str:
        return f"<NumpyOps, {'compiled' if self.native is not None else 'plain'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return numpy_ops, (self._given is not None,)

    def runner(self, cohorts: Sequence[Cohort], turns: Turns, *, nonfinite: str) -> Runner:
        """The compiled runner if every part of every recipe is compiled, else the plain one."""
        plans = [self._plans(each.recipe, turns) for each in cohorts]
        orders = [order for _, order in plans if order]
        check_finite = nonfinite != "propagate"
        found = [each for each, _ in plans if each]
        if len(found) < len(cohorts):
            return PlainRunner(cohorts, turns, check_finite=check_finite, orders=orders)
        return CompiledRunner(self.native, cohorts, found, turns, check_finite=check_finite, orders=orders)

    def _plans(self, recipe: Recipe, turns: Turns) -> tuple[Plans | None, Order | None]:
        """How compiled kernels make the steps of a recipe, if they do; and what is ordered that would do it better."""
        plans = compiled_plans(self.native, recipe)
        order = None if plans and len(plans[0]) == 1 else self._ordered(recipe)
        if order:
            order.recall(turns)  # before it is asked what is there: what comes from now on is told
            if order.is_there:
                return compiled_plans(self.native, recipe), None
        return plans, order

    def _ordered(self, recipe: Recipe) -> Order | None:
        """The order of kernels that are not there; none where kernels are not wanted."""
        if self._given is None or self.native is not load():
            return None
        if mode() == "0":
            return Order().settle("THINCOPT_COMPILE=0") if load() else None
        with late:
            from ...native.demand import ordered
        return ordered(recipe)

    def seen(self, value: Any) -> Any:
        """The plain array on the memory of a subclass's or of another library's; the value itself if it is none."""
        found = on_host(value)
        return np.asarray(found) if isinstance(found, np.ndarray) else found

    def fault(self, weights: Any, gradient: Any, state: KeyState | None = None) -> str | None:
        """Why these cannot be updated in place; None if they can, or if the gradient is empty."""
        if self.is_empty(gradient):
            return None
        alone = _array_fault("weights", weights) or _array_fault("gradient", gradient)
        return alone or pair_fault(weights, gradient, memory_of) or key_fault(weights, state)

    def overlap(self, batch: Batch) -> tuple[Hashable, Hashable] | None:
        """Two keys whose arrays share memory, if there are any."""
        return overlap(batch, memory_of)

    def nonfinite(self, gradient: Any) -> tuple[int, int] | None:
        """The first index that is not finite, and how many are not; None if all are finite."""
        flat = gradient.reshape(-1)
        first, count = None, 0
        for begin in range(0, flat.size, 1 << 20):
            (found,) = np.nonzero(~np.isfinite(flat[begin : begin + (1 << 20)]))
            count += len(found)
            if len(found) and first is None:
                first = begin + int(found[0])
        return None if first is None else (first, count)

    def new_state(self, weights: Any, start: float | None) -> Any:
        """A flat array like the weights, filled with a number; with None, a copy of the weights."""
        state = _zeros(weights.size, weights.dtype)
        if start is None:
            state[:] = weights.reshape(-1)
        elif start:
            state.fill(start)
        return state

    def misfit(self, value: Any, state: KeyState) -> str | None:
        """Why this array cannot be a state of that key, in words; None if it can."""
        if not isinstance(value, np.ndarray):
            return f"must be a NumPy array, not {type(value).__name__}"
        return misfit(value, state)

    def zero(self, gradient: Any) -> None:
        """Store 0 everywhere."""
        gradient[...] = 0

    def view(self, state: Any) -> Any:
        """The same memory, for reading only."""
        view = state.view()
        view.flags.writeable = False
        return view

    def to_host(self, array: Any) -> Any:
        """A copy."""
        return np.array(array)

    def is_empty(self, gradient: Any) -> bool:
        """Whether there is nothing to do for this gradient."""
        return isinstance(gradient, np.ndarray) and gradient.size == 0


def numpy_ops(compiled: bool = True) -> NumpyOps:
    """The backend as it can be here: compiled, if that is asked for and there are compiled kernels."""
    return NumpyOps(INSTALLED if compiled else None)


def _zeros(size: int, dtype: Any) -> Any:
    """Large arrays begin at places of their own in a page: else a load of one seems to want what another has stored."""
    skipped = (1 + next(_places) % 7) * APART if size > LARGE else 0
    return np.zeros(size + skipped, dtype)[skipped:]


def _array_fault(role: str, value: Any) -> str | None:
    if not isinstance(value, np.ndarray):
        return unfit(role, value)
    fault = type_fault(role, value)
    if fault:
        return fault
    if not value.flags.writeable:
        return readonly(role)
    if not value.flags.aligned:
        return unaligned(role)
    return None
