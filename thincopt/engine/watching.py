"""Warnings of what would go wrong without a word: a schedule that is never stepped, loaded state of other keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from typing import Any
from warnings import warn

from ..errors import ScheduleError, shown, suggestion
from ..ops.contract import Batch
from ..schedules.declaring import Follower
from ..schedules.following import Played
from .controls import Controls
from .driving import Driven

MANY = 1000  # updates of one key

Step = Callable[..., int]
Update = Callable[[bytes, Batch, float], int]


def is_unmoved(controls: Controls) -> bool:
    """Whether schedules that would give other values were never stepped."""
    return not controls.are_stepped and any(_moves(each) for _, _, each in _driven(controls))


def _driven(controls: Controls) -> Iterator[tuple[str, Any, Follower]]:
    """Each setting that a schedule drives, the optimizer's and those of groups: its name, its value, the schedule."""
    sources: list[Driven] = [controls, *controls.groups]
    for each in sources:
        yield from ((name, each.values[name], schedule) for name, schedule in each.schedules.items())


def watched(step: Step, update: Update, controls: Controls) -> tuple[Step, Update]:
    """The same calls, which remind once of `step_schedules` after many updates of one key."""
    counts: Counter[Hashable] = Counter()

    def count(*key: Hashable) -> None:
        counts[key] += 1
        if counts[key] == MANY:
            label = f"key {shown(key[0])}" if key else "the model"
            name, value, schedule = next(each for each in _driven(controls) if _moves(each[2]))
            warn(
                f"After {MANY} updates of {label}, {name} is still {value!r}, the first value"
                f" of {shown(schedule)}: call optimizer.step_schedules() once per batch, that it may go on.",
                stacklevel=4,
            )

    def watched_step(numbers: bytes, key: Hashable, *rest: Any) -> int:
        outcome = step(numbers, key, *rest)
        count(key)
        return outcome

    def watched_update(numbers: bytes, batch: Batch, lr_scale: float) -> int:
        outcome = update(numbers, batch, lr_scale)
        count()
        return outcome

    return watched_step, watched_update


def _moves(schedule: Any) -> bool:
    """Whether its second value is another than its first; of an iterator that is not known."""
    if isinstance(schedule, Played):
        return True
    try:
        return not schedule.ended(1) and schedule(1) != schedule(0)
    except ScheduleError:  # which is told when it is stepped
        return True


def tell_unmet(loaded: frozenset[Hashable], batch: Batch) -> None:
    """Warn if there are loaded keys that are awaited no more, and none of them has come."""
    if not loaded or not loaded.isdisjoint(batch):
        return
    new = shown(next(iter(batch)))
    near = suggestion(new, map(shown, loaded))
    known = near if near.endswith("?") else f"One that was loaded is {min(map(shown, loaded))}."
    warn(
        f"State of {len(loaded)} keys was loaded, and none of them has come since; others have, and begin anew, such as"
        f" key {new}. {known} Weights must have the same key in every process; an id, such as Thinc's of its layers,"
        " is another in each.",
        stacklevel=6,
    )
