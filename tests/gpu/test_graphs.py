"""A step captured in a CUDA graph: replayed, it is the step that the host would have asked for."""

import numpy as np
import pytest

import thincopt
from tests.gpu.common import Twins, same_bits, stepped
from tests.test_bits import OFF, STAGES
from thincopt import OpsError

CASES = [
    *[("AdamW.v1", STAGES[each], "float32", False) for each in STAGES],
    ("Lion.v1", STAGES["all by key"], "float32", True),
    ("ProbeCounter.v1", STAGES["clip"], "float64", False),
    ("LAMB.v1", STAGES["clip"], "float64", True),
    ("RAdam.v2", STAGES["alone"], "float64", False),
]


def captured(stream, step):
    """What a step asks of the device, as a graph; the capture ends whatever happens."""
    stream.begin_capture()
    try:
        step()
    finally:
        graph = stream.end_capture()
    return graph


@pytest.mark.parametrize(("name", "stages", "dtype", "each"), CASES)
def test_replayed_steps(name, stages, dtype, each, cp, stream):
    settings = {**OFF, **stages}
    if name != "ProbeCounter.v1":
        settings["learn_rate"] = thincopt.warmup_linear(0.01, 8, 40)
    twins = Twins(name, [9, 4100, 70_000], dtype, **settings)
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        twins.step(twins.odd(0), each)
        graph = captured(stream, lambda: stepped(twins.device, twins.batch, each))
        for number in range(1, 21):
            for optimizer in (twins.device, twins.host):
                optimizer.step_schedules()
            gradients = twins.odd(number)
            twins.fill(gradients)
            graph.launch(stream)
            twins.follow(gradients, each)
        stream.synchronize()
        twins.agree("after the replays")
        twins.step(twins.odd(21), each)  # an ordinary step again
        stream.synchronize()
    assert set(twins.device.nr_update.values()) == {22}
    twins.settled()


def test_a_graph_on_another_stream_than_it_was_captured_on(cp, stream):
    twins = Twins("AdamW.v1", [9, 70_000], learn_rate=thincopt.warmup_linear(0.01, 8, 40))
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        twins.step(twins.odd(0))
        graph = captured(stream, lambda: stepped(twins.device, twins.batch))
        stream.synchronize()
    for number in range(1, 6):
        for optimizer in (twins.device, twins.host):
            optimizer.step_schedules()
        gradients = twins.odd(number)
        twins.fill(gradients)
        graph.launch()
        twins.follow(gradients)
    twins.settled()


def test_a_gradient_that_is_not_finite_is_skipped_in_a_replay(cp, stream):
    twins = Twins("AdamW.v1", [9, 4100], nonfinite="skip", grad_clip=1.0)
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        twins.step(twins.odd(0))
        graph = captured(stream, lambda: stepped(twins.device, twins.batch))
        for number in range(1, 8):
            gradients = twins.odd(number)
            if number in (2, 3, 6):
                gradients[4100][number] = np.nan
            twins.fill(gradients)
            graph.launch(stream)
            twins.follow(gradients)
        stream.synchronize()
    twins.settled()


def test_new_arrays_are_refused_while_a_graph_is_captured(cp, stream):
    optimizer = thincopt.AdamW()
    weights, gradient, other = (cp.asarray(np.ones(100, "float32")) for _ in range(3))
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        optimizer("w", weights, gradient)
        stream.synchronize()
        before = weights.get()
        with pytest.raises(OpsError, match="cannot be updated while a CUDA graph is captured"):
            captured(stream, lambda: optimizer("w", weights, other))
        stream.synchronize()
        assert same_bits(weights.get(), before)
        optimizer("w", weights, other)
        stream.synchronize()
    assert optimizer.nr_update == {"w": 2}


def test_new_keys_are_refused_while_a_graph_is_captured(cp, stream):
    twins = Twins("AdamW.v1", [9, 4100])
    pair = tuple(cp.asarray(np.ones(70, "float32")) for _ in range(2))
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        twins.step(twins.odd(0))
        stream.synchronize()
        with pytest.raises(OpsError, match="they were not met before"):
            captured(stream, lambda: twins.device("new", *pair))
        stream.synchronize()
        twins.step(twins.odd(1))
        stream.synchronize()
    assert (pair[0].get() == 1).all()
    twins.settled()


def test_graphs_outlive_the_arrays_that_the_host_forgets(cp, stream):
    """A graph keeps what it reads and writes on the device, though the optimizer has met other arrays since."""
    twins = Twins("AdamW.v1", [9, 4100])
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        twins.step(twins.odd(0), each=True)
        graph = captured(stream, lambda: stepped(twins.device, twins.batch, each=True))
        twins.step(twins.odd(1))  # all keys in one call: another table
        gradients = twins.odd(2)
        twins.fill(gradients)
        graph.launch(stream)
        twins.follow(gradients, each=True)
        stream.synchronize()
    twins.settled()
