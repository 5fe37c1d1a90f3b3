"""Fixtures of the comparisons, and the table of what they measured."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from .common import WORST


@pytest.fixture(autouse=True)
def float64_scalars() -> Iterator[None]:
    """Torch keeps its scalar state (NAdam's product of μ) in the default type; ours is float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show the worst deviations of each comparison."""
    terminalreporter.section("worst deviations")
    for title, found in sorted(WORST.items()):
        terminalreporter.write_line(f"{title}: " + ", ".join(f"{name} {value:.1e}" for name, value in found.items()))
