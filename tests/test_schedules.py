"""Schedules: their values, and what can be done with them.

`make record SCHEDULE="decaying(0.001, 1e-4)"` adds the values of a call to schedules.txt. A new schedule adds one line.
"""

import copy
import pickle
import re
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import thincopt
from thincopt import Optimizer, ScheduleError, SettingError, schedule
from thincopt.schedules import Schedule, all_schedules

TABLE = Path(__file__).with_name("schedules.txt")
STEPS = (*range(12), 100, 10**6)
VALUES = [
    (lambda: thincopt.constant(0.5), [0.5, 0.5, 0.5]),
    (lambda: thincopt.constant_then(1, 2, [100, 200]), [1, 1, 100, 200, 200]),
    (lambda: thincopt.constant_then(1, 2, thincopt.decaying(8, 1)), [1, 1, 8, 4]),
    (lambda: thincopt.decaying(0.001, 1e-4), [0.001, 0.000999900009999]),
    (lambda: thincopt.decaying(1.0, 1.0, t=1), [1 / 2, 1 / 3]),
    (lambda: thincopt.compounding(1, 16, 2), [1, 2, 4, 8, 16, 16]),
    (lambda: thincopt.compounding(16, 3, 0.5), [16, 8, 4, 3, 3]),
    (lambda: thincopt.warmup_linear(1, 2, 10), [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0]),
    (lambda: thincopt.warmup_linear(1, 0, 2), [1, 0.5, 0, 0]),
    (lambda: thincopt.warmup_linear(1, 3, 3), [0, 1 / 3, 2 / 3, 0, 0]),
    (lambda: thincopt.cyclic_triangular(0.1, 1, 2), [0.55, 1, 0.55, 0.1, 0.55, 1]),
    (lambda: thincopt.slanted_triangular(1.0, 20, ratio=10), [0.55, 1.0, 0.95, 0.9]),
    (
        lambda: thincopt.slanted_triangular(32.0, 10, ratio=32),
        [32.0, *(32 * (1 + (1 - i / 9) * 31) / 32 for i in range(1, 10)), 1.0, 1.0],
    ),
]


@pytest.mark.parametrize(("make", "values"), VALUES)
def test_values(make, values):
    found = make()
    assert list(islice(found, len(values))) == pytest.approx(values, rel=1e-15, abs=1e-15)
    assert [found(step) for step in range(len(values))] == list(islice(found, len(values)))


def made(call):
    """The schedule that a call makes: `decaying(0.001, 1e-4)`."""
    return eval(call, {each.__name__: each for each in all_schedules().values()})  # noqa: S307  # our table


def line(call):
    """What schedules.txt says of a call: its values, at the first steps and at far ones."""
    return " ".join([call, *(repr(made(call)(step)) for step in STEPS)])


@pytest.mark.parametrize("recorded", TABLE.read_text().splitlines())
def test_recorded(recorded):
    """To two units in the last place, for a schedule may use libm, whose last bits are its own."""
    call, values = re.fullmatch(r"(.*\)) ([^)]*)", recorded).groups()
    assert [made(call)(step) for step in STEPS] == pytest.approx([*map(float, values.split())], rel=4e-16, abs=0)
    assert np.isfinite(made(call)(2**40))


def test_every_schedule_is_recorded():
    missing = {each.__name__ for each in all_schedules().values()} - set(re.findall(r"^\w+", TABLE.read_text(), re.M))
    assert not missing, f"schedules.txt has no line of {missing}; `make record SCHEDULE='NAME(…)'` adds it"


@pytest.mark.parametrize(("make", "values"), VALUES)
def test_copies_are_equal_and_alike(make, values):
    one = make()
    for other in (make(), copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one
        assert hash(other) == hash(one)
        assert repr(other) == repr(one)
        assert other(1) == one(1)
    assert one != thincopt.constant(-17.0)
    assert one != "a schedule"


def test_next_counts_for_the_object_itself_and_is_saved():
    found = thincopt.decaying(1.0, 1.0)
    assert (next(found), next(found)) == (1.0, 0.5)
    assert next(pickle.loads(pickle.dumps(found))) == pytest.approx(1 / 3)
    assert next(iter(found)) == 1.0


def test_it_prints_as_it_was_made():
    assert repr(thincopt.decaying(0.001, 1e-4)) == "decaying(base_rate=0.001, decay=0.0001, t=0)"
    assert repr(thincopt.constant_then(1, 2, [3])) == "constant_then(rate=1, steps=2, schedule=[3.0])"
    assert repr(thincopt.decaying) == "<schedule decaying.v1>"


def test_an_optimizer_never_consumes_a_schedule():
    shared = thincopt.decaying(1.0, 1.0)
    one, other = thincopt.Adam(shared), thincopt.SGD(shared, grad_clip=shared)
    for _ in range(3):
        one.step_schedules()
    other.step_schedules()
    assert (one.learn_rate, other.learn_rate, other.grad_clip) == (0.25, 0.5, 0.5)
    assert next(shared) == 1.0


def test_the_seed_pages_schedules_argument_takes_the_first_item_at_the_first_step():
    optimizer = Optimizer(learn_rate=0.001, schedules={"learn_rate": thincopt.decaying(0.001, 1e-4)})
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.001
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.000999900009999


def test_schedules_argument_leaves_the_setting_until_then():
    optimizer = thincopt.Adam(0.5, schedules={"L2": [0.1, 0.2], "beta1": iter([0.5])})
    assert (optimizer.learn_rate, optimizer.L2, optimizer.b1) == (0.5, 0.0, 0.9)
    for expected in ((0.1, 0.5), (0.2, 0.5), (0.2, 0.5)):
        optimizer.step_schedules()
        assert (optimizer.L2, optimizer.b1) == expected


def test_assigning_a_number_keeps_the_schedule_and_assigning_a_schedule_replaces_it():
    optimizer = thincopt.Adam([0.1, 0.2, 0.3, 0.4])
    optimizer.learn_rate = 0.5
    assert optimizer.learn_rate == 0.5
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.2
    optimizer.learn_rate = thincopt.constant(0.7)
    assert optimizer.learn_rate == 0.7
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.7
    assert optimizer.schedules == {"learn_rate": thincopt.constant(0.7)}


@pytest.mark.parametrize("make", [lambda: [0.1, 0.2], lambda: iter([0.1, 0.2])])
def test_what_is_assigned_after_the_end_stays_as_in_thinc(make):
    optimizer = thincopt.Adam(make())
    for expected in (0.2, 0.2):
        optimizer.step_schedules()
        assert optimizer.learn_rate == expected
    optimizer.learn_rate = 0.7
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.7


def test_a_scheduled_zero_is_off(ops):
    """A clip of 0 is no clip, and a momentum of 0 none, also where a schedule may turn them on later."""
    weights = np.zeros(2)
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, grad_clip=[0.0, 1.0], ops=ops)
    for gradient in ([3.0, 4.0], [0.0, 0.0], [3.0, 4.0]):
        optimizer("w", weights, np.array(gradient))
        if gradient == [0.0, 0.0]:
            optimizer.step_schedules()
    np.testing.assert_allclose(weights, [-3.6, -4.8], rtol=1e-15)
    weights = np.zeros(1)
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, momentum=[0.0], dampening=0.5, ops=ops)
    for _ in range(2):
        optimizer("w", weights, np.ones(1))
    assert weights[0] == -2.0


def test_a_bad_value_on_the_way_is_refused_and_nothing_changes():
    optimizer = thincopt.Adam([0.1, 0.2, -0.3], eps=[1.0, 2.0, 3.0])
    optimizer.step_schedules()
    text = r"Adam.v1: learn_rate must be a finite number >= 0, not -0.3 \(the value of \[0.1, 0.2, -0.3\] at step 2\)"
    for _ in range(2):
        with pytest.raises(SettingError, match=text):
            optimizer.step_schedules()
        assert (optimizer.learn_rate, optimizer.eps) == (0.2, 2.0)


def test_a_scheduled_setting_takes_effect(ops):
    """From zero too: what is scheduled counts as on."""
    weights = np.zeros(1)
    optimizer = Optimizer.of("SGD.v2", learn_rate=[1.0, 2.0, 3.0], momentum=[0.0, 0.5], ops=ops)
    for _ in range(3):
        optimizer("w", weights, np.ones(1))
        optimizer.step_schedules()
    assert weights[0] == -(1.0 * 1 + 2.0 * 1.5 + 3.0 * 1.75)


def test_L2_as_weight_decay_can_be_scheduled(ops):
    weights = np.ones(1)
    optimizer = thincopt.SGD(1.0, L2=[0.0, 0.5], ops=ops)
    for _ in range(2):
        optimizer("w", weights, np.zeros(1))
        optimizer.step_schedules()
    assert weights[0] == 0.5


def test_an_iterator_is_saved_as_far_as_it_came_and_asks_for_the_rest():
    optimizer = thincopt.Adam(iter([0.1, 0.2, 0.3]))
    optimizer.step_schedules()
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert again.learn_rate == 0.2
        with pytest.raises(ScheduleError, match="An iterator drove this setting for 2 steps and cannot be saved"):
            again.step_schedules()
        again.learn_rate = iter([0.3])
        assert again.learn_rate == 0.3
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.3


def test_the_users_own_schedule_works_at_once_in_configs_too():
    @schedule("halving_for_tests.v1")
    def halving(step, start: float = 1.0, *, every: int = 1):
        """Half of it at each turn."""
        return start * 0.5 ** (step // every)

    assert isinstance(halving(), Schedule)
    assert halving(8, every=2)(5) == 2.0
    text = (
        "[optimizer]\n@optimizers = Adam.v1\n[optimizer.learn_rate]\n@schedules = halving_for_tests.v1\nstart = 0.5\n"
    )
    optimizer = thincopt.load(text)["optimizer"]
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.25
    assert pickle.loads(pickle.dumps(halving(3.0))) == halving(3.0)


def test_a_schedule_is_a_function_of_the_step_with_a_version():
    with pytest.raises(ScheduleError, match=r"A schedule is named like 'decaying.v1', with a version; 'mine' is not."):
        schedule("mine")
    with pytest.raises(ScheduleError, match=r"mine.v1 must be a function of \(step, …\); it begins with 't'"):
        schedule("mine.v1")(lambda t: t)
    with pytest.raises(ScheduleError, match=r"decaying.v1 is already the schedule of thincopt.schedules.decays"):
        schedule("decaying.v1")(lambda step: 0.0)


def test_a_function_that_has_no_value_is_told():
    @schedule("inverse_for_tests.v1")
    def inverse(step, at: float = 1.0):
        return 1 / (step - at)

    assert inverse(at=3.0)(0) == -1 / 3
    with pytest.raises(ScheduleError, match=r"inverse\(at=3.0\) has no value at step 3: float division by zero"):
        inverse(at=3.0)(3)


if __name__ == "__main__":
    with TABLE.open("a") as table:
        for added in map(line, sys.argv[1:]):
            table.write(f"{added}\n")
            print(f"{TABLE.name}: {added}")  # noqa: T201  # `make record` tells what it adds
