"""Every CUDA kernel there can be compiles for each architecture, by IEEE arithmetic: NVRTC needs no GPU for that."""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import probes
from tests.devices.building import alone
from thincopt import OpsError, Optimizer
from thincopt.language import Rule
from thincopt.ops.contract import DTYPES, POLICIES
from thincopt.ops.cuda.launching import BETWEEN, launches, source
from thincopt.ops.cuda.nvrtc import OPTIONS, compiled
from thincopt.recipes.composing import compose, declarations
from thincopt.recipes.recipe import Recipe
from thincopt.recipes.shipping import every_recipe
from thincopt.rules import all_rules

ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")


def extremes(rule: Rule) -> list[Recipe]:
    """All numbers on, and all off."""
    choices = {each.name: each.default for each in declarations(rule).settings if not each.is_number}
    return [compose(rule, choices, lambda name, is_on=is_on: is_on) for is_on in (True, False)]


def every_kernel() -> dict[str, str]:
    """The text of each kernel that any rule, with any settings, can launch; of probes, with all on and with all off."""
    rules = [each for each in all_rules().values() if each not in probes.RULES]
    recipes = [recipe for rule in rules for recipe in every_recipe(rule)]
    recipes += [recipe for rule in probes.RULES for recipe in extremes(rule)]
    steps = (step for recipe in recipes for policy in POLICIES for step in launches([alone(recipe)], policy).steps)
    return dict([BETWEEN, *((step.name, step.text) for step in steps)])


KERNELS = every_kernel()


def test_there_are_kernels_of_every_kind():
    assert len(KERNELS) > 100
    kinds = {re.search(r"(store|reduce|compute)<", text)[1] for name, text in KERNELS.items() if name != BETWEEN[0]}
    assert kinds == {"store", "reduce", "compute"}


def test_every_kernel_compiles_for_every_architecture(monkeypatch, tmp_path):
    monkeypatch.setenv("THINCOPT_CACHE", str(tmp_path))
    texts = [source("\n".join(KERNELS.values()), dtype) for dtype in DTYPES]
    with ThreadPoolExecutor(os.cpu_count()) as several:
        for made in several.map(compiled, texts * len(ARCHITECTURES), sorted(ARCHITECTURES * len(DTYPES))):
            assert made.startswith(b"\x7fELF")
            assert all(name.encode() in made for name in KERNELS)


@pytest.mark.parametrize("dtype", DTYPES)
def test_arithmetic_is_ieee(dtype):
    """No multiply and add in one, nothing approximate, subnormals kept: so the bits are the processor's."""
    from cupy.cuda import nvrtc

    program = nvrtc.createProgram(source("\n".join(KERNELS.values()), dtype), "kernels.cu", [], [])
    nvrtc.compileProgram(program, ("--gpu-architecture=compute_80", *OPTIONS))
    text = nvrtc.getPTX(program).decode()
    instructions = set(re.findall(r"^\s*(?:@!?%p\d+ )?([a-z]+(?:\.[a-z0-9]+)+)", text, re.MULTILINE))
    kind = "f32" if dtype == "float32" else "f64"
    assert {f"div.rn.{kind}", f"sqrt.rn.{kind}", f"ld.global.v{4 if kind == 'f32' else 2}.{kind}"} <= instructions
    assert not {each for each in instructions if each.startswith("fma") or "approx" in each or "ftz" in each}


def test_without_a_device_it_is_said_what_is_missing():
    with pytest.raises(OpsError, match="CuPy finds no CUDA device here; nvidia-smi shows"):
        Optimizer.of("Adam.v1").to_gpu()
