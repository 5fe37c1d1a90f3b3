"""Two threads at one optimizer, each with keys of its own: what they make must be what one after the other makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from threading import Barrier, Thread
from typing import Any

from tests.fuzzing import controls
from tests.fuzzing.arrays import MANY, Spec, fault, specs
from tests.fuzzing.playing import begin, shared_early
from tests.fuzzing.steps import Call, called, done_by
from tests.fuzzing.worlds import Side, World, end_of, see_same
from thincopt.ops.numpy.ops import NumpyOps

ROUNDS = 3
SMALL = {"one": Spec((3,), "float64"), "other": Spec((65,), "float32")}
LARGE = ("large", "larger")  # compiled code lets go of the interpreter's lock meanwhile


@contextmanager
def switching() -> Iterator[None]:
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def some_calls(random: Random, world: World, keys: Sequence[Any]) -> list[Call]:
    """Calls of these keys; some are refused."""
    found = []
    for _ in range(random.randint(3, 10)):
        single = random.random() < 0.5
        chosen = random.sample(keys, 1 if single else random.randint(1, len(keys)))
        bad = float("nan") if random.random() < 0.1 else None
        made = called(random, world, chosen, single, bad)
        key = random.choice(chosen)
        if random.random() < 0.15 and world.specs[key].size:
            made = made._replace(broken=key, fault=fault(random, world.specs[key], False))
        found.append(made)
    return found


def made_by(side: Side, calls: Sequence[Call], ends: list[Any], barrier: Barrier | None = None) -> None:
    """Make these calls, and keep how they ended; a copy of the state may be taken meanwhile."""
    if barrier:
        barrier.wait()
    for place, each in enumerate(calls):
        ends.append(end_of(lambda this, each=each: done_by(each, this, {}), side))
        if place % 4 == 3:
            side.optimizer.__getstate__()


def play_together(seed: int, ops: NumpyOps) -> None:
    """An AssertionError if threads make a difference."""
    with shared_early(seed), switching():
        random = Random(f"together {seed}")
        large = {each: Spec((random.choice(MANY),), "float32") for each in LARGE if random.random() < 0.4}
        world = begin(seed, [ops, ops], {**SMALL, **specs(random), **large})
        keys = list(world.specs)
        for _ in range(ROUNDS):
            _round(random, world, (keys[::2], keys[1::2]))
            controls.changed(random, world)


def _round(random: Random, world: World, halves: Sequence[Sequence[Any]]) -> None:
    jobs = [some_calls(random, world, half) for half in halves]
    crowd, alone = world.actor.sides
    barrier = Barrier(len(jobs))
    ends: list[list[Any]] = [[] for _ in jobs]
    expected: list[list[Any]] = [[] for _ in jobs]
    crew = [Thread(target=made_by, args=(crowd, *each, barrier)) for each in zip(jobs, ends, strict=True)]
    for each in crew:
        each.start()
    for each in crew:
        each.join()
    for each in zip(jobs, expected, strict=True):
        made_by(alone, *each)
    assert ends == expected, f"{ends}, one after the other {expected}"
    found, wanted = ({**side.content(), "order": []} for side in (crowd, alone))
    see_same(found, wanted, "two threads, one")
