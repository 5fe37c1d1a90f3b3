"""What serves as a schedule, and what a schedule of one's own may give and raise."""

import copy
import pickle
import subprocess
import sys
from fractions import Fraction
from functools import partial

import numpy as np
import pytest

import thincopt
from tests.interrupting import interrupt
from thincopt import ScheduleError, SettingError, schedule
from thincopt.schedules.declaring import as_schedule
from thincopt.schedules.following import Played


def of(function):
    """A schedule of a user's own that is this function."""

    @schedule("of_tests.v1")
    def of_tests(step):
        return function(step)

    return of_tests()


@pytest.mark.parametrize("value", [0.5, 1, np.float64(0.5), np.float32(0.5), np.int8(1), Fraction(1, 2)])
def test_a_schedule_may_give_any_real_number(value):
    found = of(lambda step: value)(0)
    assert type(found) is float
    assert found == value


REFUSED = {
    "'0.5'": "0.5",
    "b'0.5'": b"0.5",
    "True": True,
    "np.True_; write float(…) of it": np.True_,
    "None": None,
    "nan": float("nan"),
    "inf": np.inf,
    "1j": 1j,
    "[0.1]": [0.1],
    "array(0.5); write float(…) of it": np.array(0.5),
    "array([0.5]); write float(…) of it": np.array([0.5]),
    "array([0.5, 1. ])": np.array([0.5, 1.0]),
}


@pytest.mark.parametrize("told", REFUSED)
def test_a_schedule_that_gives_anything_else_is_refused(told):
    with pytest.raises(ScheduleError) as caught:
        of(lambda step: REFUSED[told])
    assert str(caught.value) == f"of_tests() must give a finite number at step 0, not {told}."


RAISED = [
    (KeyError("x"), "KeyError: 'x'"),
    (IndexError("list index out of range"), "IndexError: list index out of range"),
    (RuntimeError("no."), "RuntimeError: no"),
    (StopIteration(), "StopIteration"),
    (ValueError("too late"), "too late"),
    (ZeroDivisionError("division by zero"), "division by zero"),
    (ValueError("x" * 10**6), f"{'x' * 1000}…"),
]


@pytest.mark.parametrize(("error", "told"), RAISED)
def test_what_a_schedule_raises_is_told_with_its_step(error, told):
    def fails(step):
        if step == 2:
            raise error
        return 0.5

    optimizer = thincopt.Adam(of(fails))
    optimizer.step_schedules()
    with pytest.raises(ScheduleError) as caught:
        optimizer.step_schedules()
    assert str(caught.value) == f"Adam.v1: learn_rate: of_tests() has no value at step 2: {told}."
    assert caught.value.__cause__.__cause__ is error
    assert optimizer.learn_rate == 0.5


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_ends_it(error):
    def ends(step):
        raise error

    with pytest.raises(error):
        of(ends)


def test_main_may_define_its_own_again_and_nothing_else():
    def cell(number, name="again.v1", module="__main__"):
        made = {"__name__": module, "schedule": schedule}
        exec(compile(f"@schedule({name!r})\ndef again(step): return {number}.0", f"cell {number}", "exec"), made)  # noqa: S102
        return made["again"]()

    assert [cell(1)(0), cell(2)(0)] == [1, 2]
    with pytest.raises(ScheduleError, match=r"again.v1 is already the schedule of __main__; choose another name"):
        cell(3, module="mine")
    with pytest.raises(ScheduleError, match=r"constant.v1 is already the schedule of thincopt.schedules.steady"):
        cell(4, name="constant.v1")


def test_a_built_in_name_is_taken_before_anything_asked_for_it():
    code = "from thincopt import schedule\nschedule('constant.v1')(lambda step: 1.0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "constant.v1 is already the schedule of thincopt.schedules.steady" in done.stderr


def test_an_array_in_a_row_serves_as_a_list_does():
    optimizer = thincopt.Adam(np.linspace(0.5, 0.0, 3), beta1=np.array([0, 0]))
    assert (optimizer.learn_rate, optimizer.beta1) == (0.5, 0.0)
    assert optimizer.schedules["learn_rate"] == as_schedule([0.5, 0.25, 0.0], "")
    optimizer.learn_rate = np.float32([0.25])
    assert optimizer.learn_rate == 0.25
    for wrong in (np.zeros((1, 2)), np.array(0.5), np.array([True]), np.array([])):
        with pytest.raises(SettingError):
            thincopt.Adam(wrong)


@pytest.mark.parametrize("give", [iter, list, tuple])
@pytest.mark.parametrize("parameter", [np.ones((2, 3)), np.ones(4), {"params": []}])
def test_parameters_are_told_from_rates(give, parameter):
    with pytest.raises(ScheduleError, match=r"the model's parameters do not go here, but into each call, optimizer\("):
        thincopt.Adam(give([parameter]))


@pytest.mark.parametrize("name", ["lr", "learn_rate", "learning_rate"])
def test_parameters_are_told_from_rates_beside_a_rate_too(name):
    text = r"Adam.v1 was given learn_rate twice: <generator .*> and 0.1. Parameters go into each call, optimizer\(key,"
    with pytest.raises(SettingError, match=text):
        thincopt.Adam((each for each in [np.ones(3)]), **{name: 0.1}, weight_decay=0.1)


def test_a_long_list_prints_its_beginning():
    assert repr(as_schedule([1, 2], "")) == "[1.0, 2.0]"
    assert repr(as_schedule([0] * 10**6, "")).endswith("0.0, 0.0, … 999994 more]")


def test_an_interrupt_at_any_line_loses_no_value_and_takes_none_twice():
    line, came = 0, True
    while came:
        played, given, came = Played(iter([0.0, 1.0, 2.0])), [], False
        for step in range(3):
            while len(given) == step:
                stopped = step == 1 and not came and interrupt(partial(played, step), line)
                came = came or stopped
                if not stopped:
                    given.append(played(step))
        assert given == [0.0, 1.0, 2.0]
        assert played.ended(3)
        line += 1
    assert line > 8


def test_an_interrupt_at_any_line_of_the_end_leaves_the_last_value():
    line, came = 0, True
    while came:
        played = Played(iter([0.5]))
        assert played(0) == 0.5
        came = interrupt(lambda played=played: played.ended(1), line)
        assert (played.ended(1), played(1), played.taken) == (True, 0.5, 1)
        line += 1
    assert line > 5


@pytest.mark.parametrize("bad", ["a", None, -1.0, np.nan])
def test_a_refused_value_stays_refused_until_the_setting_is_assigned(bad):
    optimizer = thincopt.Adam(iter([0.5, bad, 0.25]), eps=iter([1.0, 2.0, 3.0]))
    told = []
    for _ in range(3):
        with pytest.raises(SettingError) as caught:
            optimizer.step_schedules()
        told.append(str(caught.value))
        assert (optimizer.learn_rate, optimizer.eps) == (0.5, 1.0)
    assert len(set(told)) == 1
    optimizer.learn_rate = 0.125
    optimizer.learn_rate = iter([0.25])
    optimizer.step_schedules()
    assert (optimizer.learn_rate, optimizer.eps) == (0.25, 2.0)


def test_an_iterator_that_raises_is_told_and_does_not_count_as_ended():
    def rates():
        yield 0.5
        raise KeyError("x")

    optimizer = thincopt.Adam(rates())
    text = r"Adam.v1: learn_rate: the iterator has no value at step 1: KeyError: 'x'; assign one that continues it\.$"
    for _ in range(2):
        with pytest.raises(ScheduleError, match=text):
            optimizer.step_schedules()
        assert optimizer.learn_rate == 0.5


def test_a_generator_that_was_interrupted_does_not_count_as_ended():
    def rates():
        yield 0.5
        raise KeyboardInterrupt

    optimizer = thincopt.Adam(rates())
    with pytest.raises(KeyboardInterrupt):
        optimizer.step_schedules()
    with pytest.raises(ScheduleError, match=r"the iterator has no value at step 1: it was interrupted; assign one"):
        optimizer.step_schedules()


def test_a_copy_knows_how_far_it_came_and_shares_nothing():
    played = Played(iter([0.5, 0.25, 0.125]))
    assert (played(0), played(1)) == (0.5, 0.25)
    for again in (copy.copy(played), copy.deepcopy(played), pickle.loads(pickle.dumps(played))):
        assert (again.iterator, again.taken, again.last, again(1)) == (None, 2, 0.25, 0.25)
        with pytest.raises(ScheduleError, match="drove this setting for 2 steps and cannot be saved"):
            again(2)
    assert played(2) == 0.125
    assert played.ended(3)
    assert copy.copy(played).last == 0.125
