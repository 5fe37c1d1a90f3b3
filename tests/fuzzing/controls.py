"""Acts on settings, schedules and threads."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.fuzzing.model import Given, holds
from tests.fuzzing.worlds import Side, World
from thincopt import set_num_threads
from thincopt.engine.settings import settings_of
from thincopt.language import Rule
from thincopt.language.signature import Setting

NUMBERS = (0.0, 0, 0.5, 0.1, 0.01, 1, 0.9, 0.99, 1e-8, -0.5)
COUNTS = (0, 0, 1, 2, 3, 3.0)
WRONG = (float("nan"), float("inf"), "0.1", None, True)
OUTSIDE = (-1.0, 1.0, 1.5, 2.5, 0.0)  # of some settings
SCHEDULES = (("decaying", (0.5, 0.3)), ("constant", (0.25,)), ("warmup_linear", (0.1, 2, 5)))
OFTEN = ("learn_rate", "momentum", "lookahead_k", "use_averages", "nonfinite", "grad_clip", "L2", "weight_decay")


def number(random: Random, setting: Setting) -> Any:
    """A value that a number may have, as a rule."""
    return random.choice([each for each in (COUNTS if setting.range.whole else NUMBERS) if holds(setting, each)])


def some(random: Random, setting: Setting) -> Given:
    """A value or a schedule that a setting may have, most often."""
    chance = random.random()
    if setting.choices:
        return Given("number", random.choice(setting.choices))
    if chance < 0.65:
        return Given("number", number(random, setting))
    if chance < 0.75 and holds(setting, 0.25) and holds(setting, 0.0):
        return Given(*random.choice(SCHEDULES))
    kind = "list" if chance < 0.9 else "iterator"
    return Given(kind, [number(random, setting) for _ in range(random.randint(1, 5))])


def wrong(random: Random, setting: Setting) -> Given:
    """A value or a schedule that a setting cannot have, or not for long."""
    if setting.choices:
        return Given("number", random.choice(("no", None, 2)))
    values = [each for each in (*WRONG, *OUTSIDE) if not holds(setting, each)]
    chance, last = random.random(), [each for each in OUTSIDE if not holds(setting, each)]
    if chance < 0.5 or not last:
        return Given("number", random.choice(values))
    begin = [number(random, setting)] if chance < 0.9 else []
    return Given(random.choice(("list", "iterator")), [*begin, random.choice(last)])


def names(random: Random, rule: Rule) -> list[str]:
    """Some settings of a rule; those that change much come often."""
    known = list(settings_of(rule))
    often = [name for name in OFTEN if name in known]
    some = [random.choice(often if random.random() < 0.6 else known) for _ in range(random.choice((1, 1, 2, 3)))]
    return list(dict.fromkeys(some))  # in this order, whatever a process makes of hashes


def assign(random: Random, world: World) -> None:
    """New values, by `change` or as attributes; some of them refused."""
    if changed(random, world):
        world.see_unchanged()


def changed(random: Random, world: World) -> type[Exception] | None:
    """Give new values; the error that they are refused with."""
    model = world.actor.model
    known = settings_of(model.rule)
    given = {name: some(random, known[name]) for name in names(random, model.rule)}
    if random.random() < 0.2:
        name = random.choice(list(given))
        given[name] = wrong(random, known[name])
    if random.random() < 0.03:
        given["learn_date"] = Given("number", 0.1)

    def change(side: Side) -> None:
        made = {name: each.make() for name, each in given.items()}
        if len(made) == 1 and "learn_date" not in made:
            setattr(side.optimizer, *next(iter(made.items())))
        else:
            side.optimizer.change(**made)

    return world.both(change, lambda each: each.assign(given))


def off_and_on(random: Random, world: World) -> None:
    """Momentum, lookahead or averages the other way."""
    values = world.actor.model.values
    name = random.choice([each for each in ("momentum", "lookahead_k", "use_averages") if each in values])
    now = {"momentum": 0.9, "lookahead_k": random.choice((1, 2, 3)), "use_averages": True}
    off: Any = False if name == "use_averages" else 0
    given = {name: Given("number", off if values[name] else now[name])}
    assert not world.both(
        lambda side: setattr(side.optimizer, name, given[name].value), lambda model: model.assign(given)
    )


def step_schedules(random: Random, world: World) -> None:
    """The next value of every schedule, some times over."""
    for _ in range(random.choice((1, 1, 2, 4))):
        if world.both(lambda side: side.optimizer.step_schedules(), lambda model: model.step_schedules()):
            world.see_unchanged()
            return
        world.settle()


def threads(random: Random, world: World) -> None:
    """Another number of threads, which work however little there is to do."""
    count = random.choice((1, 2, 3, 2))
    set_num_threads(count)
    for side in world.actor.sides:
        if native := getattr(side.optimizer.ops, "native", None):
            native.set_threads(count, 0)


def move(random: Random, world: World) -> None:
    """To main memory, where all is."""
    for side in world.actor.sides:
        side.optimizer.to_cpu()
    world.see_unchanged()
