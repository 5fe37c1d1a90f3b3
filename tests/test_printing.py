"""The kernels of a rule as text: what is printed is what runs, and its comments are right."""

import re
from typing import get_args, get_type_hints

import numpy as np
import pytest

import thincopt
from thincopt import warmup_linear
from thincopt.language import Rate, Unit, arithmetic, rule, sign
from thincopt.native.generate import kernels_of, printed, write
from thincopt.rules import all_rules
from thincopt.surface.printing import PRINTERS, source


@rule("ProbePrinted.v1")
def Printed(w, g, m, *, learn_rate: Rate = 0.01, beta: Unit = 0.9, plain: bool = False):
    """m ← βm + (1−β)g;   w ← w − η·sign(m)"""
    m = beta * m + (1 - beta) * g
    return learn_rate * (m if plain else sign(m)), m


def stepped(text, given, arrays):
    """Do a step of one phase as its text says, and give each input what the comment above says that it stands for."""
    of_numbers, of_arrays = dict(vars(arithmetic)), dict(vars(np))
    exec(text, of_numbers)  # noqa: S102  # ours
    exec(text, of_arrays)  # noqa: S102  # as above
    told = [re.findall(r"(\w+)=([\w.]+)", comment) for comment in re.findall(r"((?:^# .*\n)+)", text, re.MULTILINE)]
    (computed,) = re.findall(r"return \((.+)\)", text)[:1]
    values = of_numbers["scalars"](*(given[name] for _, name in told[0]))
    found = {**given, **{name.strip("() "): value for name, value in zip(computed.split(","), values, strict=False)}}
    inputs = [np.float64(found[name]) for _, name in told[1]]
    wanted = re.search(r"def walk\((.*)\)", text)[1].split(", ")
    scratch = [np.empty(5, bool if name[0] == "t" else "float64") for name in wanted if name[0] in "nt"]
    of_arrays["walk"](*(arrays[name[2:]] for name in wanted if name.startswith("p_")), *inputs, *scratch)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Lion.v1", {}),
        ("AdamW.v1", {"amsgrad": True}),
        ("ProbePrinted.v1", {"plain": True}),
        ("SGD.v2", {"L2": 0.1}),
    ],
)
def test_the_numpy_that_is_printed_gives_what_runs(name, settings):
    text, random = source(name, "numpy", **settings), np.random.default_rng(0)
    optimizer = thincopt.get(name)(0.01, **settings)
    weights = random.normal(size=5)
    printed = {"w": weights.copy(), **{state: np.zeros(5) for state in ("m", "v", "vmax")}}
    for t in (1, 2, 3):
        gradient = random.normal(size=5)
        stepped(text, {**optimizer.settings, "t": t}, {**printed, "g": gradient.copy()})
        optimizer("w", weights, gradient)
        assert printed["w"].tobytes() == weights.tobytes()


@pytest.mark.parametrize("name", sorted({*all_rules(), "ProbePrinted.v1"}))
def test_the_c_that_is_printed_is_what_is_compiled(name, tmp_path):
    write(printed(kernels_of([all_rules()[name]])), tmp_path)
    compiled = "".join((tmp_path / f"{each}.h").read_text("utf-8") for each in ("scalars", "walks"))
    for settings in ({}, {"grad_clip": 1.0, "use_averages": True}):
        functions = re.split(r"(?m)^(?:// .*\n)+", source(name, "c", **settings))[1:]
        assert functions
        assert not [each for each in functions if each.strip() not in compiled]


def test_it_follows_the_settings():
    plain = source("Adam.v2", "c")
    assert "vmax" not in plain
    assert "p_vmax" in source("Adam.v2", "c", amsgrad=True)
    assert "weight_decay" in source("Adam.v2", "c", weight_decay=warmup_linear(0.1, 1, 10))
    assert source(Printed, "cuda", plain=True) != source(Printed, "cuda") == source("probe printed", "cuda")
    assert source(Printed) == source(Printed, "numpy")


def test_comments_tell_each_phase_and_what_comes_of_another():
    comments = [line for line in source("Adam.v1", "c").split("\n") if line.startswith("// ")]
    assert comments == [
        "// Phase 1, numbers: a0=learn_rate, a1=weight_decay, a2=beta2, a3=t, a4=beta1, a5=grad_clip",
        "// Phase 1, arrays",
        "// Phase 2, numbers: a0=x16 of phase 1, a1=norm(v_g) of phase 1, a2=grad_clip",
        "// Phase 2, arrays: k0=x1 of phase 1, k1=x8 of phase 1, k2=beta1, k3=x9 of phase 1, k4=x3, k5=beta2,",
        "// k6=x10 of phase 1, k7=eps, k8=0.0, k9=x15 of phase 1",
    ]
    text = source("Lion.v1", grad_clip=1.0, grad_clip_by="model", lookahead_k=5)
    assert "=the total of x0 of phase 2, " in text
    for when in ("not every(lookahead_k)", "every(lookahead_k)"):
        assert f"# Phase 1 where {when}, numbers: a0=" in text
    assert text.count("lookahead_alpha") == 1
    functions = re.findall(r"def (\w+)", text)
    assert len(functions) == len(set(functions))


def test_the_targets_are_those_of_the_type():
    assert get_args(get_type_hints(source)["target"]) == tuple(PRINTERS)
