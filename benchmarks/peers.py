"""thincopt's peers, each as its own documentation would have it used, and made to do the same work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .contenders import CORES, THREADS, Program, Run, one_by_one, timed
from .problems import BARE, CHECKED, FULL, KEPT, PLAIN, THINC, Problem, Work

AVERAGE = 1e-4
DECAY = 0.01
NUMBERS = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": DECAY}
NUMBERS |= {"amsgrad": False, "maximize": False}
OF_TORCH = (PLAIN, KEPT, CHECKED, FULL)
Check = Callable[[Sequence[Any]], object]  # of all gradients
Step = Callable[[Sequence[Any]], object]  # by them
Begin = Callable[[Sequence[Any]], Step]  # with these parameters


def torch_programs() -> list[Program]:
    """AdamW, fused and foreach, with two ways to find what is not finite; and the operator within, called by itself."""
    import torch

    def program(
        name: str, works: Sequence[Work], begin: Begin, check: Check = _check_total, *, bare: bool = False
    ) -> Program:
        return Program(name, works, partial(_start_torch, begin, check, bare=bare), THREADS, torch.set_num_threads)

    found = [
        program("torch fused", OF_TORCH, partial(_optimizer, fused=True)),
        program("torch fused, isfinite", (CHECKED,), partial(_optimizer, fused=True), _check_each),
        program("torch foreach", (PLAIN,), partial(_optimizer, foreach=True)),
        program("torch fused, raw", OF_TORCH, _operator, bare=True),
    ]
    if hasattr(torch.optim, "functional"):  # from torch 2.15 on
        found.append(program("torch functional", OF_TORCH, _functional, bare=True))
    return found


def _check_total(gradients: Sequence[Any]) -> None:
    """The quick way: one sum, or one norm over many arrays."""
    import torch

    if len(gradients) > 1:
        torch.nn.utils.get_total_norm(gradients, error_if_nonfinite=True)
    elif not torch.isfinite(gradients[0].sum()):
        raise FloatingPointError


def _check_each(gradients: Sequence[Any]) -> None:
    """The plain way."""
    import torch

    if not all(torch.isfinite(each).all() for each in gradients):
        raise FloatingPointError


def _optimizer(parameters: Sequence[Any], **settings: bool) -> Step:
    import torch

    optimizer = torch.optim.AdamW(parameters, weight_decay=DECAY, **settings)
    return lambda _: optimizer.step()


def _operator(parameters: Sequence[Any]) -> Step:
    """What "fused" comes down to, with one count of steps for all arrays: the least that a step takes in torch."""
    import torch

    values, first, second = _with_moments(parameters)
    count = torch.zeros(())
    counts = [count] * len(values)

    def step(gradients: Sequence[Any]) -> None:
        count.add_(1)
        torch._fused_adamw_(values, gradients, first, second, [], counts, **NUMBERS)

    return step


def _functional(parameters: Sequence[Any]) -> Step:
    """The function that torch offers beside its optimizers; it counts the steps of each array."""
    import torch

    values, first, second = _with_moments(parameters)
    counts = [torch.zeros(()) for _ in values]
    adamw = partial(torch.optim.functional.adamw, fused=True)
    return lambda gradients: adamw(values, gradients, first, second, [], counts, **NUMBERS)


def _with_moments(parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
    import torch

    values = [each.detach() for each in parameters]
    return (values, *([torch.zeros_like(each) for each in values] for _ in range(2)))


def _start_torch(begin: Begin, check: Check, problem: Problem, work: Work, *, bare: bool = False) -> Run:
    import torch

    parameters = [torch.nn.Parameter(torch.from_numpy(each)) for each in problem.weights]
    steps = [[torch.from_numpy(each) for each in step] for step in problem.gradients]
    step = begin(parameters)
    values = [each.detach() for each in parameters]
    averages = [each.clone() for each in values] if work is FULL else []

    def take(gradients: Sequence[Any]) -> None:
        if work is CHECKED:
            check(gradients)
        elif work is FULL:
            torch.nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
        step(gradients)
        if averages:
            torch._foreach_lerp_(averages, values, AVERAGE)
        if not work.zeroes:
            return
        if len(gradients) > 1:
            torch._foreach_zero_(gradients)
        else:
            gradients[0].zero_()

    take_all = _takes(parameters, steps, take)
    return Run(timed(torch.inference_mode()(take_all) if bare else take_all), zeroes=work.zeroes)


def _takes(parameters: Sequence[Any], steps: Sequence[Sequence[Any]], take: Callable[..., None]) -> Callable[[], None]:
    """All steps; where there is only one, its gradients are given to the parameters beforehand."""
    for parameter, gradient in zip(parameters, steps[0], strict=True):
        parameter.grad = gradient

    def work_on_one() -> None:
        for gradients in steps:
            parameters[0].grad = gradients[0]
            take(gradients)

    return work_on_one if len(parameters) == 1 else lambda: take(steps[0])


def thinc_programs() -> list[Program]:
    """Thinc's Adam, which runs in one thread and zeroes the gradient."""
    from thinc.api import Adam

    def start(problem: Problem, work: Work) -> Run:
        bare = {"grad_clip": 0.0, "use_averages": False}
        return Run(one_by_one(Adam(**bare) if work is BARE else Adam(**work.settings), problem))

    return [Program("Thinc", (BARE, THINC), start)]


def optax_programs() -> list[Program]:
    """AdamW of optax, jitted, with weights and state donated, in as many threads as XLA takes."""
    import optax

    def step(parameters: Any, state: Any, averages: Any, gradients: Any) -> tuple[Any, Any, Any]:
        updates, state = optimizers[bool(averages)].update(gradients, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        return parameters, state, averages and optax.incremental_update(parameters, averages, AVERAGE)

    plain = optax.adamw(1e-3, weight_decay=DECAY)
    optimizers = {False: plain, True: optax.chain(optax.clip_by_global_norm(1.0), plain)}
    start = partial(_start_optax, optimizers, step)
    return [
        Program("optax", (PLAIN,), start, (CORES,)),
        Program("optax", (FULL,), start, (CORES,), arrays=200),  # it would compile a thousand for half a minute
    ]


def _start_optax(optimizers: dict[bool, Any], step: Callable[..., Any], problem: Problem, work: Work) -> Run:
    import jax

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    parameters = _moved(problem.weights)
    averages = _moved(problem.weights) if work is FULL else []
    held = {"state": (parameters, optimizers[work is FULL].init(parameters), averages), "gradients": []}

    def prepare() -> None:
        held["gradients"] = jax.block_until_ready([_moved(each) for each in problem.gradients])

    def take_all() -> None:
        state = held["state"]
        for gradients in held["gradients"]:
            state = jax.block_until_ready(compiled(*state, gradients))
        held["state"] = state

    return Run(timed(take_all), prepare, zeroes=False)


def _moved(arrays: Sequence[Any]) -> list[Any]:
    import jax

    return [jax.numpy.array(each, copy=True) for each in arrays]
