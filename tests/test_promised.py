"""What the page of promises says of its tests: each that it names is there."""

import re

import pytest

from tests.commands import ROOT

PAGE = (ROOT / "website" / "promises.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^- (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
NAMED = re.findall(r"<!-- test: (\S+)::(\w+) -->", PAGE)


def test_promises_are_found():
    assert len(PROMISES) > 10
    assert len(NAMED) == PAGE.count("<!--")


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_is_named_is_there(path, name):
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_each_promise_names_a_test():
    assert [each for each in PROMISES if "<!-- test: " not in each] == []
