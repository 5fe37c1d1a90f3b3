"""The floor of a recipe, beside which `make bench ARGS=recipes` measures it, moves what the recipe moves."""

from collections import Counter

import pytest

from benchmarks.moving import has_functions, moving
from thincopt.language.elementary import FORMULAS
from thincopt.language.printing_c import read_by
from thincopt.native.generate import kernels_of
from thincopt.rules import all_rules


def functions_of(walk):
    return Counter(line.op for line in walk.code if line.op in FORMULAS)


# A walk that draws may load nothing, and has no floor: no rule of ours draws yet.
RULES = [each for each in all_rules().values() if "random" not in each.signature.names]


@pytest.mark.parametrize("with_functions", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_floor_loads_and_stores_the_same_arrays_and_may_compute_the_same_functions(rule, with_functions):
    walks = {phase.walk for kernel in kernels_of([rule]) for phase in kernel.phases if phase.walk.arrays}
    for walk in walks:
        floor = moving(walk, with_functions=with_functions)
        assert read_by(floor) == read_by(walk)
        assert [name for name, _ in floor.stores] == [name for name, _ in walk.stores]
        assert len(floor.reductions) == len(walk.reductions)
        assert functions_of(floor) == (functions_of(walk) if with_functions else Counter())
        assert has_functions(walk) == bool(functions_of(walk))
        calls = [(line.op, line.args) for line in floor.code if line.op in FORMULAS]
        assert len(set(calls)) == len(calls), "a compiler computes these once"
        used = {arg for line in floor.code for arg in line.args} | {value for _, value in floor.stores}
        used |= {arg for each in floor.reductions for arg in each.args}
        assert {line.target for line in floor.code} <= used, "a compiler leaves these out"
