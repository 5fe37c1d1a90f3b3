"""What each setting means, stated once by name: pages, stubs, `describe` and `help` take it from here.

A name means the same wherever it stands. Where it does not, the docstring of the rule, stage or schedule says so, in a
line of its own, which may be wrapped: `decay: It has no effect; Thinc has it too.`
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from textwrap import fill
from typing import Any, Self

MEANINGS = {
    # of rules
    "learn_rate": "How far a step goes. Often 0.0001 to 0.01; with 0 nothing moves.",
    "beta1": "How slowly the running mean of gradients forgets: of what it holds, this share stays at each step. 0.9"
    " averages about the last 10 steps; 0 keeps no memory.",
    "beta2": "How slowly the running mean of squared gradients forgets. 0.999 averages about the last 1,000 steps; 0"
    " keeps no memory.",
    "eps": "A small number added below the fraction bar, so that nothing is divided by zero. A larger one makes steps"
    " smaller where gradients are small.",
    "momentum": "How much of the last step goes into the next. 0.9 is usual; 0 is plain gradient descent.",
    "dampening": "How much of each new gradient is left out of the momentum. 0 takes all of it.",
    "nesterov": "Take the gradient as if the momentum's next move had been made already (Nesterov's momentum).",
    "amsgrad": "Divide by the greatest mean of squares so far instead of the present one, so that a step never grows"
    " back.",
    "momentum_decay": "How fast the momentum rises to its full weight in the first steps. 0.004 is usual; with 0 it"
    " stays at half of `beta1`.",
    "clamp": "The largest norm of an array of weights that still makes its steps larger; above it, the norm counts as"
    " this number.",
    "debias": "Correct both running means for having started at zero, as Adam does.",
    # of stages
    "L2": "How strongly weights are pulled towards zero through the gradient: this share of each weight is added to"
    " it, or with `L2_is_weight_decay` it acts as `weight_decay`. Often 0.000001 to 0.01; 0 is off.",
    "weight_decay": "How strongly weights are pulled towards zero directly: at each step they shrink by `learn_rate`"
    " times this, or by what `decay_kind` says. Often 0.01 to 0.1; 0 is off.",
    "decay_kind": "By which share `weight_decay` shrinks the weights at each step. Times the rate; independent of the"
    " rate, which then stands for nothing here: take a smaller `weight_decay`, often 0.00001 to 0.001; times the rate"
    " squared; or corrected: times the rate squared by the greatest rate that the key has had, so that the norms of"
    " weights hold while a schedule lowers the rate.",
    "cautious_decay": "Let `weight_decay` shrink only those weights that the step brings nearer to zero too, or leaves"
    " where they are: those of its sign.",
    "grad_clip": "The largest norm that a gradient may have; a longer one is scaled down to it. 1 is usual; 0 is off.",
    "grad_clip_value": "The largest size that an element of a gradient may have; a larger one becomes this, with its"
    " sign, before `grad_clip` takes the norm. 0 is off.",
    "grad_clip_by": "Whose norm `grad_clip` limits: each key's alone, or that of all keys of one `update` together.",
    "lookahead_k": "After how many steps the weights go back towards slow weights that follow behind (lookahead). 5"
    " to 10 are usual; 0 is off.",
    "lookahead_alpha": "How far the slow weights follow at each such time: 0 not at all, 1 the whole way. 0.5 is"
    " usual.",
    "use_averages": "Keep an average of the weights to evaluate with. It takes as much memory as the weights.",
    "averages_by": "Which average `use_averages` keeps: Thinc's, which begins at zero and forgets ever more slowly;"
    " ema, a running mean that forgets at one pace, `ema_decay`; or swa, the equal mean of the weights at every"
    " `swa_every`-th step from `swa_start` on.",
    "ema_decay": "How slowly the running mean of weights forgets: of what it holds, this share stays at each step."
    " 0.999 averages about the last 1,000 steps; 0 keeps no memory.",
    "ema_debias": "Let the running mean of weights begin with nothing, corrected for it as Adam's means are, instead of"
    " with the first weights in full. Those count less then.",
    "swa_start": "The first step of a key whose weights may enter the equal mean. Until some have, evaluate with the"
    " weights themselves, as `averaged` does.",
    "swa_every": "After how many steps of a key its weights enter the equal mean, again and again: 1 is at every step.",
    # of the engine
    "L2_is_weight_decay": "Let `L2` shrink the weights directly, as `weight_decay` does, instead of through the"
    " gradient.",
    "nonfinite": "What to do with a gradient that holds NaN or infinity: raise an error, skip the step, or let it"
    " through.",
    "zero_gradient": "Let a step set the gradient to zero. With False it stays as it is, which is faster where each"
    " batch writes new gradients over the old ones.",
    "seed": "What the random numbers of a rule begin with; another one gives others. Nothing else is kept of them: a"
    " run that goes on draws what it would have drawn.",
    # of every factory
    "schedules": "Schedules by the name of the setting that each one drives, `{'learn_rate': …}`. A number given for"
    " the same setting holds until the first `step_schedules()`.",
    "groups": "Settings for some keys, in place of the optimizer's, by a name of your own:"
    " `{'no_decay': {'keys': ['*.bias'], 'weight_decay': 0.0}}`.",
    "ops": "Where steps run: `NumpyOps()` or `CupyOps()`. By default the first weights decide.",
    # of schedules
    "rate": "The value.",
    "steps": "For how many steps the value is held.",
    "schedule": "What follows: another schedule, a list of numbers or an iterator, counted from its own beginning.",
    "start": "The value at the first step.",
    "stop": "The value that is never passed: once reached, it stays.",
    "compound": "By what each value is multiplied to give the next. 0.999 falls slowly; above 1 it grows.",
    "base_rate": "The value at the first step.",
    "decay": "How fast the value falls: after 1/decay steps it is half of what it was. 0 keeps it as it is.",
    "min_lr": "The lowest value.",
    "max_lr": "The highest value.",
    "period": "How many steps the way up takes; the way down takes as many.",
    "max_rate": "The highest value, the peak.",
    "num_steps": "How many steps there are in all.",
    "cut_frac": "The share of all steps that the way up takes.",
    "ratio": "How many times lower than the peak the lowest value is.",
    "initial_rate": "The highest value, the peak, which is reached after `warmup_steps`. (The name is Thinc's.)",
    "warmup_steps": "How many steps the way up from 0 takes. 0 begins at the peak.",
    "total_steps": "At which step the value is back at 0, counted from the first; it stays there.",
    "t": "How many steps count as done before the first.",
}
LINE = re.compile(r"^(\w+): (.+)$")


class Called:
    """What is called with settings, though no function: `help` tells of it as of one, with its signature."""

    def __get__(self, found_on: object, kind: type | None = None) -> Self:
        """Itself, wherever it is found: by this method `help` knows functions."""
        return self


def documented(function: Callable[..., Any], homes: Mapping[str, Callable[..., Any] | None]) -> str:
    """A docstring, and below it every setting with what it means: for `help` and for editors.

    `homes` has the settings by name, and for each the function whose docstring may say it.
    """
    told = {name: meaning_of(name, home) for name, home in homes.items()}
    lines = [fill(f"{name}: {meaning}", 110, subsequent_indent="    ") for name, meaning in told.items() if meaning]
    return "\n".join([told_apart(function)[0], "", *lines]).strip()


def meaning_of(name: str, function: Callable[..., Any] | None = None) -> str:
    """What a setting of this rule, stage or schedule means; nothing, if neither its docstring nor the table says."""
    own = told_apart(function)[1] if function else {}
    is_ours = function is None or str(function.__module__).startswith(
        "thincopt."
    )  # another's beta2 may mean something else
    return own.get(name) or (MEANINGS.get(name, "") if is_ours or name == "learn_rate" else "")


def told_apart(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """A docstring without its lines `name: sentence`, and what these say of the function's own arguments.

    A sentence goes on until a blank line, or the next line of that form.
    """
    known, rest, own = inspect.signature(function).parameters, [], dict[str, str]()
    told = ""
    for line in (inspect.getdoc(function) or "").split("\n"):
        found = LINE.match(line)
        if found or not line.strip():
            told = found[1] if found and found[1] in known else ""
        if not told:
            rest.append(line)
        elif found:
            own[told] = found[2].strip()
        else:
            own[told] += f" {line.strip()}"
    return "\n".join(rest).strip(), own
