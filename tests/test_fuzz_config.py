"""Whatever is written in a config or given as a setting ends in an optimizer, or in an error of thincopt's."""

import json
from contextlib import suppress
from fractions import Fraction

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import thincopt
from tests.sampling import examples
from thincopt import ConfigError, Optimizer, SettingError, registry
from thincopt.engine.settings import settings_of
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules

# A first example imports the library's lazy modules, and whole configs take a while to write: neither is a fault.
quick = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

OPTIMIZERS = [name for name, rule in all_rules().items() if rule.function.__module__.startswith("thincopt.")]
SCHEDULES = [name for name, each in all_schedules().items() if each.function.__module__.startswith("thincopt.")]
NAMES = sorted({name for rule in OPTIMIZERS for name in settings_of(all_rules()[rule])})
ARGUMENTS = sorted({each.name for name in SCHEDULES for each in all_schedules()[name].settings})

numbers = st.floats() | st.integers() | st.sampled_from([0, 1, 0.5, -0.0, 1e-8, 1e308, 10**400])
names = st.sampled_from([*NAMES, *ARGUMENTS, "schedules", "ops", "*", "self", "rule", "learn_date"]) | st.text(
    max_size=6
)
plain = st.recursive(
    numbers
    | st.none()
    | st.booleans()
    | st.text(max_size=8)
    | st.sampled_from(["raise", "skip", "model", ".1", "0.1 # x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
odd = st.sampled_from(
    [
        lambda: np.zeros(2),
        lambda: np.float32(0.5),
        lambda: np.array(0.5),
        lambda: Fraction(1, 3),
        lambda: 1j,
        lambda: b"0.1",
        lambda: range(3),
        lambda: iter([]),
        lambda: iter([0.1, "a"]),
        lambda: (each for each in (0.5, np.nan)),
        lambda: thincopt.decaying(0.5, 0.1),
        lambda: thincopt.constant(-1),
        lambda: thincopt.constant_then(0.1, 2, [0.1]),
        lambda: thincopt.Adam,
        object,
        lambda: int,
    ]
)
values = plain | odd.map(lambda make: make())


def runs(optimizer: Optimizer) -> None:
    """It was taken, so it steps: a schedule may yet run out of what its setting allows."""
    assert isinstance(optimizer, Optimizer)
    with suppress(SettingError):
        optimizer.step_schedules()


@settings(max_examples=examples(3000), **quick)
@given(
    name=st.sampled_from(OPTIMIZERS),
    given=st.dictionaries(names, values, max_size=4),
    rate=st.just(()) | st.tuples(values),
)
@example(name="SGD.v1", given={"rule": 1, "self": 2, "cls": 3}, rate=(0.1,))
def test_settings_of_every_kind(name, given, rate):
    try:
        runs(thincopt.get(name)(*rate, **given))
    except SettingError as error:
        assert str(error)


@settings(max_examples=examples(1000), **quick)
@given(
    given=st.dictionaries(names.filter(lambda name: name not in ("self", "learn_rate")), values, max_size=4),
    rate=values,
)
def test_settings_of_every_kind_as_thinc_gives_them(given, rate):
    optimizer = Optimizer(0.5)
    before = optimizer.settings
    try:
        runs(Optimizer(rate, **given))
        optimizer.learn_rate = rate
    except SettingError as error:
        assert str(error)
        assert optimizer.settings == before


@settings(max_examples=examples(1000), **quick)
@given(
    name=st.sampled_from(SCHEDULES), given=st.dictionaries(names, values, max_size=4), args=st.lists(values, max_size=3)
)
def test_arguments_of_schedules_of_every_kind(name, given, args):
    try:
        assert isinstance(all_schedules()[name](*args, **given)(3), float)
    except SettingError as error:
        assert str(error)


def written(value) -> str:
    """A value as a config has it, or as text that is nearly so."""
    return value if isinstance(value, str) else json.dumps(value)


sections = st.sampled_from(
    ["optimizer", "optimizer.learn_rate", "optimizer.schedules", "optimizer.schedules.L2"]
) | st.text("ab.*_ ", max_size=5)
references = st.tuples(
    st.sampled_from(["@optimizers", "@schedules", "@ops", "@optimizer", "@__class__"]),
    st.sampled_from([*OPTIMIZERS, *SCHEDULES, "NumpyOps", "os.system"]),
)
variables = st.sampled_from(
    ["${optimizer.L2}", "${optimizer}", "${a.b}", "${b}", "$", "$$", "${", '"${a.b}"', "__SECTION__:a"]
)
lines = st.one_of(
    references.map(" = ".join),
    st.tuples(names, plain | variables).map(lambda pair: f"{pair[0]} = {written(pair[1])}"),
    sections.map(lambda name: f"[{name}]"),
    st.text(max_size=10),
)
GOOD = """\
[training]
rate = 0.25
label = "of ${training.rate}"

[optimizer]
@optimizers = Adam.v1
L2 = 1e-6
use_averages = true

[optimizer.learn_rate]
@schedules = constant_then.v1
rate = ${training.rate}
steps = 2

[optimizer.learn_rate.schedule]
@schedules = decaying.v1
base_rate = 0.5
decay = 1.0

[optimizer.schedules]
eps = [1e-8, 1e-7]
"""
changes = st.tuples(st.sampled_from(["drop", "insert", "replace", "cut", "twice"]), st.integers(0, 40), lines)


def changed(text: str, made: list[tuple[str, int, str]]) -> str:
    """This text with some of its lines changed."""
    found = text.split("\n")
    for what, where, line in made:
        at = where % (len(found) + 1)
        if what == "cut" and at < len(found):
            found[at] = found[at][: where % (len(found[at]) + 1)]
        else:
            new = {"drop": [], "twice": 2 * found[at : at + 1]}.get(what, [line])
            found[at : at + (what != "insert")] = new
    return "\n".join(found)


def ends_well(make, *args, **kwargs) -> None:
    try:
        made = make(*args, **kwargs)
    except ConfigError as error:
        assert str(error)
    else:
        assert isinstance(made, dict)


@settings(max_examples=examples(1500), **quick)
@given(text=st.lists(lines, max_size=12).map(lambda each: "\n".join(["[optimizer]", "@optimizers = Adam.v1", *each])))
def test_configs_of_any_lines(text):
    ends_well(thincopt.load, text)


@settings(max_examples=examples(2000), **quick)
@given(
    made=st.lists(changes, max_size=4),
    overrides=st.dictionaries(
        st.sampled_from(["optimizer.L2", "training.rate", "optimizer.learn_rate", "x"]) | names, values, max_size=1
    ),
)
def test_a_config_with_changes(made, overrides):
    text = changed(GOOD, made)
    ends_well(thincopt.load, f"{text}\n", overrides=overrides)


@settings(max_examples=examples(500), **quick)
@given(text=st.text(max_size=80))
def test_any_text(text):
    ends_well(thincopt.load, f"{text}\n")


blocks = st.recursive(
    values,
    lambda inner: st.dictionaries(
        names | st.sampled_from(["@optimizers", "@schedules"]) | st.integers(), inner, max_size=3
    ),
)


@settings(max_examples=examples(1000), **quick)
@given(config=st.dictionaries(names | st.just("optimizer"), blocks, max_size=3), name=st.sampled_from(OPTIMIZERS))
def test_configs_as_dictionaries(config, name):
    ends_well(registry.resolve, config)
    ends_well(registry.resolve, {"optimizer": {"@optimizers": name, **config}})
