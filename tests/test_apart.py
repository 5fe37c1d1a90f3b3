"""A step by one kernel or by several, one after the other: the bits are the same, whatever walks apart."""

from dataclasses import replace
from itertools import pairwise, zip_longest

import numpy as np

from tests.conftest import same
from tests.sampling import sampled
from tests.test_bits import assert_same_state, combinations, odd_gradient
from thincopt import NumpyOps, Optimizer
from thincopt.language.kernel import Block, Phase, Walk
from thincopt.ops.contract import Outcome
from thincopt.ops.numpy.plain import PlainRunner, _program

EMPTY = Phase(Block((), (), ()), (), (), (), Walk((), (), ()), (), ())


def cut(recipe, case):
    """A step cut as often as it can be: each part alone, or with the fewest that cannot be apart from it."""
    places = [0]
    while places[-1] < recipe.parts:
        lasts = range(places[-1] + 1, recipe.parts + 1)
        places.append(next(last for last in lasts if recipe.segment(places[-1], last, case)))
    return [recipe.segment(*each, case) for each in pairwise(places)]


class ApartRunner(PlainRunner):
    """Plain NumPy that runs the kernel of each part alone, one after the other."""

    def run(self, numbers, batch, lr_scale):
        (recipe, _), (programs,) = self.cohorts[0], self.programs
        idle = replace(recipe.kernels[0], phases=(EMPTY,), keeps=())
        rounds = list(zip_longest(*(cut(recipe, case) for case in range(len(programs))), fillvalue=idle))
        for place, kernels in enumerate(rounds):
            self.programs = [list(map(_program, kernels))]
            assert super().run(numbers, batch, lr_scale) == Outcome.DONE
            for key in batch if place + 1 < len(rounds) else ():
                self.states[key].state.counts[0] -= 1  # one step is counted once
        self.programs = [programs]
        return Outcome.DONE


class ApartOps(NumpyOps):
    def runner(self, cohorts, turns, *, nonfinite):
        return ApartRunner(cohorts, turns, check_finite=nonfinite != "propagate")


@sampled("name, settings, dtype", combinations())
def test_every_part_may_walk_apart(name, settings, dtype):
    fused, apart = (
        Optimizer.of(name, nonfinite="propagate", ops=each, **settings) for each in (NumpyOps(None), ApartOps(None))
    )
    sizes = (1, 7, 64, 4099)
    one, other = ({size: np.random.default_rng(size).normal(size=size).astype(dtype) for size in sizes} for _ in "ab")
    for step in range(14):
        gradients = {size: odd_gradient(step, size, dtype) for size in sizes}
        with np.errstate(all="ignore"):
            fused.update({size: (one[size], gradients[size].copy()) for size in sizes})
            apart.update({size: (other[size], gradients[size].copy()) for size in sizes})
        assert all(same(one[size], other[size]) for size in sizes), f"weights differ at step {step}"
    assert_same_state(fused.state(), apart.state())


def test_a_stage_that_is_not_within_the_rules_walks_apart(compiled):
    runner = Optimizer.of("AdamW.v1", lookahead_k=2, use_averages=True, ops=compiled)._now.runner
    assert type(runner).__name__ == "CompiledRunner"
    ((fused, apart),) = runner.plans
    assert len(fused) == 1
    assert [len(each.phases[-1].walk.stores) for each in apart] == [4, 2, 1]  # the rule; lookahead; averages
