"""Optimizers and schedules for Thinc and spaCy: `from thincopt.thinc import Adam, warmup_linear`."""

from thincopt.bridges.thinc import Optimizer, __dir__, __getattr__, averaged, finish_update, load, parameters

__all__ = ["Optimizer", "__dir__", "__getattr__", "averaged", "finish_update", "load", "parameters"]
