"""Thinc and spaCy: optimizers that are instances of Thinc's class too, and a model's parameters as one batch.

Every optimizer stands in Thinc's registry as `thincopt.Adam.v1`, by the entry points that setup.py writes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

try:
    from thinc.optimizers import Optimizer as OfThinc
except ImportError as error:
    raise ImportError("thincopt.thinc is for Thinc and spaCy, and needs Thinc 8: pip install thinc.") from error

from ..errors import suggestion
from ..ops.contract import Array
from ..surface import factory, optimizer


class Optimizer(optimizer.Optimizer, OfThinc):  # type: ignore[misc]  # Thinc's class is not known where it is not installed
    """An optimizer of thincopt's wherever Thinc or spaCy asks for an instance of their own class."""

    @property
    def averages(self) -> Mapping[Hashable, Array] | None:
        """A copy of the averaged weights by key, for `model.use_params`; None without `use_averages`."""
        averages = super().averages
        return averages and {key: average.copy() for key, average in averages.items()}


def parameters(**models: Any) -> dict[Hashable, tuple[Array, Array]]:
    """The weights and gradients of Thinc models, for one call: `optimizer.update(parameters(tagger=model))`.

    A key is `(name of the model, place of the layer, name of the layer, name of the parameter)`: the same in every
    process, unlike the keys of `model.finish_update`. What has no gradient is left out.
    """
    return {
        (name, place, layer.name, param): (layer.get_param(param), layer.get_grad(param))
        for name, model in models.items()
        for place, layer in enumerate(model.walk())
        for param in layer.param_names
        if layer.has_grad(param)
    }


def __getattr__(name: str) -> factory.Factory:
    """The factory of this name, as thincopt has it, of optimizers for Thinc."""
    found = factory.find(name, Optimizer) if not name.startswith("_") else None
    if found is None:
        known = [*factory.named(), "Optimizer", "parameters"]
        raise AttributeError(f"thincopt.thinc has no {name!r}. {suggestion(name, known)}")
    return found
