"""The whole way in twelve lines: a rule, an optimizer, two keys, ten steps, compiled and plain, the same bits."""

import numpy as np

from thincopt import Optimizer
from thincopt.ops.numpy.ops import NumpyOps


def test_compiled_and_plain_give_the_same_bits(compiled):
    ends = []
    for ops in (compiled, NumpyOps(None)):
        random = np.random.default_rng(0)
        model = {key: random.normal(size=size).astype("float32") for key, size in [("W", 300), ("b", 10)]}
        optimizer = Optimizer.of("Lion.v1", learn_rate=0.01, ops=ops)
        for _ in range(10):
            for key, weights in model.items():
                optimizer(key, weights, random.normal(size=weights.size).astype("float32"))
        ends.append(np.concatenate(list(model.values())).tobytes())
    assert ends[0] == ends[1]
