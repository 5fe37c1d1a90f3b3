"""thincopt's peers on a device, each as its own documentation would have it used, and made to do the same work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..building import MissingError
from .contenders import Program, Run
from .names import CAPTURED, FOREACH, FUSED, OPTAX
from .problems import Problem

RATE, DECAY = 1e-3, 0.01


def torch_programs() -> list[Program]:
    """AdamW, fused, foreach, and fused in a graph; each zeroes the gradient as thincopt does."""
    import torch

    if not torch.cuda.is_available():
        raise MissingError("it finds no CUDA device")
    return [
        Program(FUSED, partial(_start_torch, {"fused": True})),
        Program(FOREACH, partial(_start_torch, {"foreach": True}), holds=12),
        Program(CAPTURED, _start_torch_graph),
    ]


def tensors(arrays: Sequence[Any]) -> list[Any]:
    """The same memory as torch's tensors."""
    import torch

    return [torch.from_dlpack(each) for each in arrays]


def _torch_step(settings: dict[str, bool], problem: Problem) -> Callable[[], None]:
    import torch

    parameters = [torch.nn.Parameter(each) for each in tensors(problem.weights)]
    gradients = tensors(problem.gradients)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY, **settings)
    zero = partial(torch._foreach_zero_, gradients) if len(gradients) > 1 else gradients[0].zero_

    def step() -> None:
        optimizer.step()
        zero()

    return step


def _start_torch(settings: dict[str, bool], problem: Problem) -> Run:
    return Run(_torch_step(settings, problem))


def _start_torch_graph(problem: Problem) -> Run:
    """The same step, captured after one that was taken."""
    import torch

    step, graph = _torch_step({"fused": True, "capturable": True}, problem), torch.cuda.CUDAGraph()
    step()
    with torch.cuda.graph(graph):
        step()
    return Run(graph.replay, taken=1, keeps=step)


def optax_programs() -> list[Program]:
    """AdamW of optax, jitted, with weights and state donated; it has arrays of its own."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # or it would take most of the memory at once
    import jax
    import optax

    if jax.default_backend() not in ("gpu", "cuda"):
        raise MissingError(f"jax runs on {jax.default_backend()} here")
    optimizer = optax.adamw(RATE, weight_decay=DECAY)

    def step(parameters: Any, state: Any, gradients: Any) -> tuple[Any, Any]:
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    start = partial(_start_optax, optimizer, step)
    return [Program(OPTAX, start, holds=20, arrays=(1, 200))]  # it would compile a thousand for half a minute


def _start_optax(optimizer: Any, step: Callable[..., Any], problem: Problem) -> Run:
    import jax

    compiled = jax.jit(step, donate_argnums=(0, 1))
    parameters, gradients = ([jax.device_put(each.get()) for each in one] for one in (problem.weights, problem.fresh))
    held = {"state": (parameters, optimizer.init(parameters))}

    def take() -> None:
        held["state"] = compiled(*held["state"], gradients)

    return Run(
        take,
        wait=lambda: jax.block_until_ready(held["state"]),
        weights=lambda: [np.asarray(each) for each in held["state"][0]],
    )
