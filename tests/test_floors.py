"""The floor of a recipe, beside which `make bench ARGS=recipes` measures it, moves what the recipe moves."""

import pytest

from benchmarks.moving import moving
from thincopt.language.printing_c import read_by
from thincopt.native.generate import kernels_of
from thincopt.rules import all_rules


@pytest.mark.parametrize("rule", all_rules().values(), ids=all_rules())
def test_a_floor_loads_and_stores_the_same_arrays(rule):
    walks = {phase.walk for kernel in kernels_of([rule]) for phase in kernel.phases}
    for walk in walks:
        floor = moving(walk)
        assert read_by(floor) == read_by(walk)
        assert [name for name, _ in floor.stores] == [name for name, _ in walk.stores]
        assert len(floor.reductions) == len(walk.reductions)
