"""Every walk runs on vectors, at every level and in both types: the compiler's own report says so."""

import platform
import re
import subprocess

import pytest

from tests import probes
from thincopt.native.building import RUNTIME
from thincopt.native.compiling import built, compiler
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


def by_gcc(report):
    """The functions, and the lines in them, of loops that became vectors."""
    for told in report.split("\n;; Function ")[1:]:
        for line in re.findall(r"walks\.h:(\d+):\d+: optimized: +loop vectorized", told):
            yield told.split()[0], int(line)


def by_clang(report):
    for told in report.split("--- !")[1:]:
        if told.startswith("Passed") and re.search(r"^Name: +Vectorized$", told, re.M):
            yield re.search(r"^Function: +(\w+)$", told, re.M)[1], int(re.search(r"Line: (\d+)", told)[1])


REPORTS = {
    "Free Software Foundation": (["-fdump-tree-vect-optimized={}"], by_gcc),
    "clang": (["-foptimization-record-file={}", "-foptimization-record-passes=loop-vectorize"], by_clang),
}


def vectorized(rules, folder):
    """Compile the kernels of these rules as they are compiled for use; what the compiler made vectors of."""
    command, _ = compiler()
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    flags, read = next((each for name, each in REPORTS.items() if name in version), (None, None))
    if flags is None:
        pytest.skip(f"neither GCC nor clang: {version.splitlines()[0]}")
    report = folder / "report"
    built(RUNTIME, printed(kernels_of(rules)), folder, [each.format(report) for each in flags])
    return set(read(report.read_text()))


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


@pytest.mark.parametrize("rules", [CATALOGUE, probes.RULES], ids=["catalogue", "probes"])
def test_every_walk_at_every_level_and_in_both_types(rules, compiled, tmp_path):
    vectors, wanted = vectorized(rules, tmp_path), dict(loops(tmp_path))
    rule_of = {name: each.name for each in rules for name in printed(kernels_of([each])).walks}
    assert len({name for name, _ in wanted}) == len(rule_of) * 2 * len(LEVELS)
    bodies = {name: body(text) for name, text in printed(kernels_of(rules)).walks.items()}
    made = {alike(bodies, each[0], wanted[each]) for each in vectors & wanted.keys()}
    scalar = []
    for (name, line), which in sorted(wanted.items()):
        walk, _, level = name.rsplit("_", 2)
        is_known = {(rule_of[walk], level), (rule_of[walk], "")} & SCALAR.keys()
        if alike(bodies, name, which) not in made and not is_known:
            scalar.append((rule_of[walk], name, f"line {line}"))
    assert scalar == []
