"""The pages with snippets that need a device: here they run as a whole."""

import pytest

from tests.documents import documents, on_device, run_page
from tests.test_documents import folder

__all__ = ["folder"]
PAGES = {name: text for name, text in documents().items() if on_device(text)}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_what_it_says(name, folder):
    pytest.importorskip("torch")
    run_page(name, PAGES[name])
