"""Scripts: made of a seed, played, and shortened where they fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from tests.fuzzing import controls, keeping, steps
from tests.fuzzing.arrays import Spec, specs, values
from tests.fuzzing.formulas import is_stated
from tests.fuzzing.model import Given, begun
from tests.fuzzing.worlds import World, see_same, world_of
from thincopt import Optimizer, SettingError, num_threads, set_num_threads
from thincopt.engine.idle import idle
from thincopt.engine.settings import settings_of
from thincopt.language import Rule
from thincopt.ops.numpy import blocks
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.rules import all_rules

Act = Callable[[Random, World], None]
ACTS: dict[Act, int] = {
    steps.call: 20,
    steps.update: 26,
    steps.nonfinite: 6,
    steps.refused: 16,
    steps.overflow: 2,
    controls.assign: 16,
    controls.off_and_on: 6,
    controls.step_schedules: 8,
    controls.threads: 2,
    controls.move: 1,
    keeping.save: 3,
    keeping.load: 4,
    keeping.refused_load: 3,
    keeping.duplicate: 4,
    keeping.switch: 3,
    keeping.averaged: 4,
    keeping.disturb: 4,
    keeping.views: 2,
}
Script = Sequence[tuple[Act, int]]


def rules() -> list[Rule]:
    """The rules that are built in, and that the model can state."""
    known = [each for each in all_rules().values() if each.function.__module__.startswith("thincopt.rules.")]
    return [each for each in known if is_stated(each)]


def script_of(seed: int) -> Script:
    """Acts, each with a seed of its own, so that some may be left out and the others stay what they are."""
    random = Random(f"script {seed}")
    acts = random.choices(list(ACTS), ACTS.values(), k=random.randint(10, 60))
    return [(each, random.getrandbits(32)) for each in acts]


def begin(seed: int, backends: Sequence[NumpyOps], known: dict[Any, Spec] | None = None) -> World:
    """An optimizer by a random rule with random settings, for these keys or for random ones."""
    random = Random(f"world {seed}")
    rule = random.choice(rules())
    names = [name for name in settings_of(rule) if random.random() < 0.35 or name == "learn_rate"]
    given = acting(rule, {name: controls.some(random, settings_of(rule)[name]) for name in names})
    numbers = [each for name, each in settings_of(rule).items() if not (each.choices or each.when or name in given)]
    later = {each.name: Given("list", [controls.number(random, each) for _ in range(3)]) for each in numbers[:1]}
    later = later if random.random() < 0.2 else {}
    given["learn_rate"] = given["learn_rate"] if random.random() < 0.5 else Given("number", 0.01)
    known = known or specs(random)
    weights = {key: values(random, each) for key, each in known.items()}

    def make(ops: NumpyOps) -> Optimizer:
        schedules = {name: each.make() for name, each in later.items()}
        return Optimizer.of(rule, ops=ops, schedules=schedules, **{name: each.make() for name, each in given.items()})

    try:
        model = begun(rule, given, later)
    except SettingError:  # two weight decays
        for ops in backends:
            refused(make, ops)
        given = acting(rule, {name: each for name, each in given.items() if name not in ("L2", "weight_decay")})
        model = begun(rule, given, later)
    return world_of(known, weights, backends, make, model)


def acting(rule: Rule, given: dict[str, Given]) -> dict[str, Given]:
    """Without the settings that would do nothing beside the others, which is an error of its own."""
    while found := {each.name for each in idle(rule, settings_of(rule), made_of(given))}:
        given = {name: each for name, each in given.items() if name not in found}
    return given


def made_of(given: dict[str, Given]) -> dict[str, Any]:
    return {name: each.make() for name, each in given.items()}


def refused(make: Callable[[NumpyOps], Optimizer], ops: NumpyOps) -> None:
    try:
        make(ops)
    except SettingError:
        return
    raise AssertionError("two weight decays were taken")


@contextmanager
def shared_early(seed: int) -> Any:
    """Plain NumPy shares few blocks already, in some scripts; afterwards all is as before."""
    threads, many = num_threads(), blocks.MANY
    blocks.MANY = 2 if seed % 3 == 0 else many
    try:
        yield
    finally:
        blocks.MANY = many
        set_num_threads(threads)


def play(seed: int, backends: Sequence[NumpyOps], script: Script | None = None) -> World:
    """Play a script; an AssertionError says what is not as it should be, and notes after which act."""
    script = script_of(seed) if script is None else script
    with shared_early(seed):
        world = begin(seed, backends)
        for place, (act, own) in enumerate(script):
            try:
                act(Random(own), world)
                world.settle()
            except Exception as error:
                error.add_note(f"seed {seed}, act {place}: {act.__name__}, {world.actor.sides[0].optimizer!r}")
                raise
        for actor in world.actors:
            for side in actor.sides:
                see_same(side.content(), actor.last, "at the end")
    return world


def shortened(seed: int, backends: Sequence[NumpyOps]) -> Script:
    """The acts of a script that fails without which it would not."""
    script = list(script_of(seed))
    for place in reversed(range(len(script))):
        fewer = script[:place] + script[place + 1 :]
        if fails(seed, backends, fewer):
            script = fewer
    return script


def fails(seed: int, backends: Sequence[NumpyOps], script: Script) -> Exception | None:
    """What a script ends with, if it fails."""
    try:
        play(seed, backends, script)
    except Exception as error:
        return error
    return None
