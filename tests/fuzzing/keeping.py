"""Acts on state: saving, loading, damaged trees, copies of all kinds, averages, and what can only be read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from tests.fuzzing.arrays import values
from tests.fuzzing.formulas import AVERAGE
from tests.fuzzing.model import Model
from tests.fuzzing.worlds import Actor, Side, World, names_of, see_same
from thincopt import ArrayError, SettingError, StateError

MOST_ACTORS = 4


def save(random: Random, world: World) -> None:
    """Keep what `state()` gives."""
    actor = world.actor
    trees = [copy.deepcopy(side.optimizer.state()) for side in actor.sides]
    actor.saved.append((trees, copy.deepcopy(actor.model.keys)))
    world.see_unchanged()


def load(random: Random, world: World) -> None:
    """Go on with state that was kept, here or by the other backend; or with one's own."""
    actor = world.actor
    if not actor.saved or random.random() < 0.2:
        assert not world.both(lambda side: side.optimizer.load_state(side.optimizer.state()), lambda model: None)
        world.see_unchanged()
        return
    trees, keys = random.choice(actor.saved)
    trees = trees[:: random.choice((1, -1))]
    before = {id(side): tree for side, tree in zip(actor.sides, trees, strict=True)}

    def promised(model: Model) -> None:
        model.keys = copy.deepcopy(keys)
        model.see_lookahead()

    assert not world.both(lambda side: side.optimizer.load_state(before[id(side)]), promised)
    for key, branch in actor.sides[0].content()["keys"].items():
        for name, each in branch.items():
            see_same(each, trees[0]["keys"][key][name], f"{name} of {key!r}, which was loaded")


def _lacks(tree: Any, branch: Any, random: Random) -> None:
    del branch[random.choice(("t", "shape", "dtype", "skipped", "streak"))]


def _counts(tree: Any, branch: Any, random: Random) -> None:
    branch[random.choice(("t", "skipped", "streak"))] = random.choice((-1, 2.5, None, "1", True, 2**60))


def _unknown(tree: Any, branch: Any, random: Random) -> None:
    branch["speed"] = 1.0


def _array(tree: Any, branch: Any, random: Random) -> None:
    name = random.choice(sorted(names_of(branch)) or [AVERAGE])
    given = branch.get(name, np.zeros(1))
    branch[name] = random.choice((given[..., None], given.astype("complex64"), given.tolist(), np.append(given, given)))


def _shared(tree: Any, branch: Any, random: Random) -> None:
    tree["shared"] = random.choice(({"d": 1.0}, 5, None))


def _dtype(tree: Any, branch: Any, random: Random) -> None:
    branch["dtype"] = random.choice(("float16", ">f4", None, np.float32))


def _rule(tree: Any, branch: Any, random: Random) -> None:
    tree["rule"] = random.choice(("Other.v1", None, 5))


def _keys(tree: Any, branch: Any, random: Random) -> None:
    tree["keys"] = random.choice(([], 5, {"w": 5}))


DAMAGES = (_lacks, _counts, _unknown, _array, _shared, _dtype, _keys, _rule)


def refused_load(random: Random, world: World) -> None:
    """A tree that is damaged in one place."""
    seed, damage, at = random.getrandbits(32), random.choice(DAMAGES), random.random()
    if not world.actor.model.keys:
        damage = random.choice((_shared, _keys))

    def act(side: Side) -> None:
        tree = side.optimizer.state()
        keys = {key: dict(branch) for key, branch in tree["keys"].items()}
        tree = {**tree, "keys": keys}
        branch = [*keys.values(), {}][int(at * len(keys))]
        damage(tree, branch, Random(seed))
        side.optimizer.load_state(tree)

    def promised(model: Model) -> None:
        raise StateError

    world.both(act, promised)
    world.see_unchanged()


COPIES: tuple[Callable[[Any], Any], ...] = (
    copy.copy,
    copy.deepcopy,
    lambda each: pickle.loads(pickle.dumps(each)),
    lambda each: pickle.loads(pickle.dumps(each, 2)),
)


def duplicate(random: Random, world: World) -> None:
    """Go on with a copy, or with the original."""
    actor, copied = world.actor, random.choice(COPIES)
    sides = [
        Side(copied(side.optimizer), {key: each.copy() for key, each in side.weights.items()}) for side in actor.sides
    ]
    world.see_unchanged()
    made = Actor(sides, actor.model.copied(), saved=list(actor.saved))
    place = random.randrange(len(world.actors)) if len(world.actors) == MOST_ACTORS else len(world.actors)
    if place < len(world.actors) and world.actors[place] is actor:
        place = world.here
    world.actors[place : place + 1] = [made]
    here, world.here = world.here, place
    world.settle()
    see_same(made.last, actor.last, "a copy")
    if random.random() < 0.5:
        world.here = here


def switch(random: Random, world: World) -> None:
    """Go on with another copy, which is as it was left."""
    world.here = random.randrange(len(world.actors))
    world.see_unchanged()


def averaged(random: Random, world: World) -> None:
    """Evaluate with averages; what is raised within comes out, and the weights are as before."""
    model = world.actor.model
    waits = model.values["averages_by"] == "swa"  # till it begins, weights stand for their average
    known = [key for key, each in model.keys.items() if AVERAGE in each.arrays or waits]
    others = [key for key in world.specs if key not in known]
    keys = random.sample(known, random.randint(0, len(known)))
    if others and random.random() < 0.2:
        keys.append(random.choice(others))
    fails = random.random() < 0.3

    def act(side: Side) -> None:
        averages = {**side.weights, **(side.optimizer.averages or {})} if waits else side.optimizer.averages
        with side.optimizer.averaged({key: side.weights[key] for key in keys}):
            for key in keys:
                see_same(side.weights[key], averages[key].reshape(side.weights[key].shape), "averaged weights")
            if fails:
                raise LookupError("within")

    def promised(model: Model) -> None:
        if not model.values["use_averages"]:
            raise SettingError
        if not set(keys) <= set(known):
            raise ArrayError
        if fails:
            raise LookupError

    world.both(act, promised)
    world.see_unchanged()


def disturb(random: Random, world: World) -> None:
    """Other weights, in the same arrays or in new ones, as a program may have them between steps."""
    is_new = random.random() < 0.5
    for key in random.sample(list(world.specs), random.randint(1, len(world.specs))):
        made = values(random, world.specs[key])
        for side in world.actor.sides:
            if is_new:
                side.weights[key] = made.copy()
            else:
                side.weights[key][...] = made


def views(random: Random, world: World) -> None:
    """State is for reading only, whichever way it is asked for."""
    for side in world.actor.sides:
        optimizer = side.optimizer
        state = optimizer.state()["keys"]
        for name, found in (("m", optimizer.mom1), ("v", optimizer.mom2), (AVERAGE, optimizer.averages or {})):
            for key, each in found.items():
                assert not each.flags.writeable
                assert not state[key][name].flags.writeable
                assert np.shares_memory(each, state[key][name])
    world.see_unchanged()
