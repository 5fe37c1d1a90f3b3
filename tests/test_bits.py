"""Plain NumPy and compiled kernels give the same bits: every rule, choice, type and set of stages."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest

from tests import probes
from tests.conftest import is_compiled, same
from tests.sampling import Case, drawn, sampled
from thincopt import Optimizer
from thincopt.engine.settings import ENGINE
from thincopt.ops.contract import DTYPES
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.recipes.composing import declarations
from thincopt.rules import all_rules

STAGES = {
    "alone": {},
    "L2": dict(L2=0.1, L2_is_weight_decay=False),
    "clip": dict(grad_clip=1.0),
    "clip model": dict(grad_clip=1.0, grad_clip_by="model"),
    "decay": dict(weight_decay=0.1),
    "averages": dict(use_averages=True),
    "lookahead": dict(lookahead_k=3),
    "corrected, values, swa": dict(
        weight_decay=0.1,
        decay_kind="corrected",
        grad_clip_value=0.5,
        use_averages=True,
        averages_by="swa",
        swa_start=3,
        swa_every=4,
    ),
    "independent, ema": dict(
        weight_decay=0.01, decay_kind="independent", use_averages=True, averages_by="ema", ema_decay=0.9
    ),
    "cautious, debiased": dict(
        weight_decay=0.1,
        decay_kind="squared",
        cautious_decay=True,
        use_averages=True,
        averages_by="ema",
        ema_decay=0.9,
        ema_debias=True,
    ),
    "gradient kept": dict(grad_clip=1.0, weight_decay=0.1, zero_gradient=False),
    "all by key": dict(
        L2=0.1, L2_is_weight_decay=False, grad_clip=0.5, weight_decay=0.1, use_averages=True, lookahead_k=4
    ),
    "all by model": dict(
        L2=0.1, L2_is_weight_decay=False, grad_clip=0.5, grad_clip_by="model", use_averages=True, lookahead_k=4
    ),
}
OFF = dict(grad_clip=0.0, use_averages=False)
LARGE = 1_000_003
# Settings that are numbers but decide, when they are not zero, which formula is traced.
SWITCHES = {"SGD.v2": [dict(momentum=0.9, dampening=0.1), {}]}
RULES = [name for name in all_rules() if not name.startswith("Probe")]


def variants():
    """Every rule with each of its own choices."""
    for name in RULES:
        own = [each for each in all_rules()[name].signature.settings if each.choices]
        for values in product(*(each.choices for each in own)):
            chosen = dict(zip([each.name for each in own], values, strict=True))
            for numbers in SWITCHES.get(name, [{}]):
                yield name, {**chosen, **numbers}


def odd_gradient(step: int, size: int, dtype: str) -> np.ndarray:
    """Gradients of every kind that there is: most ordinary, some zero, subnormal, huge, infinite or NaN."""
    random = np.random.default_rng([step, size])
    gradient = random.normal(size=size).astype(dtype)
    if step % 5 == 1:
        gradient[random.random(size) < 0.3] = 0
    if step % 7 == 2:
        gradient *= np.array(1e-42, dtype)
    if step % 11 == 3:
        gradient *= np.array(1e30, dtype)
    if step > 30 and step % 6 == 4:
        gradient[random.integers(size)] = [np.inf, -np.inf, np.nan][step // 6 % 3]
    return gradient


ALL_KINDS = range(22, 50)  # steps in whose gradients there is everything odd


def assert_same_run(name: str, settings: dict, dtype: str, sizes: list[int], steps: Iterable[int], ops: list) -> None:
    """Run both backends on the same gradients; weights, gradients and all state stay equal."""
    fast, plain = (Optimizer.of(name, nonfinite="propagate", ops=each, **settings) for each in ops)
    assert is_compiled(fast)
    assert not is_compiled(plain)
    keeps = not fast.zero_gradient
    start = {size: np.random.default_rng(size).normal(size=size).astype(dtype) for size in sizes}
    one, other = ({size: each.copy() for size, each in start.items()} for _ in range(2))
    for step in steps:
        gradients = {size: odd_gradient(step, size, dtype) for size in sizes}
        copies = {size: each.copy() for size, each in gradients.items()}
        left = {size: each.copy() if keeps else np.zeros_like(each) for size, each in gradients.items()}
        with np.errstate(all="ignore"):
            fast.update({size: (one[size], gradients[size]) for size in sizes})
            plain.update({size: (other[size], copies[size]) for size in sizes})
        assert all(same(one[size], other[size]) for size in sizes), f"weights differ at step {step}"
        assert all(same(left[size], gradients[size]) and same(left[size], copies[size]) for size in sizes)
    assert_same_state(fast.state(), plain.state())


def assert_same_state(one: dict, other: dict) -> None:
    keys = [(one["keys"][key], other["keys"][key], key) for key in one["keys"]]
    for mine, others, key in [*keys, (one["shared"], other["shared"], "shared")]:
        for name, value in mine.items():
            assert same(value, others[name]), f"{name} of {key} differs"


def combinations() -> list[Case]:
    """Every rule with each of its choices, set of stages and type."""
    found = []
    for (name, chosen), (stages, settings) in product(variants(), STAGES.items()):
        known = {each.name for each in declarations(all_rules()[name]).settings} | {each.name for each in ENGINE}
        wanted = {key: value for key, value in {**OFF, **settings, **chosen}.items() if key in known}
        for dtype in DTYPES:
            axes = {"choices": " ".join(map(str, chosen.values())), "stages": stages, "type": dtype}
            found.append(Case(name, axes, (name, {"learn_rate": 0.01, **wanted}, dtype)))
    return found


@sampled("name, settings, dtype", combinations())
def test_every_combination(name, settings, dtype, compiled, request):
    backends = [compiled, NumpyOps(None)]
    if settings.get("cautious_decay"):
        request.getfixturevalue("waits")  # it comes on demand
    if request.config.getoption("exhaustive"):
        assert_same_run(name, settings, dtype, list(range(1, 258)), range(50), backends)
        assert_same_run(name, settings, dtype, [LARGE], range(50), backends)
    else:
        some = np.random.default_rng(list(drawn(request.node.name))).choice(257, 8, replace=False) + 1
        assert_same_run(name, settings, dtype, [*map(int, some), 4096, 8200], ALL_KINDS, backends)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_size(name, dtype, compiled, request):
    """Each rule has every size: odd ones in one type and even ones in the other, by chance which."""
    settings = dict(learn_rate=0.01, grad_clip=1.0, use_averages=True)
    first = 1 + (drawn(name)[0] + DTYPES.index(dtype)) % 2
    sizes = range(1, 258) if request.config.getoption("exhaustive") else range(first, 258, 2)
    assert_same_run(name, settings, dtype, [*sizes], range(5), [compiled, NumpyOps(None)])
    assert_same_run(name, settings, dtype, [LARGE], range(3), [compiled, NumpyOps(None)])


@pytest.mark.parametrize("name", [each.name for each in probes.RULES])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stages", ["alone", "all by model"])
def test_probe_rules(name, dtype, stages, compiled_probes):
    settings = {**OFF, **STAGES[stages]}
    sizes = [1, 63, 64, 65, 300, 4097]
    assert_same_run(name, settings, dtype, sizes, range(30), [compiled_probes, NumpyOps(None)])


def test_misaligned_to_vectors(compiled):
    """Arrays that begin anywhere, at a multiple of their element, give the same bits."""
    ends = set()
    for offset in range(16):
        room = np.random.default_rng(1).normal(size=1040).astype("float32")
        memory = np.zeros(1056, "float32")
        weights = memory[offset : offset + 1040]
        weights[:] = room
        optimizer = Optimizer.of("AdamW.v1", ops=compiled, grad_clip=1.0)
        for step in range(3):
            gradient = np.zeros(1060, "float32")[15 - offset : 15 - offset + 1040]
            gradient[:] = odd_gradient(step, 1040, "float32")
            optimizer("w", weights, gradient)
        ends.add(weights.tobytes())
        assert not memory[:offset].any()
        assert not memory[offset + 1040 :].any()
    assert len(ends) == 1
