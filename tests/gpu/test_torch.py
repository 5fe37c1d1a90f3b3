"""Tensors of torch on a CUDA device: updated in their own memory, on torch's current stream."""

import numpy as np
import pytest

import thincopt
from tests.gpu.common import assert_same_state, same_bits
from tests.test_bits import odd_gradient
from thincopt import ArrayError, NumpyOps, OpsError, Optimizer

SIZES = [7, 300, 70_000]
CYCLES = 100_000_000  # of the device's clock, for which a stream sleeps


@pytest.fixture
def torch(cp):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    yield torch
    torch.cuda.synchronize()


class Beside:
    """An optimizer that is given torch's tensors, and plain NumPy."""

    def __init__(self, torch, name="AdamW.v1", **settings):
        self.torch, self.numbers = torch, {"nonfinite": "propagate", **settings}
        self.ours, self.host = (
            Optimizer.of(name, **self.numbers),
            Optimizer.of(name, ops=NumpyOps(None), **self.numbers),
        )
        self.here = {size: np.random.default_rng(size).normal(size=size).astype("float32") for size in SIZES}
        self.weights = {size: self.tensor(each) for size, each in self.here.items()}

    def tensor(self, array):
        return self.torch.tensor(array, device="cuda")

    def odd(self, number):
        return {size: odd_gradient(number, size, "float32") for size in SIZES}

    def follow(self, gradients):
        self.host.update({size: (self.here[size], each) for size, each in gradients.items()})

    def settled(self):
        self.torch.cuda.synchronize()
        for size, each in self.weights.items():
            assert same_bits(each.detach().cpu().numpy(), self.here[size]), f"weights of {size} differ"
        assert_same_state(self.ours.state(), self.host.state())


@pytest.mark.parametrize("each", [False, True])
def test_tensors_are_updated_in_their_own_memory(each, torch):
    both = Beside(torch, grad_clip=1.0)
    places = {size: tensor.data_ptr() for size, tensor in both.weights.items()}
    for number in range(5):
        gradients = both.odd(number)
        batch = {size: (both.weights[size], both.tensor(own)) for size, own in gradients.items()}
        if each:
            for size, pair in batch.items():
                found = both.ours(size, *pair)
                assert found[0] is pair[0]
                assert found[1] is pair[1]
        else:
            both.ours.update(batch)
        assert not any(gradient.any() for _, gradient in batch.values())
        both.follow(gradients)
    assert {size: tensor.data_ptr() for size, tensor in both.weights.items()} == places
    assert both.ours.ops.name == "cupy"
    both.settled()


def test_shapes_and_views(torch):
    """A tensor of any shape, and a view into another, as long as it is contiguous."""
    both = Beside(torch)
    room = torch.zeros(70_003, device="cuda")
    room[2:-1] = both.weights[70_000]
    both.weights[70_000] = room[2:-1].view(100, 700)
    both.here[70_000] = both.here[70_000].reshape(100, 700)
    gradients = both.odd(0)
    gradients[70_000] = gradients[70_000].reshape(100, 700)
    both.ours.update({size: (both.weights[size], both.tensor(own)) for size, own in gradients.items()})
    both.follow(gradients)
    both.settled()
    assert not room[:2].any()
    assert not room[-1:].any()


def test_a_side_stream_of_torch(torch):
    """Gradients that are computed late on torch's stream are not read too early, nor are weights read too late."""
    both = Beside(torch)
    side = torch.cuda.Stream()
    arrays = [both.odd(number) for number in range(4)]
    sources = [{size: both.tensor(own) for size, own in each.items()} for each in arrays]
    gradients = {size: torch.zeros(size, device="cuda") for size in SIZES}
    torch.cuda.synchronize()
    with torch.cuda.stream(side):
        for number, source in enumerate(sources):
            torch.cuda._sleep(CYCLES)
            for size, each in gradients.items():
                each.copy_(source[size], non_blocking=True)
            both.ours.update({size: (both.weights[size], each) for size, each in gradients.items()})
            assert number == 0 or not side.query()  # the first step compiles
        copies = {size: each.clone() for size, each in both.weights.items()}
    for each in arrays:
        both.follow(each)
    side.synchronize()
    assert all(same_bits(copies[size].cpu().numpy(), both.here[size]) for size in SIZES)
    both.settled()


@pytest.mark.parametrize("to_none", [True, False])
def test_parameters_and_their_gradients(to_none, torch):
    """As in training: parameters require gradients, which are new tensors each time, or the same, added to."""
    both = Beside(torch, use_averages=True)
    parameters = {size: torch.nn.Parameter(each) for size, each in both.weights.items()}
    both.weights = parameters
    for number in range(4):
        sources = {size: both.tensor(each) for size, each in both.odd(number).items()}
        loss = sum((parameters[size] * sources[size]).sum() for size in SIZES)
        loss.backward()
        gradients = {size: each.grad.cpu().numpy().copy() for size, each in parameters.items()}
        both.ours.update({size: (each, each.grad) for size, each in parameters.items()})
        assert not any(each.grad.any() for each in parameters.values())
        if to_none:
            for each in parameters.values():
                each.grad = None
        both.follow(gradients)
    assert all(each.requires_grad for each in parameters.values())
    both.settled()


def test_a_module_learns(torch):
    """Beside torch's own AdamW, from the same start."""
    torch.manual_seed(0)
    models = [torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.Tanh(), torch.nn.Linear(50, 3)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    ours, theirs = (each.cuda() for each in models)
    optimizer = thincopt.AdamW(learn_rate=0.01)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    inputs, targets = torch.randn(64, 20, device="cuda"), torch.randn(64, 3, device="cuda")
    for _ in range(20):
        for model in (ours, theirs):
            torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.update({name: (each, each.grad) for name, each in ours.named_parameters()})
        reference.step()
        reference.zero_grad()
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("nonfinite", ["propagate", "raise"])
def test_a_graph_of_torch(nonfinite, torch):
    both = Beside(torch, nonfinite=nonfinite, learn_rate=thincopt.warmup_linear(0.01, 4, 30))
    gradients = {size: torch.zeros(size, device="cuda") for size in SIZES}
    batch = {size: (both.weights[size], each) for size, each in gradients.items()}

    def fill(arrays):
        for size, each in arrays.items():
            gradients[size].copy_(both.tensor(each))

    fill(both.odd(0))
    both.ours.update(batch)
    both.follow(both.odd(0))
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        both.ours.update(batch)
    for number in range(1, 8):
        for each in (both.ours, both.host):
            each.step_schedules()
        torch.cuda.synchronize()
        fill(both.odd(number))
        graph.replay()
        torch.cuda.synchronize()
        both.follow(both.odd(number))
    both.settled()


def test_tensors_are_let_go(torch):
    """Views are kept no longer than the tensors that they are of."""
    both = Beside(torch)
    before, driver = None, None
    for number in range(60):
        gradients = {size: torch.zeros(size, device="cuda") for size in SIZES}
        both.ours.update({size: (both.weights[size], each) for size, each in gradients.items()})
        del gradients
        if number == 20:
            torch.cuda.synchronize()
            driver = both.ours.ops.driver
            before = torch.cuda.memory_allocated(), len(driver.views)
    torch.cuda.synchronize()
    assert (torch.cuda.memory_allocated(), len(driver.views)) == before


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int32"])
def test_other_types_are_refused_in_words(kind, torch):
    weights, gradient = (torch.ones(4, dtype=getattr(torch, kind), device="cuda") for _ in range(2))
    with pytest.raises(ArrayError, match=r"must be float32 or float64|which CuPy cannot see"):
        thincopt.AdamW()("w", weights, gradient)


def test_tensors_of_main_memory_are_refused_in_words(torch):
    optimizer = thincopt.AdamW()
    with pytest.raises(ArrayError, match=r"must be a NumPy array.*torch\.Tensor"):
        optimizer("w", torch.ones(4), torch.ones(4))
    weights = torch.ones(4, device="cuda")
    optimizer("w", weights, torch.ones(4, device="cuda"))
    with pytest.raises(ArrayError, match="CuPy array, or a tensor on a CUDA device"):
        optimizer("w", weights, torch.ones(4))


def test_tensors_and_arrays_of_cupy_together(torch, cp):
    """One key may be of torch, another of CuPy; and the two may share memory, which is refused."""
    optimizer = thincopt.AdamW()
    tensor = torch.ones(100, device="cuda")
    array = cp.asarray(np.ones(100, "float32"))
    torch.cuda.synchronize()
    optimizer.update({"torch": (tensor, torch.ones_like(tensor)), "cupy": (array, cp.asarray(np.ones(100, "float32")))})
    cp.cuda.runtime.deviceSynchronize()
    assert same_bits(tensor.cpu().numpy(), array.get())
    with pytest.raises(ArrayError, match="overlap"):
        optimizer("twice", tensor, cp.from_dlpack(tensor))


def test_new_tensors_are_refused_while_torch_captures_a_graph(torch):
    both = Beside(torch)
    batch = {size: (each, torch.zeros_like(each)) for size, each in both.weights.items()}
    others = {size: (each, torch.zeros_like(each)) for size, each in both.weights.items()}
    both.ours.update(batch)
    torch.cuda.synchronize()
    with (
        pytest.raises(OpsError, match="cannot be updated while a CUDA graph is captured"),
        torch.cuda.graph(torch.cuda.CUDAGraph()),
    ):
        both.ours.update(others)
    torch.cuda.synchronize()
    both.ours.update(others)
    torch.cuda.synchronize()
    assert set(both.ours.nr_update.values()) == {2}
