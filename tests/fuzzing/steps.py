"""Acts that update: calls of one key and of several, good, refused and not finite."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import numpy as np

from tests.fuzzing.arrays import BAD_SCALES, BATCHES, FAULTS, SCALES, fault, guise, values
from tests.fuzzing.model import LARGEST, Model
from tests.fuzzing.worlds import Side, World
from thincopt import ArrayError, NonFiniteError


class Call(NamedTuple):
    """What a call is to be given, for each side to make arrays of."""

    single: bool
    gradients: dict[Any, Any]
    guises: dict[Any, tuple[Any, Any]]
    scale: Any
    batch: Any = dict
    pair: Any = tuple
    broken: Any = None  # the key that has a fault
    fault: str = ""


def called(random: Random, world: World, keys: list[Any], single: bool, bad: float | None = None) -> Call:
    """A sound call, or one with a bad number in one gradient."""
    worst = random.choice(keys)
    gradients = {key: values(random, world.specs[key], bad if key == worst else None) for key in keys}
    guises = {key: (guise(random), guise(random)) for key in keys}
    rare = random.random() < 0.1
    pair = list if rare and not single else tuple
    return Call(single, gradients, guises, random.choice(SCALES) if random.random() < 0.4 else 1.0, dict, pair)


def some_keys(random: Random, world: World, single: bool) -> list[Any]:
    keys = list(world.specs)
    return random.sample(keys, 1 if single else random.randint(1, len(keys)))


def call(random: Random, world: World) -> None:
    """One key."""
    do(world, called(random, world, some_keys(random, world, True), True))


def update(random: Random, world: World) -> None:
    """Several keys."""
    made = called(random, world, some_keys(random, world, False), False)
    do(world, made._replace(batch=random.choice(BATCHES)))


def nonfinite(random: Random, world: World) -> None:
    """A gradient with NaN or infinity in it; sometimes so often that skipping them becomes an error."""
    single = random.random() < 0.5
    keys = some_keys(random, world, single)
    for _ in range(random.choice((1, 1, 1, 2, 22))):
        do(world, called(random, world, keys, single, random.choice((np.nan, np.inf, -np.inf))))
        if world.actor.model.values["nonfinite"] == "propagate":
            break


def refused(random: Random, world: World) -> None:
    """Arrays, a key or a scale that cannot be."""
    single = random.random() < 0.5
    keys = some_keys(random, world, single)
    made = called(random, world, keys, single, np.nan if random.random() < 0.1 else None)
    full = [key for key in keys if world.specs[key].size]
    if random.random() < 0.3 or not full:
        do(world, made._replace(scale=random.choice(BAD_SCALES)))
        return
    key = random.choice(full)
    name = fault(random, world.specs[key], key in world.actor.model.keys)
    if random.random() < 0.25:
        name = "unhashable key" if single else random.choice(("three of a pair", "no pair", "no mapping", "shared"))
    if name == "shared" and len(full) < 2:
        name = "no pair"
    do(world, made._replace(broken=key, fault=name))


def overflow(random: Random, world: World) -> None:
    """A scale with which the rate is no number of the weights' type."""
    keys, rate = some_keys(random, world, False), world.actor.model.values["learn_rate"]
    dtypes = {world.specs[key].dtype for key in keys if world.specs[key].size}
    if dtypes and rate and any(rate * 1e308 > LARGEST[each] for each in dtypes):
        do(world, called(random, world, keys, False)._replace(scale=random.choice((1e308, -1e308))))


def faulty(made: Call, key: Any, weights: Any, gradient: Any) -> Any:
    """The pair that has the fault."""
    if made.fault in FAULTS:
        return made.pair(FAULTS[made.fault](weights, gradient))
    return (weights, gradient, gradient) if made.fault == "three of a pair" else weights


def given_to(side: Side, made: Call) -> tuple[Any, dict[Any, Any]]:
    """The batch, and the arrays of gradients in it."""
    gradients = {key: each.copy() for key, each in made.gradients.items()}
    pairs = {
        key: made.pair((made.guises[key][0](side.weights[key]), made.guises[key][1](each)))
        for key, each in gradients.items()
    }
    if made.fault == "shared":
        first = next(key for key, each in gradients.items() if each.size and key != made.broken)
        weights = side.weights[first].reshape(-1)
        pairs[made.broken] = (weights[-1:], np.ones(1, weights.dtype))
    elif made.fault in FAULTS or made.fault in ("three of a pair", "no pair"):
        pairs[made.broken] = faulty(made, made.broken, side.weights[made.broken], gradients[made.broken])
    return pairs, gradients


def done_by(made: Call, side: Side, gradients: dict[int, Any]) -> None:
    pairs, gradients[id(side)] = given_to(side, made)
    if not made.single:
        side.optimizer.update([*pairs] if made.fault == "no mapping" else made.batch(pairs), lr_scale=made.scale)
        return
    ((key, (weights, gradient)),) = pairs.items()
    found = side.optimizer([key] if made.fault == "unhashable key" else key, weights, gradient, lr_scale=made.scale)
    assert found[0] is weights
    assert found[1] is gradient


def promised(made: Call, model: Model, world: World) -> bool:
    """What the model says of the call: whether a step is taken."""
    full = [key for key, each in made.gradients.items() if each.size]
    if not full:
        return False
    dtypes = {world.specs[key].dtype for key in full}
    model.see_call(made.single, ArrayError if made.fault else None, made.scale, dtypes)
    return model.step(full, all(np.isfinite(made.gradients[key]).all() for key in full))


def do(world: World, made: Call) -> None:
    """One call by both backends, and all that it has made."""
    gradients: dict[int, Any] = {}
    before, done = world.actor.model.copied(), []
    kind = world.both(
        lambda side: done_by(made, side, gradients), lambda model: done.append(promised(made, model, world))
    )
    skipped = world.actor.model.keys != before.keys and not (done and done[0])
    assert kind is None or kind is NonFiniteError or not skipped
    is_whole = kind is None or skipped
    for each in gradients.values():
        for key, gradient in each.items():
            zeroed = is_whole and world.actor.model.values["zero_gradient"]
            expected = np.zeros_like(gradient) if zeroed else made.gradients[key]
            assert gradient.tobytes() == expected.tobytes(), f"gradient of {key!r}"
    if is_whole:
        full = {key: each for key, each in made.gradients.items() if each.size}
        world.see_step(full, float(made.scale) if full else 1.0, bool(done and done[0]), before)
    else:
        world.see_unchanged()
    world.settle()
