"""`optimizer.averaged(…)`: averages are put into the weights for a while, and taken out again."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from operator import setitem
from typing import Any

from ..concurrency.turns import Turns
from ..concurrency.whole import calls
from ..errors import ArrayError, SettingError
from ..ops.contract import Array, KeyState
from .checking import sentence
from .present import Present

MASS = "averages.mass"


def entered(now: Present) -> Mapping[Hashable, KeyState]:
    """The state of the keys that have an average: with SWA, of those of which it has begun."""
    if any(_by_swa(now, key) for key in now.standing):
        now.runner.collect()
    return {key: state for key, state in now.standing.items() if not _by_swa(now, key) or _mass(now, key, state)}


def _by_swa(now: Present, key: Hashable) -> bool:
    return bool(now.of(key).controls.values["averages_by"] == "swa")


def _mass(now: Present, key: Hashable, state: KeyState) -> float:
    return state.scalars[now.of(key).declared.named("scalar").index(MASS)]


def seen(weights: Any, averages: Mapping[Hashable, Array] | None, now: Present) -> Mapping[Hashable, Array]:
    """The weights that averages can be put into; an error if these are not weights, by key, that have averages.

    Those that SWA has not begun with are left out: till then they are what one evaluates with.
    """
    if averages is None:
        raise SettingError(f"{now.rule.name} keeps no averages here: pass use_averages=True.")
    if not isinstance(weights, Mapping):
        raise ArrayError(f"averaged takes {{key: weights, …}}, not {type(weights).__name__}. Nothing was changed.")
    states, ops = now.standing, now.ops
    early = {key for key in states if key not in averages and _by_swa(now, key)}
    found = {key: ops.seen(each) for key, each in weights.items() if key not in early}
    for key, each in found.items():
        if key not in averages:
            raise ArrayError(f"Key {key!r} has no averages yet: {_why(key, now)}. Nothing was changed.")
        misfit = None if getattr(each, "size", 0) else ops.misfit(each, states[key])
        fault = f"what averaged was given {misfit}" if misfit else None
        fault = fault or ops.fault(each, ops.new_state(each, 0.0), states[key])
        if fault:
            raise ArrayError(f"Key {key!r}: {sentence(fault)} Nothing was changed.")
    return found


def _why(key: Hashable, now: Present) -> str:
    is_kept = now.of(key).controls.values.get("use_averages")
    return "it was never updated" if is_kept else "its groups keep none, use_averages=False"


@contextmanager
def swapped(weights: Mapping[Hashable, Array], others: Mapping[Hashable, Array], turns: Turns) -> Iterator[None]:
    """Have the weights hold what `others` hold; afterwards all is as before, whatever happens."""
    lent, begun = frozenset(weights), list[Iterator[Any]]()
    with turns.lock: kept = {key: each.copy() for key, each in weights.items()}  # fmt: skip  # noqa: E701  # on one line as in turns.py
    ending = calls(*_storing(weights, kept), (turns.lent.remove, lent))
    there = calls((setitem, turns.ticket, 0, None), (turns.lent.append, lent), (begun.append, ending))
    there, back = chain(there, calls(*_storing(weights, others))), chain.from_iterable(begun)
    try:
        try:
            with turns.lock: deque(there, 0)  # fmt: skip  # noqa: E701
            yield
        finally:  # compiled code alone up to the last weight: no place for a signal's exception
            with turns.lock: deque(back, 0)  # fmt: skip  # noqa: E701
    finally:
        deque(back, 0)  # all that is left, where an exception came before, or while another thread had its turn


def _storing(weights: Mapping[Hashable, Array], values: Mapping[Hashable, Array]) -> list[tuple[Any, ...]]:
    """The calls that write these."""
    return [(setitem, each, ..., values[key].reshape(each.shape)) for key, each in weights.items()]
