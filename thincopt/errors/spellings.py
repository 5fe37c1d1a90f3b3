"""What other libraries call our settings, so that an error can name ours."""

from __future__ import annotations

from collections.abc import Container

from .showing import MOST_SHOWN

# By the name without its case and without `_`, what stands here in its place.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "lr": ("learn_rate",),
    "learningrate": ("learn_rate",),
    "initlr": ("learn_rate",),
    "stepsize": ("learn_rate",),
    "eta": ("learn_rate",),
    "wd": ("weight_decay",),
    "decay": ("weight_decay",),
    "weightdecayrate": ("weight_decay",),
    "decoupledweightdecay": ("weight_decay",),
    "l2regularization": ("L2",),
    "l2penalty": ("L2",),
    "betas": ("beta1", "beta2"),
    "b1": ("beta1",),
    "b2": ("beta2",),
    "epsilon": ("eps",),
    "clip": ("grad_clip",),
    "clipnorm": ("grad_clip",),
    "gradclipnorm": ("grad_clip",),
    "gradientclip": ("grad_clip",),
    "gradientclipping": ("grad_clip",),
    "clipvalue": ("grad_clip_value",),
    "clipgradvalue": ("grad_clip_value",),
    "gradientclipvalue": ("grad_clip_value",),
    "globalclipnorm": ("grad_clip", "grad_clip_by"),
    "gradientclipval": ("grad_clip", "grad_clip_by"),
    "maxgradnorm": ("grad_clip", "grad_clip_by"),
    "maxnorm": ("grad_clip", "grad_clip_by"),
    "useema": ("use_averages", "averages_by"),
    "averaging": ("use_averages",),
    "ema": ("use_averages", "averages_by"),
    "swa": ("use_averages", "averages_by"),
    "emamomentum": ("ema_decay",),
    "emabeta": ("ema_decay",),
    "swafreq": ("swa_every",),
    "cautiouswd": ("cautious_decay",),
    "cautiousweightdecay": ("cautious_decay",),
    "weightdecaykind": ("decay_kind",),
    "syncperiod": ("lookahead_k",),
    "slowstepsize": ("lookahead_alpha",),
    "skipnonfinite": ("nonfinite",),
}
SCHEDULE = "a schedule is the value of the setting that it drives, learn_rate=…; in a config, [optimizer.learn_rate]"
# What is no setting anywhere here, and what to do.
INSTEAD = {
    "schedule": SCHEDULE,
    "scheduler": SCHEDULE,
    "lrschedule": SCHEDULE,
    "lrscheduler": SCHEDULE,
    "params": "parameters go into each call, optimizer(key, weights, gradient)",
    "parameters": "parameters go into each call, optimizer(key, weights, gradient)",
    "paramgroups": "groups are settings for some keys, groups={'no_decay': {'keys': ['*.bias'], 'weight_decay': 0.0}}",
    "maximize": "give the gradient with its sign changed",
    "fused": "a step is one pass over memory already",
    "foreach": "optimizer.update({key: (weights, gradient), …}) takes a whole model in one call",
}


def ours(name: object) -> tuple[str, ...]:
    """The settings that another library's name means here."""
    return ELSEWHERE.get(_plain(name), ())


def spelled(name: object, known: Container[str]) -> str:
    """What another library's name of a setting is here, as a sentence; empty for a name that none has."""
    if _plain(name) in INSTEAD:
        return f"Here {INSTEAD[_plain(name)]}."
    found = [repr(each) for each in ours(name) if each in known]
    return f"Did you mean {' and '.join(found)}?" if found else ""


def _plain(name: object) -> str:
    return name[:MOST_SHOWN].replace("_", "").replace("-", "").lower() if isinstance(name, str) else ""
