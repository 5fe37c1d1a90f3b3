"""Plain NumPy's quick way: taken where all is as before and nowhere else, and nothing is kept of what it was given."""

import copy
import sys

import numpy as np
import pytest

import thincopt
from tests.conftest import steps
from thincopt import ArrayError, NumpyOps, Optimizer
from thincopt.ops.contract import Outcome


class CarefulOps(NumpyOps):
    """Plain NumPy that leaves every look at arrays to the engine."""

    def runner(self, *given, **named):
        made = super().runner(*given, **named)
        made.step = made.update = lambda *_: Outcome.REFUSED
        return made


def plain(name="Adam.v1", **settings):
    return Optimizer.of(name, ops=NumpyOps(None), **settings)


def arrays(shape=6, dtype="float32"):
    return np.ones(shape, dtype), np.full(shape, 0.5, dtype)


def changed(array, **flags):
    array.setflags(**flags)
    return array


def at_a_glance(optimizer, weights, gradient, key="W", lr_scale=1.0):
    """What the quick way says of a call."""
    now = optimizer._now
    return now.runner.step(now.numbers, key, weights, gradient, lr_scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), 1, 6, (2, 3), (1, 2, 3)])
def test_it_is_taken(shape, dtype):
    optimizer = plain()
    optimizer("W", *arrays(shape, dtype))
    weights, gradient = arrays(shape, dtype)
    assert at_a_glance(optimizer, weights, gradient) == Outcome.DONE
    assert optimizer.nr_update == {"W": 2}
    assert not gradient.any()
    assert (weights < 1).all()


ROOM = np.ones(9, "float32")
ODD = {
    "another key": dict(key="V"),
    "read-only weights": dict(weights=changed(arrays()[0], write=False)),
    "a read-only gradient": dict(gradient=changed(arrays()[1], write=False)),
    "another type": dict(zip(("weights", "gradient"), arrays(dtype="float64"), strict=True)),
    "a gradient of another type": dict(gradient=arrays(dtype="float64")[1]),
    "another byte order": dict(weights=arrays(dtype=">f4")[0]),
    "another size": dict(zip(("weights", "gradient"), arrays(5), strict=True)),
    "another shape": dict(zip(("weights", "gradient"), arrays((2, 3)), strict=True)),
    "strides": dict(gradient=arrays(12)[1][::2]),
    "within an element": dict(weights=np.frombuffer(bytearray(25), "uint8")[1:].view("float32")),
    "one array twice": dict(weights=ROOM[:6], gradient=ROOM[:6]),
    "overlapping": dict(weights=ROOM[:6], gradient=ROOM[3:]),
    "a subclass": dict(weights=np.ones(6, "float32").view(np.recarray)),
    "no array": dict(weights=[1.0] * 6),
    "nothing": dict(gradient=None),
    "a negative scale": dict(lr_scale=-1.0),
    "no number": dict(lr_scale=float("nan")),
    "infinity": dict(lr_scale=float("inf")),
    "too large": dict(lr_scale=1e300),
    "a text": dict(lr_scale="1"),
    "a truth": dict(lr_scale=True),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_left_to_the_engine(case):
    optimizer = plain()
    optimizer("W", *arrays())
    weights, gradient = arrays()
    given = dict(weights=weights, gradient=gradient) | ODD[case]
    before = repr((given, optimizer.state()))
    assert at_a_glance(optimizer, **given) == Outcome.REFUSED
    assert repr((given, optimizer.state())) == before


def test_two_keys_that_share_memory_are_left_to_the_engine():
    optimizer, room = plain(), np.ones(11, "float32")
    batch = {key: arrays() for key in "ab"}
    optimizer.update(batch)
    assert optimizer._now.runner.update(optimizer._now.numbers, batch, 1.0) == Outcome.DONE
    for shared in ({"a": (room[:6], arrays()[1]), "b": (room[5:], arrays()[1])}, {"a": batch["a"], "b": batch["a"]}):
        assert optimizer._now.runner.update(optimizer._now.numbers, shared, 1.0) == Outcome.REFUSED
    assert (room == 1).all()
    assert optimizer.nr_update == {"a": 2, "b": 2}


@pytest.mark.parametrize("batch", [[], (), {"W": [*arrays()]}, {"W": (*arrays(), 1)}, {"W": 3}])
def test_what_is_no_pair_by_key_is_left_to_the_engine(batch):
    optimizer = plain()
    optimizer("W", *arrays())
    assert optimizer._now.runner.update(optimizer._now.numbers, batch, 1.0) == Outcome.REFUSED


def test_it_wants_the_present_settings_and_a_turn():
    optimizer = plain(use_averages=True)
    weights, gradient = arrays()
    optimizer("W", weights, gradient)
    with optimizer._turns.lock:
        assert at_a_glance(optimizer, weights, gradient) == Outcome.REFUSED
    with optimizer.averaged({"W": weights}):
        assert at_a_glance(optimizer, weights, gradient) == Outcome.REFUSED
    optimizer.step_schedules()
    before = optimizer._now
    optimizer.learn_rate = 0.5
    assert before.runner.step(before.numbers, "W", weights, gradient, 1.0) == Outcome.REFUSED
    assert at_a_glance(optimizer, weights, gradient) == Outcome.DONE


def test_a_key_whose_first_step_was_refused_has_not_begun():
    """What begins as the weights begins as those of the step that is taken."""
    optimizer = plain(nonfinite="raise", lookahead_k=2)
    weights, gradient = arrays()
    with pytest.raises(thincopt.NonFiniteError):
        optimizer("W", weights, gradient * np.nan)
    optimizer("V", *arrays())
    weights.fill(5)
    assert at_a_glance(optimizer, weights, gradient) == Outcome.REFUSED
    optimizer("W", weights, gradient)
    assert (optimizer.state()["keys"]["W"]["lookahead.slow"] == 5).all()


def test_arrays_may_change_between_calls():
    """Every call looks anew, at the same objects too."""
    optimizer = plain()
    weights, gradient = arrays()
    for _ in range(2):
        optimizer("W", weights, gradient)
    for undone, done, text in (
        (lambda: changed(weights, write=False), lambda: changed(weights, write=True), "read-only"),
        (lambda: weights.resize(7), lambda: weights.resize(6), "7 elements"),
        (lambda: setattr(weights, "dtype", "int32"), lambda: setattr(weights, "dtype", "float32"), "not int32"),
    ):
        undone()
        before = weights.tobytes(), repr(optimizer.state())
        with pytest.raises(ArrayError, match=text):
            optimizer("W", weights, gradient)
        assert (weights.tobytes(), repr(optimizer.state())) == before
        done()
        optimizer("W", weights, gradient)
    assert optimizer.nr_update == {"W": 5}


def test_nothing_is_kept_of_what_was_given():
    optimizer = plain()
    weights, gradient = arrays()
    before = sys.getrefcount(weights), sys.getrefcount(gradient)
    for _ in range(3):
        optimizer("W", weights, gradient)
        optimizer.update({"W": (weights, gradient)})
    assert (sys.getrefcount(weights), sys.getrefcount(gradient)) == before


def test_user_code_keeps_its_warnings():
    """A key's own Python, and what follows a call, hear of their own overflows."""

    class Key:
        def __hash__(self):
            seen.append(np.geterr()["over"])
            return 1

    seen, optimizer, key = [], plain(), Key()
    for _ in range(3):
        optimizer(key, *arrays())
    assert {*seen, np.geterr()["over"]} == {"warn"}


def test_no_setting_of_numpys_errors_reaches_a_step():
    optimizer, (weights, gradient) = plain(grad_clip=0.0), arrays()
    optimizer("W", weights, gradient)
    with np.errstate(all="raise"):
        optimizer("W", weights, np.full(6, 1e30, "float32"))
        assert np.geterr()["over"] == "raise"
    assert np.isinf(optimizer.mom2["W"]).all()
    assert optimizer.nr_update == {"W": 2}


def test_all_sizes_share_their_scratch():
    optimizer = plain()
    optimizer.update({size: arrays(size) for size in range(9000, 10_000, 7)})
    (room, _) = optimizer._now.runner.rooms.values()
    kept = [each.nbytes for each in room.values() if isinstance(each, np.ndarray)]
    assert len(kept) < 9
    assert sum(kept) < 9 * 8 * 2**14


SCRIPT = [
    ("update", lambda o: o.update({"W": arrays(), "V": arrays((2, 3), "float64")})),
    ("another array", lambda o: o("W", *arrays())),
    ("a scale", lambda o: o("W", *arrays(), lr_scale=0.5)),
    ("a whole scale", lambda o: o("W", *arrays(), lr_scale=2)),
    ("a flat gradient", lambda o: o("V", arrays((2, 3), "float64")[0], arrays(6, "float64")[1])),
    ("an empty gradient", lambda o: o.update({"W": arrays(), "U": arrays(0)})),
    ("a large gradient", lambda o: o("W", np.ones(6, "float32"), np.full(6, 1e30, "float32"))),
    ("no finite gradient", lambda o: o("W", np.ones(6, "float32"), np.full(6, np.inf, "float32"))),
    ("a schedule", lambda o: o.step_schedules()),
    ("a rate", lambda o: o.change(beta1=0.5)),
    ("other kernels", lambda o: o.change(weight_decay=0.1, L2_is_weight_decay=False)),
    ("lookahead", lambda o: o.change(lookahead_k=2)),
    ("loading", lambda o: o.load_state(copy.deepcopy(o.state()))),
    ("loading nothing", lambda o: o.load_state({"keys": {}, "shared": {}})),
]


@pytest.mark.parametrize("seed", range(12))
def test_the_bits_are_those_of_the_careful_way(seed):
    """Whatever is done, in any order; of the arrays that calls make, later ones lie where earlier ones were freed."""
    random = np.random.default_rng(seed)
    quick, careful = (
        Optimizer.of("Adam.v1", learn_rate=thincopt.decaying(0.5, 0.1), nonfinite="skip", ops=each(None))
        for each in (NumpyOps, CarefulOps)
    )
    for place in random.integers(len(SCRIPT), size=60):
        name, deed = SCRIPT[place]
        deed(quick)
        deed(careful)
        assert repr(quick.state()) == repr(careful.state()), name
        if place == 0:
            quick, careful = map(copy.deepcopy, (quick, careful))


@pytest.mark.parametrize("size", [1, 63, 64, 65, 4095, 4096, 4097, (1 << 15) + 1])
@pytest.mark.parametrize("name", ["Adam.v1", "AdamW.v1", "Lion.v1", "SGD.v1"])
def test_the_bits_are_those_of_compiled_code_at_every_size(name, size, compiled):
    one, other = (
        steps(Optimizer.of(name, learn_rate=0.1, ops=each), count=4, size=size, dtype="float32")
        for each in (NumpyOps(None), compiled)
    )
    assert one.tobytes() == other.tobytes()
