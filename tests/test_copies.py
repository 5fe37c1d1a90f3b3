"""Copies and pickles are optimizers of their own; a rule that has changed since is told."""

import copy
import pickle
from typing import Annotated

import numpy as np
import pytest

import thincopt
from thincopt import Optimizer, ScheduleError, SettingError, StateError, rule
from thincopt.language import RULES, Array, Rate, Scalar, Share, Starts, Unit

CHANGED = r"^The formula of Changing\.v1 has changed since this optimizer was saved, and its steps will follow the new"
COPIES = [copy.copy, copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))]


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_goes_its_own_way(ops, copied):
    first = Optimizer.of("Adam.v2", learn_rate=thincopt.decaying(1.0, 1.0), ops=ops)
    weights = np.ones(3)
    first("W", weights, np.ones(3))
    second = copied(first)
    assert repr(second.state()) == repr(first.state())
    for _ in range(3):
        first.step_schedules()
        second.step_schedules()
    assert first.learn_rate == second.learn_rate == 0.25
    before, state = first.settings, repr(first.state())
    second.change(learn_rate=5.0, eps=0.5)
    second("W", weights.copy(), np.ones(3))
    second.load_state({"keys": {}, "shared": {}})
    assert first.settings == before
    assert repr(first.state()) == state


@pytest.mark.parametrize("copied", COPIES)
def test_an_iterator_serves_one_optimizer(copied):
    optimizer = Optimizer.of("SGD.v2", learn_rate=iter([1.0, 0.5, 0.25, 0.125]))
    optimizer.step_schedules()
    again = copied(optimizer)
    assert again.learn_rate == 0.5
    with pytest.raises(ScheduleError, match=r"An iterator drove this setting for 2 steps and cannot be saved"):
        again.step_schedules()
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.25


@pytest.mark.parametrize("copied", COPIES)
def test_an_iterator_that_has_ended_goes_on_so_in_copies_of_copies(copied):
    optimizer = Optimizer.of("SGD.v2", learn_rate=iter([1.0, 0.5]))
    for _ in range(2):
        optimizer.step_schedules()
    again = copied(copied(optimizer))
    again.step_schedules()
    assert again.learn_rate == 0.5


def test_a_copy_may_be_taken_while_its_weights_are_averaged(ops):
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, use_averages=True, ops=ops)
    weights = np.ones(3)
    optimizer("W", weights, np.ones(3))
    with optimizer.averaged({"W": weights}):
        again = copy.deepcopy(optimizer)
    assert repr(again.state()) == repr(optimizer.state())


def saved():
    """A pickle of an optimizer by a rule that is then defined anew."""

    @rule("Changing.v1")
    def Changing(w, g, m, *, learn_rate: Rate = 0.1, beta1: Unit = 0.9):
        m = beta1 * m + (1 - beta1) * g
        return learn_rate * m, m

    optimizer = Optimizer.of(Changing, beta1=0.5)
    optimizer("W", np.ones(2), np.ones(2))
    return pickle.dumps(optimizer)


def test_a_pickle_of_a_rule_whose_formula_has_changed_is_told():
    pickled = saved()

    @rule("Changing.v1")
    def Changing(w, g, m, *, learn_rate: Rate = 0.1, beta1: Unit = 0.9):
        m = beta1 * m + g
        return learn_rate * m, m

    with pytest.warns(UserWarning, match=CHANGED) as told:
        optimizer = pickle.loads(pickled)
    assert [each.filename for each in told] == [__file__]
    weights = np.zeros(1)
    optimizer("V", weights, np.ones(1))
    assert weights[0] == -0.1
    pickle.loads(pickle.dumps(optimizer))


def another_start(w, g, m: Annotated[Array, Starts(1.0)], *, learn_rate: Rate = 0.1, beta1: Unit = 0.9):
    m = beta1 * m + (1 - beta1) * g
    return learn_rate * m, m


def another_state(w, g, m, *, learn_rate: Rate = 0.1, beta1: Unit = 0.9):
    m = beta1 * m + (1 - beta1) * g
    return learn_rate * m, -m


def another_order(w, g, m, *, learn_rate: Rate = 0.1, beta1: Unit = 0.9):
    m = beta1 * m + (g - beta1 * g)
    return learn_rate * m, m


@pytest.mark.parametrize("function", [another_start, another_state, another_order])
def test_whatever_of_a_formula_has_changed_is_told(function):
    pickled = saved()
    rule("Changing.v1")(function)
    with pytest.warns(UserWarning, match=CHANGED):
        pickle.loads(pickled)


def test_another_place_of_weight_decay_is_told():
    pickled = saved()
    rule("Changing.v1", decay="weights")(RULES["Changing.v1"].function)
    with pytest.warns(UserWarning, match=CHANGED):
        pickle.loads(pickled)


def test_a_pickle_of_a_rule_written_otherwise_is_as_before():
    """Names, notes, defaults, ranges, and what is off with these settings, are not the formula."""
    pickled = saved()

    @rule("Changing.v1", grad_clip=1.0)
    def Anew(w, g, m, *, beta1: Share = 0.5, boost: Rate = 0.0, learn_rate: Rate = 3.0):
        """Step by momentum."""
        mean = beta1 * m + (1 - beta1) * g
        return learn_rate * mean + boost * g if boost else learn_rate * mean, mean

    assert pickle.loads(pickled).boost == 0.0


def test_a_pickle_of_a_rule_with_a_new_setting_has_its_default():
    pickled = saved()

    @rule("Changing.v1")
    def Changing(w, g, m, *, learn_rate: Rate = 0.1, beta1: Unit = 0.9, boost: Rate = 0.0):
        m = beta1 * m + (1 - beta1) * g
        return learn_rate * m + boost * g, m

    with pytest.warns(UserWarning, match=CHANGED):
        optimizer = pickle.loads(pickled)
    assert (optimizer.beta1, optimizer.boost, optimizer.nr_update) == (0.5, 0.0, {"W": 1})
    optimizer("W", np.ones(2), np.ones(2))


def test_a_pickle_of_a_rule_without_that_setting_is_told():
    pickled = saved()

    @rule("Changing.v1")
    def Changing(w, g, m, *, learn_rate: Rate = 0.1, momentum: Unit = 0.9):
        m = momentum * m + (1 - momentum) * g
        return learn_rate * m, m

    with pytest.raises(StateError) as caught:
        pickle.loads(pickled)
    assert str(caught.value).startswith(
        "This optimizer was saved with beta1 = 0.5, but Changing.v1 has no such setting now: its definition has"
        " changed."
    )


def test_a_pickle_whose_value_is_out_of_range_now_is_told():
    pickled = saved()

    @rule("Changing.v1")
    def Changing(w, g, m, *, learn_rate: Rate = 0.1, beta1: bool = True):
        return learn_rate * g, m

    with pytest.raises(SettingError, match=r"^Changing\.v1: beta1 must be one of False, True, not 0\.5"):
        pickle.loads(pickled)


def test_a_pickle_whose_state_is_of_another_kind_now_is_told():
    pickled = saved()

    @rule("Changing.v1")
    def Changing(w, g, m: Scalar, *, learn_rate: Rate = 0.1, beta1: Unit = 0.9):
        m = beta1 * m + (1 - beta1)
        return learn_rate * m * g, m

    with (
        pytest.warns(UserWarning, match=CHANGED),
        pytest.raises(StateError, match=r"^Changing\.v1: key 'W': m must be a number that a float64 holds exactly"),
    ):
        pickle.loads(pickled)


def test_a_pickle_whose_rule_is_not_here_is_told():
    pickled = saved()
    del RULES["Changing.v1"]
    with pytest.raises(
        StateError, match=r"^No optimizer is named 'Changing\.v1' here: define its rule before loading\."
    ):
        pickle.loads(pickled)


def test_state_of_another_rule_is_taken_only_where_it_does_not_say_so(ops):
    """The moments of both have the same names and shapes."""
    first, second = Optimizer.of("Adam.v1", learn_rate=0.1, ops=ops), Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
    first("W", np.ones(3), np.ones(3))
    state = first.state()
    for each in ("Adam.v1", "Adam.v99", None, np.zeros(2)):
        with pytest.raises(StateError, match=r"^Adam\.v2: the state is of .*, to which its numbers may mean something"):
            second.load_state({**state, "rule": each})
    assert second.state() == {"rule": "Adam.v2", "keys": {}, "shared": {}}
    del state["rule"]
    second.load_state(state)
    assert str(second.state()["keys"]) == str(first.state()["keys"])


def test_an_optimizer_keeps_the_formula_that_it_was_made_by_when_it_is_copied():
    @rule("Changing.v1")
    def Changing(w, g, m: Array, *, learn_rate: Rate = 1.0):
        return learn_rate * g, m

    optimizer = Optimizer.of(Changing)
    rule("Changing.v1")(lambda w, g: 2 * g)
    for again in (copy.copy(optimizer), copy.deepcopy(optimizer)):
        weights = np.zeros(1)
        again("W", weights, np.ones(1))
        assert weights[0] == -1
