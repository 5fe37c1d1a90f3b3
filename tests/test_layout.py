"""The lines of a config: as Python's configparser reads them, in linear work."""

import json
import re
from configparser import ConfigParser, Error
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import thincopt
from tests.interrupting import lines_of
from thincopt import ConfigError
from thincopt.configs.layout import SEPARATOR, entries

pieces = st.sampled_from(
    [
        "[",
        "]",
        "[a]",
        "[b.c]",
        "[DEFAULT]",
        "x",
        "y z",
        "=",
        ":",
        " ",
        "  ",
        "\t",
        "\n",
        "\n",
        "\n ",
        "#",
        ";",
        '"',
        "1",
        "\r\n",
    ]
)


@given(text=st.lists(pieces, max_size=30).map("".join))
def test_what_has_no_fault_is_read_as_configparser_reads_it(text):
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str
    found = list(entries(text))
    heads = [each.section for each in found if not each.name]
    values = {(each.section, each.name): "\n".join(each.lines).rstrip() for each in found if each.name}
    at_fault = any(each.is_fault for each in found)
    sections = [each for each in heads if each != "DEFAULT"]
    twice = len(set(sections)) < len(sections) or len(values) < sum(bool(each.name) for each in found)
    try:
        parser.read_string(text)
    except Error:
        assert at_fault or twice
        return
    assert not at_fault
    assert not twice
    assert parser.sections() == sections
    own = {(each, name): value for each in sections for name, value in parser._sections[each].items()}
    assert own == {key: value for key, value in values.items() if key[0] != "DEFAULT"}


def work(text):
    """How many lines of ours and of the standard library's are run to read this."""

    def read():
        with suppress(ConfigError):
            thincopt.load(text)

    return len(lines_of(read, within=""))


REPEATED = {  # no sections: confection compares each with each, and their number is bounded for that
    "values": lambda count: "".join(f"x{each} = 1\n" for each in range(count)),
    "the same value": lambda count: "x = 1\n" * count,
    "lines that say nothing": lambda count: "x\n" * count,
    "lines of one value": lambda count: f"x = 1\n{' y' * count}",
    "the same section": lambda count: "[b]\n" * count,
    "variables": lambda count: "y = 1\n" + "".join(f"x{each} = ${{y}}\n" for each in range(count)),
    "variables in a row": lambda count: f"y = 1\nx = {'${y}' * count}\n",
    "dollars": lambda count: f"x = {'$$' * count}\n",
    "settings": lambda count: (
        "[optimizer]\n@optimizers = Adam.v1\n" + "".join(f"x{each} = 1\n" for each in range(count))
    ),
    "wrong names": lambda count: "".join(f"[b{each}]\n@optimizers = Aadam.v1\n" for each in range(count)),
}


@pytest.mark.parametrize("what", REPEATED)
def test_eight_times_as_much_takes_no_more_than_about_eight_times_the_work(what):
    text = REPEATED[what]
    work("[a]\nx = 1\n")  # imports
    assert work(f"[a]\n{text(800)}") < 12 * work(f"[a]\n{text(100)}")


LONG = {
    "blanks at the end": "x" + " " * (1 << 18),
    "blanks in a line that says nothing": f"x{' ' * (1 << 18)}y",
    "blanks in a name": f"x{' ' * (1 << 18)}y = 1",
    "dollars": f"x = {'$$' * (1 << 17)}",
    "variables": f"x = 1\ny = {'${x}' * (1 << 16)}",
    "dots": f"[{'.' * (1 << 18)}]",
    "brackets": f"x = {'[' * (1 << 18)}",
    "quotes": "x = [" + '"' * (1 << 18),
    "escaped quotes": 'x = ["' + '\\"' * (1 << 17),
    "lines": "x\n" * (1 << 17),
}


@pytest.mark.parametrize("what", LONG)
def test_one_long_line_is_read_or_refused_before_configparser_sees_it(what, monkeypatch):
    """Its pattern goes back over each run of blanks in a name."""
    seen = []
    monkeypatch.setattr(ConfigParser, "read_string", _noting(seen, ConfigParser.read_string))
    try:
        thincopt.load(f"[a]\n{LONG[what]}\n")
    except ConfigError as error:
        assert len(str(error)) < 2000
    for text in seen:
        for line in text.split("\n"):
            name = SEPARATOR.split(line.strip())[0].rstrip()
            assert not re.search(r"\s{17}", name)


def _noting(seen, read):
    def noted(parser, text):
        seen.append(text)
        return read(parser, text)

    return noted


INTERVALS = "".join(f'bin{each} = "[{each}, {each + 1})"\n' for each in range(40))


@pytest.mark.parametrize(
    "text",
    [
        INTERVALS,
        "# see [1\n" * 40 + "a = 1\n",
        "; see {1\n" * 40 + "a = 1\n",
        "".join(f"smile{each} = :[\n" for each in range(40)),
        f"a = {json.dumps('[' * 40)}\n",
        f"a = [{json.dumps('[' * 40)}]\n",
        f"a = [\n  {json.dumps('[' * 20)},\n  {json.dumps('{' * 20)}]\n",
        f"a = {'(' * 20}{'[' * 40}\n",
        'a = ["' + '\\"[' * 40 + '"]\n',
    ],
)
def test_brackets_in_comments_and_in_text_are_no_depth(text):
    assert thincopt.load(f"[data]\n{text}")["data"]


@pytest.mark.parametrize("text", ["[" * 33 + "]" * 33, "[\n" + " [\n" * 32 + "]" * 33, '["]", ' + "[" * 32 + "]" * 33])
def test_brackets_that_are_depth(text):
    with pytest.raises(ConfigError, match=r"^line 2: this is nested over 32 deep.$"):
        thincopt.load("[data]\nx = " + text.replace("\n", "\n ") + "\n")
