"""The pages that show other libraries at work beside ours: their snippets run where those are installed."""

import pytest

from tests.documents import documents, needs_peers, run_page
from tests.test_documents import folder

__all__ = ["folder"]


@pytest.fixture(autouse=True)
def float64_scalars() -> None:
    """Pages run with torch as it is for those who read them."""


PAGES = {name: text for name, text in documents().items() if needs_peers(text)}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_what_it_says(name: str) -> None:
    run_page(name, PAGES[name])
