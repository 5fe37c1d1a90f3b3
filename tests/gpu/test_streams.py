"""Streams: a step is ordered with what it must be ordered with, and the host waits for none."""

import numpy as np
import pytest

import thincopt
from tests.gpu.common import Twins, spinning, stepped

POLICIES = [
    dict(),
    dict(nonfinite="skip"),
    dict(nonfinite="raise", grad_clip=1.0, use_averages=True, lookahead_k=2),
    dict(nonfinite="raise"),
]


def warm_up():
    return thincopt.warmup_linear(0.01, 4, 30)


def test_two_optimizers_on_two_streams(cp):
    streams = [cp.cuda.Stream(non_blocking=True) for _ in range(2)]
    both = [Twins("AdamW.v1", [7, 70_000]), Twins("LAMB.v1", [7, 300_000], grad_clip=1.0)]
    gradients = [[twins.odd(number) for number in range(6)] for twins in both]
    cp.cuda.runtime.deviceSynchronize()
    for number in range(6):
        for stream, twins, own in zip(streams, both, gradients, strict=True):
            with stream:
                twins.step(own[number])
    for stream in streams:
        stream.synchronize()
    for twins in both:
        twins.settled()


def test_one_optimizer_on_two_streams(cp):
    """Each key has a stream of its own; a schedule steps between."""
    streams = [cp.cuda.Stream(non_blocking=True) for _ in range(2)]
    twins = Twins("AdamW.v1", [300, 70_000], learn_rate=warm_up())
    cp.cuda.runtime.deviceSynchronize()
    for number in range(6):
        gradients = twins.odd(number)
        for stream, (key, gradient) in zip(streams, gradients.items(), strict=True):
            with stream:
                twins.fill({key: gradient})
                twins.device(key, *twins.batch[key])
        twins.follow(gradients, each=True)
        for each in (twins.device, twins.host):
            each.step_schedules()
    cp.cuda.runtime.deviceSynchronize()
    twins.settled()


@pytest.mark.parametrize("late", ["step", "schedule"])
def test_a_schedule_stepped_on_another_stream(late, cp, stream):
    """Steps before it take the old rate, those after it the new, even if a stream is far behind."""
    twins = Twins("AdamW.v1", [9, 70_000], learn_rate=warm_up())
    cp.cuda.runtime.deviceSynchronize()
    for number in range(4):
        gradients = twins.odd(number)
        with stream:
            twins.fill(gradients)
            stream.synchronize()
            if late == "step":
                spinning(50_000_000)
            stepped(twins.device, twins.batch)
        twins.follow(gradients)
        if late == "schedule":
            spinning(50_000_000)
        for each in (twins.device, twins.host):
            each.step_schedules()
    stream.synchronize()
    twins.settled()


def test_what_is_asked_of_an_optimizer_waits_for_every_stream(cp, stream):
    twins = Twins("AdamW.v1", [9, 70_000])
    cp.cuda.runtime.deviceSynchronize()
    for number in range(2):
        gradients = twins.odd(number)
        with stream:
            twins.fill(gradients)
            spinning(50_000_000)
            stepped(twins.device, twins.batch)
        twins.follow(gradients)
        assert set(twins.device.nr_update.values()) == {number + 1}
    twins.settled()


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("settings", POLICIES)
def test_a_step_waits_for_nothing(settings, each, cp, stream):
    twins = Twins("AdamW.v1", [9, 3000, 70_000], **settings)
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        for _ in range(2):
            stepped(twins.device, twins.batch, each)
        stream.synchronize()
        spinning()
        for _ in range(20):
            stepped(twins.device, twins.batch, each)
        is_busy = not stream.done
        stream.synchronize()
    assert is_busy
    assert set(twins.device.nr_update.values()) == {22}


def test_a_step_with_other_gradients_waits_for_nothing(cp, stream):
    """Their addresses are sent, which the host need not wait for either."""
    twins = Twins("AdamW.v1", [9, 3000, 70_000])
    gradients = [{key: cp.asarray(np.ones(key, "float32")) for key in twins.weights} for _ in range(2)]
    batches = [{key: (twins.batch[key][0], each) for key, each in own.items()} for own in gradients]
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        for batch in batches:
            twins.device.update(batch)
        stream.synchronize()
        spinning()
        for number in range(20):
            twins.device.update(batches[number % 2])
        is_busy = not stream.done
        stream.synchronize()
    assert is_busy


def test_a_schedule_waits_for_nothing(cp, stream):
    twins = Twins("AdamW.v1", [9, 3000, 70_000], learn_rate=warm_up())
    cp.cuda.runtime.deviceSynchronize()
    with stream:
        twins.device.update(twins.batch)
        stream.synchronize()
        spinning()
        for _ in range(5):
            twins.device.step_schedules()
            twins.device.update(twins.batch)
        is_busy = not stream.done
        stream.synchronize()
    assert is_busy


@pytest.mark.parametrize("each", [False, True])
def test_memory_does_not_grow(each, cp):
    """A thousand steps, each with gradients in new memory."""
    twins = Twins("AdamW.v1", [9, 3000, 70_000], grad_clip=1.0, learn_rate=warm_up())
    pool = cp.get_default_memory_pool()

    def steps(count):
        for _ in range(count):
            batch = {key: (weights, cp.empty_like(weights)) for key, (weights, _) in twins.batch.items()}
            for _, gradient in batch.values():
                gradient.data.memset_async(0, gradient.nbytes)
            stepped(twins.device, batch, each)
            twins.device.step_schedules()
        cp.cuda.runtime.deviceSynchronize()
        return pool.used_bytes(), pool.total_bytes()

    steps(50)
    before = steps(10)
    assert steps(1000) == before
