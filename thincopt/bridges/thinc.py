"""Thinc and spaCy: optimizers that are instances of Thinc's class too, and whole models in one step.

Every optimizer stands in Thinc's registry as `thincopt.Adam.v1`, by the entry points that setup.py writes.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

try:
    from thinc.optimizers import Optimizer as OfThinc
except ImportError as error:
    raise ImportError("thincopt.thinc is for Thinc and spaCy, and needs Thinc 8: pip install thinc.") from error

from .. import _is_imported, schedules
from ..configs import loading
from ..errors import ArrayError, suggestion
from ..ops.contract import Array
from ..surface import factory, optimizer


class Optimizer(optimizer.Optimizer, OfThinc):  # type: ignore[misc]  # Thinc's class is not known where it is not installed
    """An optimizer of thincopt's wherever Thinc or spaCy asks for an instance of their own class."""

    @property
    def averages(self) -> Mapping[Hashable, Array] | None:
        """A copy of the averaged weights by key, for `model.use_params`; None without `use_averages`."""
        averages = super().averages
        return averages and {key: average.copy() for key, average in averages.items()}


def finish_update(optimizer: optimizer.Optimizer, *unnamed: Any, **models: Any) -> None:
    """Update Thinc models by their gradients, all in one call: `finish_update(optimizer, tagger=model)`.

    It takes the place of `model.finish_update(optimizer)`. A key is `(name of the model, place of the layer, name of
    the layer, name of the parameter)`, which is the same in every process. Weights within a shim, which another
    framework holds, are updated by the shim, under keys of its own.
    """
    if unnamed or not models:
        raise ArrayError(
            "finish_update takes models by names of their own, which are the same in every process:"
            " finish_update(optimizer, tagger=model); and of a spaCy pipeline every component's,"
            " **{name: pipe.model for name, pipe in nlp.pipeline if hasattr(pipe, 'model')}. Nothing was changed."
        )
    for shim in _shims(models):
        shim.finish_update(optimizer)
    optimizer.update(_gradients(models))


def parameters(**models: Any) -> dict[Hashable, tuple[Array, Array]]:
    """The weights and gradients that `finish_update` takes, by key: `optimizer.update(parameters(tagger=model))`."""
    if any(_shims(models)):
        raise ArrayError(
            "parameters cannot have those that a shim holds, as of a layer that wraps a torch model: call"
            " finish_update(optimizer, name=model), which updates these too. Nothing was changed."
        )
    return _gradients(models)


@contextmanager
def averaged(optimizer: optimizer.Optimizer, **models: Any) -> Iterator[None]:
    """For a while, have models use the averages of what `finish_update` has trained, by the same names."""
    averages = optimizer.averages or {}
    weights: dict[Hashable, Array] = {
        key: layer.get_param(key[-1]) for key, layer in _layers(models) if key in averages
    }
    if not weights:
        raise ArrayError(
            f"There are no averages for {', '.join(models) or 'no model'}: averages come from"
            " finish_update(optimizer, name=model), by the same names, with use_averages=True."
        )
    with ExitStack() as stack:
        for shim in _shims(models):
            stack.enter_context(shim.use_params(averages))
        stack.enter_context(optimizer.averaged(weights))
        yield


@wraps(loading.load)
def load(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """What `thincopt.load` makes of a config, with optimizers for Thinc."""
    made: dict[str, Any] = _for_thinc(loading.load(*args, **kwargs))
    return made


def _for_thinc(made: Any) -> Any:
    if isinstance(made, dict):
        return {name: _for_thinc(each) for name, each in made.items()}
    if type(made) is not optimizer.Optimizer:
        return made
    same = Optimizer.__new__(Optimizer)
    same.__setstate__(made.__getstate__())
    return same


def _gradients(models: Mapping[str, Any]) -> dict[Hashable, tuple[Array, Array]]:
    """Weights and gradients; what has no gradient is left out."""
    layers = ((key, layer) for key, layer in _layers(models) if layer.has_grad(key[-1]))
    return {key: (layer.get_param(key[-1]), layer.get_grad(key[-1])) for key, layer in layers}


def _layers(models: Mapping[str, Any]) -> Iterator[tuple[tuple[str, int, str, str], Any]]:
    """Every parameter's key, and the layer that has it; of one that models share, only the first."""
    met = set[int]()
    for name, model in models.items():
        for place, layer in enumerate(model.walk()):
            if layer.id in met:
                continue
            met.add(layer.id)
            for param in layer.param_names:
                yield (name, place, layer.name, param), layer


def _shims(models: Mapping[str, Any]) -> Iterator[Any]:
    for model in models.values():
        for layer in model.walk():
            yield from layer.shims


def __getattr__(name: str) -> Any:
    """The factory or schedule of this name, as thincopt has it; optimizers are for Thinc."""
    found = None
    if not name.startswith("_"):
        found = factory.find(name, Optimizer) if name[0].isupper() else schedules.find(name)
    if found is None:
        text = f"thincopt.thinc has no {name!r}. {suggestion(name, __dir__())}"
        if _is_imported(sys._getframe(1)):
            raise ImportError(text, name=__name__, path=__file__)
        raise AttributeError(text, name=name, obj=None)  # lest Python suggest too
    return found


def __dir__() -> list[str]:
    own = ("Optimizer", "averaged", "finish_update", "load", "parameters")
    return sorted({*own, *factory.named(), *schedules.named()})
