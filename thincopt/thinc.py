"""Optimizers that Thinc and spaCy take for their own: `from thincopt.thinc import Adam`."""

from thincopt.bridges.thinc import Optimizer, __getattr__, parameters

__all__ = ["Optimizer", "__getattr__", "parameters"]
