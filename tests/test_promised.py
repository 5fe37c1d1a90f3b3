"""What the page of promises says of its tests: each that it names is there."""

import re

import pytest

from tests.commands import ROOT

HERE = "website/promises.md"
PAGE = (ROOT / HERE).read_text(encoding="utf-8")
PROMISES = re.findall(r"^- (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
NAMED = re.findall(r"<!-- test: (\S+)::(\w+) -->", PAGE)


def test_promises_are_found():
    assert len(PROMISES) > 10
    assert len(NAMED) == PAGE.count("<!--"), f"{HERE}: a comment is written <!-- test: tests/test_x.py::test_y -->"


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_is_named_is_there(path, name):
    file = ROOT / path
    tests = re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE) if file.exists() else []
    assert name in tests, f"{HERE} names {path}::{name}: write there where this test is now, and what it is called"


def test_each_promise_names_a_test():
    bare = [each for each in PROMISES if "<!-- test: " not in each]
    assert not bare, f"{HERE}: end each with the test that holds it, <!-- test: tests/test_x.py::test_y -->"
