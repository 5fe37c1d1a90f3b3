"""Threads and levels of instructions change the time that a step takes, and no bit of its result."""

import contextlib
import ctypes
import platform
import subprocess
import sys
from functools import cache
from hashlib import sha256
from itertools import product
from threading import Thread

import numpy as np
import pytest

import thincopt
from tests.conftest import is_compiled
from tests.sampling import sampled
from tests.test_bits import combinations
from thincopt import Optimizer, SettingError, num_threads, set_num_threads
from thincopt.native import load
from thincopt.ops.numpy import blocks
from thincopt.ops.numpy.ops import NumpyOps

THREADS = (1, 2, 3, 7, 16)
SIZES = (50_003, 1, 300, 63, 8200, 17, 4096, 4097)  # parts of all kinds
LARGE = 300_007


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Plain NumPy shares two blocks already; the threads and the level that were chosen are chosen again."""
    monkeypatch.setattr(blocks, "MANY", 2)
    threads, native = num_threads(), load()
    level = native and native.level()
    yield
    set_num_threads(threads)
    if native:
        native.set_level(level)


def share(ops: NumpyOps, threads: int) -> None:
    """Let so many threads work at once, however little there is to do."""
    set_num_threads(threads)
    if ops.native:
        ops.native.set_threads(threads, 0)


@cache
def some(count: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(count).normal(size=count).astype(dtype)


def moved(values: np.ndarray, offset: int) -> np.ndarray:
    """A copy that begins so many elements after a multiple of 64 bytes."""
    room = np.zeros(values.size + 32, values.dtype)
    begin = -room.ctypes.data % 64 // values.itemsize + offset
    room[begin : begin + values.size] = values
    return room[begin : begin + values.size]


def digest(name: str, settings: dict, dtype: str, ops: NumpyOps, sizes=SIZES, *, offset: int = 0) -> str:
    """Of the weights and all state after three steps of a model."""
    values = some(4 * sum(sizes), dtype).reshape(4, -1)
    cuts = np.cumsum(sizes)[:-1]
    model = {size: moved(part, offset) for size, part in zip(sizes, np.split(values[0], cuts), strict=True)}
    optimizer = Optimizer.of(name, ops=ops, **settings)
    for gradient in values[1:]:
        gradients = [moved(part, (offset * 5) % 16) for part in np.split(gradient, cuts)]
        optimizer.update({size: (model[size], each) for size, each in zip(sizes, gradients, strict=True)})
        assert optimizer.zero_gradient != any(each.any() for each in gradients)
    states = optimizer.state()["keys"].values()
    numbers = [np.asarray(state[each]) for state in states for each in sorted(state) if each != "shape"]
    return sha256(b"".join(each.tobytes() for each in (*model.values(), *numbers))).hexdigest()


CONFIGURATIONS = [
    each.times("policy", policy, policy).times("alignments", f"from {first}", range(first, 16, 4))
    for each, policy, first in product(combinations(), ("raise", "propagate"), range(4))
    if policy == "raise" or each.axes["type"] == "float32"
]


def test_there_are_enough_configurations():
    assert len(CONFIGURATIONS) >= 1200


@sampled("name, settings, dtype, policy, offsets", CONFIGURATIONS)
def test_every_number_of_threads_level_and_alignment(name, settings, dtype, policy, offsets, compiled):
    """Each of the 16 alignments, a quarter at a time, with another number of threads and level; all pairs occur."""
    settings = {**settings, "nonfinite": policy}
    set_num_threads(3)
    expected = digest(name, settings, dtype, NumpyOps(None))
    pairs = [*product(THREADS, compiled.native.levels())]
    for offset in offsets:
        threads, level = pairs[offset % len(pairs)]
        share(compiled, threads)
        compiled.native.set_level(level)
        assert digest(name, settings, dtype, compiled, offset=offset) == expected, (threads, level, offset)


@pytest.mark.parametrize("threads", THREADS)
def test_plain_numpy_shares_its_blocks(threads):
    """Full settings, and arrays so large that blocks are shared."""
    settings = dict(grad_clip=1.0, weight_decay=0.1, use_averages=True)
    found = []
    for count in (1, threads):
        set_num_threads(count)
        found.append(digest("AdamW.v1", settings, "float32", NumpyOps(None), (LARGE, 5)))
    assert found[0] == found[1]


def test_norms_that_overflow_are_taken_again_by_all_threads(compiled):
    found = []
    for ops, threads in ((NumpyOps(None), 1), (compiled, 1), (compiled, 7)):
        share(ops, threads)
        weights = {key: np.full(LARGE, 1e200) for key in "ab"}
        gradients = {"a": np.linspace(-1e200, 1e200, LARGE), "b": np.linspace(-1, 1, LARGE)}
        optimizer = Optimizer.of("SGD.v2", learn_rate=0.5, grad_clip=1e199, ops=ops)
        optimizer.update({key: (weights[key], gradients[key]) for key in "ab"})
        found.append(b"".join(each.tobytes() for each in weights.values()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("settings", [{}, {"grad_clip": 1.0}])
def test_one_nan_among_many_elements_is_found_by_whoever_meets_it(ops, threads, settings):
    share(ops, threads)
    optimizer = Optimizer.of("AdamW.v1", ops=ops, **settings)
    weights, gradient = np.ones(LARGE), np.ones(LARGE)
    optimizer("w", weights, gradient)
    before = weights.copy()
    gradient[:] = 1
    gradient[-1] = np.nan
    with pytest.raises(thincopt.NonFiniteError, match=f"{LARGE - 1}"):
        optimizer("w", weights, gradient)
    assert (weights == before).all()
    assert (gradient[:-1] == 1).all()


def test_two_threads_may_share_an_optimizer(ops):
    """Each call is whole: calls of other threads wait for it, also where the interpreter's lock is released."""
    ends = []
    share(ops, 3)
    for together in (False, True):
        optimizer = Optimizer.of("AdamW.v1", ops=ops)
        weights = {key: np.ones(LARGE, "float32") for key in range(3)}

        def train(key, optimizer=optimizer, weights=weights):
            for step in range(20):
                optimizer(key, weights[key], np.full(LARGE, step + key, "float32"))

        threads = [Thread(target=train, args=(key,)) for key in weights]
        for each in threads:
            each.start()
            if not together:
                each.join()
        for each in threads:
            each.join()
        assert set(optimizer.nr_update.values()) == {20}
        ends.append(b"".join(each.tobytes() for each in weights.values()))
    assert ends[0] == ends[1]


def test_optimizers_in_several_threads_do_not_meet_in_their_scratch():
    """NumPy lets others run while it works on some thousands of elements."""

    def trained(seed):
        optimizer, weights = Optimizer.of("Adam.v1", learn_rate=0.1, ops=NumpyOps(None)), some(20_000, "float32").copy()
        for _ in range(30):
            optimizer("w", weights, some(20_000, "float32") * seed)
        return weights.tobytes()

    seeds, ends = range(1, 5), {}
    threads = [Thread(target=lambda seed=each: ends.update({seed: trained(seed)})) for each in seeds]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert ends == {each: trained(each) for each in seeds}


def test_a_key_that_calls_its_optimizer_is_refused_and_nothing_hangs(compiled):
    class Key:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            optimizer("other", np.ones(3), np.ones(3))
            return self is other

    optimizer = Optimizer.of("AdamW.v1", ops=compiled)
    optimizer.update({Key(): (np.ones(2), np.ones(2))})
    with pytest.raises(RuntimeError, match="at work already"):
        optimizer.update({Key(): (np.ones(2), np.ones(2))})


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads the control words of x86")
def test_the_processor_rounds_as_before(compiled):
    """No call sets flush-to-zero or another rounding, in this thread or for good."""

    def control_words() -> tuple[int, int]:
        room = (ctypes.c_uint32 * 8)()
        ctypes.CDLL(None).fegetenv(room)
        return room[0] & 0xFFFF, room[7] & ~0x3F  # without the flags of what has happened

    before = control_words()
    for level in compiled.native.levels():
        compiled.native.set_level(level)
        optimizer = Optimizer.of("AdamW.v1", ops=compiled, grad_clip=1.0)
        optimizer("w", np.ones(LARGE, "float32"), np.full(LARGE, 1e-42, "float32"))
    assert control_words() == before


@pytest.mark.parametrize("given", [0, 257, 2.0, True, "2", None])
def test_a_number_of_threads_that_cannot_be_is_refused(given):
    before = num_threads()
    with pytest.raises(SettingError, match=r"^The number of threads must be a whole number from 1 to 256, not "):
        set_num_threads(given)
    assert num_threads() == before


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        (
            "THINCOPT_NUM_THREADS",
            "SettingError: THINCOPT_NUM_THREADS must be a whole number from 1 to 256, not 'x'.",
        ),
        ("THINCOPT_ISA", "OpsError: THINCOPT_ISA must be one that this processor has, "),
    ],
)
def test_a_slip_in_the_environment_is_told(variable, text, compiled):
    code = f'import os; os.environ["{variable}"] = "x"; import thincopt; thincopt.Adam()'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert text in done.stderr


def test_compiled_kernels_are_what_is_tested(compiled):
    assert is_compiled(Optimizer.of("AdamW.v1", ops=compiled))


def test_a_key_that_changes_the_batch_under_way_does_no_harm(compiled):
    """Keys may run Python where two of them are compared; memory stays sound, and so does the optimizer."""
    batch = {}

    class Key:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            batch.update({index: (np.ones(3), np.ones(3)) for index in range(50)})
            return self is other

    optimizer = Optimizer.of("AdamW.v1", ops=compiled)
    optimizer.update({Key(): (np.ones(2), np.ones(2))})
    batch |= {"first": (np.ones(2), np.ones(2)), Key(): (np.ones(2), np.ones(2))}
    with contextlib.suppress(RuntimeError):  # from Python's own check that a dict is not changed under way
        optimizer.update(batch)
    weights = np.ones(2)
    optimizer("other", weights, np.ones(2))
    assert (weights < 1).all()
