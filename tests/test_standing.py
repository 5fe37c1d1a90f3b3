"""Which state stands: not that of a refused call, not what a part left behind that was switched off."""

import gc
import weakref

import numpy as np
import pytest

import thincopt
from thincopt import NonFiniteError, Optimizer, SettingError

GRADIENTS = (1, 1, 5, 1, 1)
MOMENTA = (0.9, 0.9, 0.0, 0.0, 0.9)


def step(optimizer, weights, gradient, **how):
    optimizer("W", weights, np.full(weights.shape, gradient, weights.dtype), **how)


def test_a_refused_first_call_leaves_nothing(ops):
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
    with pytest.raises(NonFiniteError):
        step(optimizer, np.zeros(2), np.nan)
    assert optimizer.state() == {"rule": "Adam.v2", "keys": {}, "shared": {}}
    assert optimizer.nr_update == {}
    assert "0 keys" in repr(optimizer)
    step(optimizer, np.zeros((3, 1), "float32"), 1)  # the key may be another's still
    assert optimizer.nr_update == {"W": 1}


def test_a_refused_call_after_a_change_leaves_no_new_arrays(ops):
    """Lookahead's slow weights would be those of a run that diverged."""
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=1.0, ops=ops), np.zeros(2)
    step(optimizer, weights, 1)
    optimizer.lookahead_k = 1
    weights[:] = 1e6
    with pytest.raises(NonFiniteError):
        step(optimizer, weights, np.nan)
    assert "lookahead.slow" not in optimizer.state()["keys"]["W"]
    weights[:] = 0
    step(optimizer, weights, 1)
    assert (weights == -0.5).all()


def test_a_refused_rate_begins_no_state_that_starts_at_a_setting(ops):
    optimizer, weights = Optimizer.of("AdamW.v1", learn_rate=0.1, ops=ops), np.zeros(2)
    for scale in (float("inf"), float("nan"), True, "1", 10**400):
        with pytest.raises(SettingError, match=r"^lr_scale must be a finite number >= 0, not "):
            step(optimizer, weights, 1, lr_scale=scale)
    assert optimizer.state()["keys"] == {}


def test_momentum_that_is_switched_off_and_on_follows_the_formula(ops):
    """By assignment as by a schedule: with momentum 0 the velocity is the gradient."""
    ends = []
    for by_schedule in (True, False):
        momentum = list(MOMENTA) if by_schedule else MOMENTA[0]
        optimizer = Optimizer.of("SGD.v2", learn_rate=0.1, momentum=momentum, ops=ops)
        weights = np.zeros(1)
        for at, gradient in enumerate(GRADIENTS):
            if at and by_schedule:
                optimizer.step_schedules()
            elif at:
                optimizer.momentum = MOMENTA[at]
            step(optimizer, weights, gradient)
        ends.append((weights.tobytes(), optimizer.mom1["W"].tobytes() if optimizer.mom1 else b""))
    assert ends[0] == ends[1]


def test_momentum_that_is_off_is_kept_up_after_resuming_too(ops):
    """What a run does by its state, a resumed one does."""
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=0.1, momentum=0.9, ops=ops), np.zeros(3)
    step(optimizer, weights, 1)
    optimizer.momentum = 0.0
    again = Optimizer.of("SGD.v2", learn_rate=0.1, ops=ops)
    again.load_state(optimizer.state())
    others = weights.copy()
    for each, its in ((optimizer, weights), (again, others)):
        step(each, its, 7)
        each.momentum = 0.9
        step(each, its, 1)
    assert weights.tobytes() == others.tobytes()


def test_lookahead_that_was_off_begins_anew(ops):
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=1.0, lookahead_k=5, ops=ops), np.zeros(1)
    for _ in range(10):
        step(optimizer, weights, -1)
    optimizer.lookahead_k = 0
    assert "lookahead.slow" not in optimizer.state()["keys"]["W"]
    for _ in range(1000):
        step(optimizer, weights, -1)
    before, optimizer.lookahead_k = float(weights[0]), 5
    for _ in range(5):
        step(optimizer, weights, -1)
    assert float(weights[0]) == before + 2.5


def test_lookahead_that_a_schedule_switches_off_begins_anew(ops):
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=1.0, lookahead_k=[1, 0, 0, 1], ops=ops), np.zeros(1)
    ends = []
    for _ in range(4):
        step(optimizer, weights, -1)
        ends.append(float(weights[0]))
        optimizer.step_schedules()
    assert ends == [0.5, 1.5, 2.5, 3.0]


@pytest.mark.parametrize(
    ("rate", "scale", "dtype"), [(1e300, 1e10, "float64"), (0.1, 1e300, "float32"), (1e39, 1.0, "float32")]
)
def test_a_rate_that_no_number_of_the_type_holds_is_refused(ops, rate, scale, dtype):
    optimizer, weights = Optimizer.of("Adam.v2", learn_rate=rate, ops=ops), np.ones(3, dtype)
    for _ in range(2):
        with pytest.raises(SettingError, match=rf"^learn_rate × lr_scale is .* and {dtype} holds numbers up to "):
            step(optimizer, weights, 1, lr_scale=scale)
        assert (weights == 1).all()
        weights = np.ones(3, dtype)


def test_an_empty_gradient_returns_before_any_other_check(ops):
    optimizer, empty = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops), np.ones(0)
    for _ in range(2):
        optimizer("W", empty, np.ones(0), lr_scale=float("inf"))
        optimizer.update({"W": (empty, np.ones(0))}, lr_scale=float("nan"))
        step(optimizer, np.ones(3), 1)
    assert optimizer.nr_update == {"W": 2}


def test_elements_without_bytes_are_no_empty_gradient(ops):
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
    with pytest.raises(thincopt.ArrayError, match="must be float32 or float64"):
        optimizer("W", np.ones(3), np.zeros(3, "V0"))


def test_an_array_of_numbers_drives_the_decay_as_a_list_does():
    for L2 in (np.array([0.0, 0.5]), [0.0, 0.5]):
        optimizer = Optimizer.of("SGD.v2", learn_rate=0.1, L2=L2, L2_is_weight_decay=True)
        optimizer.step_schedules()
        assert optimizer.L2 == 0.5


def test_what_L2_counts_as_may_change(ops):
    """Coupled L2 is another kernel; as weight decay it is a number of the present one."""
    ends = []
    for coupled in ([True, False], [False, True]):
        optimizer, weights = Optimizer.of("SGD.v2", learn_rate=0.1, momentum=0.9, L2=0.5, ops=ops), np.ones(3)
        for each in coupled:
            optimizer.L2_is_weight_decay = not each
            twin = Optimizer.of("SGD.v2", learn_rate=0.1, momentum=0.9, L2=0.5, L2_is_weight_decay=not each, ops=ops)
            twin.load_state(optimizer.state())
            expected = weights.copy()
            step(twin, expected, 1)
            step(optimizer, weights, 1)
            assert (weights == expected).all()
        ends.append(weights.tobytes())
    assert ends[0] != ends[1]


@pytest.mark.parametrize("by", ["key", "model"])
@pytest.mark.parametrize("size", [1e100, 1e160, 1e200, 1e300])
def test_a_clip_of_norms_whose_squares_overflow(ops, by, size):
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, grad_clip=1.0, grad_clip_by=by, ops=ops)
    weights = np.zeros(4)
    optimizer.update({"W": (weights, np.full(4, size))})
    assert np.linalg.norm(weights) == pytest.approx(1, rel=1e-12)  # a few roundings


def test_a_schedule_that_is_never_stepped_is_told_of_once(ops):
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=thincopt.warmup_linear(0.1, 10, 100), ops=ops), np.ones(1)
    for _ in range(999):
        step(optimizer, weights, 1)
    text = (
        r"^After 1000 updates of key 'W', learn_rate is still 0\.0, the first value of warmup_linear\(.*step_schedules"
    )
    with pytest.warns(UserWarning, match=text):
        step(optimizer, weights, 1)
    for _ in range(1001):
        step(optimizer, weights, 1)
    optimizer.step_schedules()
    model = Optimizer.of("SGD.v2", learn_rate=[0.1, 0.2], ops=ops)
    for _ in range(999):
        model.update({"W": (weights, np.ones(1))})
    with pytest.warns(UserWarning, match=r"^After 1000 updates of the model, learn_rate is still 0\.1"):
        model.update({"W": (weights, np.ones(1))})


def test_a_bound_step_tells_of_it_too(ops):
    batch = {"W": (np.ones(1), np.ones(1))}
    bound = Optimizer.of("SGD.v2", learn_rate=[0.1, 0.2], ops=ops).bound(batch)
    for _ in range(999):
        bound()
    with pytest.warns(UserWarning, match=r"^After 1000 updates of the model, learn_rate is still 0\.1"):
        bound()


def test_a_schedule_that_is_stepped_now_and_then_is_not_told_of(ops):
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=[0.1, 0.2], ops=ops), np.ones(1)
    optimizer.step_schedules()
    for _ in range(1001):
        step(optimizer, weights, 1)


def test_a_schedule_that_would_not_move_is_not_told_of(ops):
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=thincopt.constant(0.1), momentum=[0.9], ops=ops), np.ones(1)
    for _ in range(1001):
        step(optimizer, weights, 1)


def test_a_key_that_knows_its_optimizer_is_collected_with_it(ops):
    class Layer:
        def __init__(self):
            self.optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
            self.optimizer(self, np.ones(3), np.ones(3))

    known = weakref.ref(Layer())
    gc.collect()
    assert known() is None
