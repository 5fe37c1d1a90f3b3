"""Every walk runs on vectors, at every level and in both types: the compiler's own report says so."""

import platform
import re

import pytest

from tests import probes
from tests.sampling import covering
from tests.vectors import reporting, vectorized
from thincopt.language.printing_c import c_walk
from thincopt.native.building import RUNTIME
from thincopt.native.compiling import built
from thincopt.native.generate import kernels_of, printed
from thincopt.rules import all_rules

LEVELS = ("baseline", "avx2", "avx512") if platform.machine() in ("x86_64", "AMD64") else ("baseline",)
LOOP = re.compile(r"for \(int64_t i = row;|for \(int j = 0; j < LANES;")  # to store a row, or the last part; to sum
CATALOGUE = [each for name, each in all_rules().items() if not name.startswith("Probe")]


# By rule and level (or at any): why the compiler makes no vectors of some of its walks.
SCALAR = {
    ("ProbeElementary.v1", "baseline"): "SSE2 has no select by which GCC 12 would choose among a power's cases",
    ("ProbeFunctions.v1", ""): "three powers and five functions more in one loop are more than GCC 12 takes",
}


def loops(folder):
    """Each walk's loops over elements, as they were compiled: by function and line, which of the walk's it is."""
    name, which = None, 0
    for number, line in enumerate((folder / "walks.h").read_text().splitlines(), 1):
        if found := re.search(r"TYPED\((walk_\w+)\)", line):
            name, which = found[1], 0
        if LOOP.search(line):
            yield from (((f"{name}_{real}_{level}", number), which) for real in ("float", "double") for level in LEVELS)
            which += 1


def body(text):
    """What a walk is but for its name and those of its arrays: of two that are alike GCC compiles one."""
    places = {name: place for place, name in enumerate(re.findall(r"\*const p_(\w+) =", text))}
    plain = re.sub(r"\b([pv])_(\w+)", lambda found: f"{found[1]}_{places[found[2]]}", text)
    return re.sub(r"walk_\w+", "", plain)


def alike(bodies, function, which):
    """What a loop is, the same for those of which GCC compiles one."""
    walk, kind, level = function.rsplit("_", 2)
    return bodies[walk], kind, level, which


def walks_of(rule):
    """Its walks by name, and for each what is in it: the operations of those that store, and of those that sum."""
    walks = [phase.walk for kernel in kernels_of([rule]) for phase in kernel.phases if phase.walk.arrays]
    return {c_walk(each)[0]: {(line.op, bool(each.stores)) for line in each.code} for each in walks}


def some(rules):
    """Functions in which each rule has each of its operations, stored and summed."""
    wanted = {name for rule in rules for name, _ in covering(sorted(walks_of(rule).items()), lambda each: each[1])}
    return printed(kernels_of(rules)).without(printed(kernels_of(rules)).names() - wanted)


def scalar_loops(rules, functions, folder):
    """The loops over elements that were compiled in this folder and that are not of vectors, but for those known."""
    vectors, wanted = vectorized(folder), dict(loops(folder))
    if vectors is None:
        pytest.skip("neither GCC nor clang")
    rule_of = {name: each.name for each in rules for name in walks_of(each)}
    assert len({name for name, _ in wanted}) == len(functions.walks) * 2 * len(LEVELS)
    bodies = {name: body(text) for name, text in functions.walks.items()}
    made = {alike(bodies, each[0], wanted[each]) for each in vectors & wanted.keys()}
    for (name, line), which in sorted(wanted.items()):
        walk, _, level = name.rsplit("_", 2)
        is_known = {(rule_of[walk], level), (rule_of[walk], "")} & SCALAR.keys()
        if alike(bodies, name, which) not in made and not is_known:
            yield rule_of[walk], name, f"line {line}"


def test_every_walk_of_the_catalogue_at_every_level_and_in_both_types(compiled, tmp_path, request):
    """Compiled as for use; of each rule so many walks that all that it does is among them."""
    functions = printed(kernels_of(CATALOGUE)) if request.config.getoption("exhaustive") else some(CATALOGUE)
    built(RUNTIME, functions, tmp_path, reporting(tmp_path))
    assert list(scalar_loops(CATALOGUE, functions, tmp_path)) == []


def test_every_walk_of_the_probes_at_every_level_and_in_both_types(compiled_probes, probes_folder):
    assert list(scalar_loops(probes.RULES, printed(kernels_of(probes.RULES)), probes_folder)) == []


def test_every_operation_of_a_rule_is_in_a_walk_that_is_looked_at():
    looked_at = some(CATALOGUE).walks
    for walks in map(walks_of, CATALOGUE):
        assert set().union(*walks.values()) == set().union(*(walks[name] for name in walks.keys() & looked_at))
