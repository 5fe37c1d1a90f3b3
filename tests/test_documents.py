"""Every snippet of every page runs, and what is shown as its answer is its answer."""

import importlib
import os
import re
import shutil
import sys

import numpy as np
import pytest

import thincopt
from tests import undone
from tests.documents import SnippetError, documents, needs_peers, on_device, run_page, snippets
from thincopt import native
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules
from website.reference import ours

PAGES = documents()
MADE_UP = ("my", "mine", "wrong")
OURS = [name for name, text in PAGES.items() if not needs_peers(text)]  # tests/peers has the others


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, whose modules can be imported and are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def kernels(monkeypatch, tmp_path):
    """What a page compiles is kept in its folder; where nothing can be compiled, NumPy serves."""
    monkeypatch.delenv("THINCOPT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if native.load() is None or not shutil.which((os.environ.get("CC") or "cc").split()[0]):
        monkeypatch.setattr(thincopt, "compile", lambda *_, **__: None)


@pytest.mark.parametrize("name", OURS)
def test_a_page_does_what_it_says(name):
    run_page(name, PAGES[name])


BROKEN = {
    "python that raises": ("```python\n1 / 0\n```", "line 1: ZeroDivisionError"),
    "python that warns": ("```python\nimport warnings\nwarnings.warn('old')\n```", "UserWarning: old"),
    "a hidden set-up that raises": ("<!-- python\n1 / 0\n-->", "line 1: ZeroDivisionError"),
    "other output": ("```python\nprint(1)\n```\n\n```text\n2\n```", "it says\n1"),
    "no error": ("```python\nprint(1)\n```\n\n```text\nSettingError: no\n```", "it says\n1"),
    "an answer": ("```pycon\n>>> 1 + 1\n3\n```", "Got:\n    2"),
    "another error": (
        "```pycon\n>>> [][0]\nTraceback (most recent call last):\nIndexError: list index out of rang\n```",
        "IndexError: list index out of range",
    ),
    "an error's last word": (
        "```pycon\n>>> import thincopt\n>>> thincopt.Adam(-1)\nTraceback (most recent call last):\n"
        "thincopt.SettingError: Adam.v1: learn_rate must be a finite number >= 0, not -2.\n```",
        "not -1",
    ),
    "a session without a prompt": ("```pycon\n1 + 1\n```", "a session holds lines after >>>"),
    "a config": ("```ini\n[optimizer]\n@optimizers = Aadam.v1\n```", "no optimizer is named 'Aadam.v1'"),
    "a config's error": (
        "```ini\n[optimizer]\n@optimizers = Aadam.v1\n```\n```text\nConfigError: no\n```",
        "ConfigError: train.cfg, line 2",
    ),
    "a config that loads": (
        "```ini\n[optimizer]\n@optimizers = Adam.v1\n```\n```text\nConfigError: no\n```",
        "the config loads",
    ),
    "a target": ("```sh\nmake demo\nmake tea\n```", "make tea"),
    "an extra": ("```sh\npip install '.[demo,tea]'\n```", "demo,tea"),
    "a package": ("```sh\npip install thincopt\n```", "pip install thincopt"),
    "a script": ("```sh\npython examples/tea.py\n```", "tea.py"),
    "a variable": ("```sh\nTHINCOPT_TEA=1 make test\n```", "THINCOPT_TEA"),
    "a command": ("```sh\nrm -r .\n```", "rm -r ."),
    "a rule": ("```{printed} Lionn.v1\n:as: c\n```", "Lionn.v1"),
    "a form": ("```{printed} Lion.v1\n:as: tea\n```", "tea"),
    "a language": ("```pytohn\n1\n```", "nobody checks 'pytohn'"),
    "no language": ("```\n1\n```", "nobody checks it: 1"),
    "a directive": ("```{python}\n1\n```", "nobody checks 'python'"),
    "a text of nothing": ("```text\n1\n```", "there is none"),
    "a device's syntax": ("```python\nimport cupy\nx =\n```", "line 1: SyntaxError"),
    "a name on a device": ("```python\nimport cupy\nx = cupy.ones(3) + wieghts\n```", "nobody makes wieghts"),
    "a device's import": ("```python\nimport cupy\nfrom thincopt import Aadam\n```", "thincopt has no 'Aadam'"),
    "a session on a device": ("```pycon\n>>> import cupy\n>>> cupy.ones(3\n```", "line 1: SyntaxError"),
    "no end": ("```python\n1", "line 1: this never ends"),
}


@pytest.fixture
def no_device(monkeypatch):
    """Even if there is one."""
    monkeypatch.setattr(undone, "has_device", lambda: False)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_broken_is_found(broken, no_device):
    text, told = BROKEN[broken]
    with pytest.raises(SnippetError) as caught:
        run_page("page.md", text)
    assert told in str(caught.value)


def test_snippets_share_names_files_and_modules(folder):
    run_page(
        "page.md",
        "<!-- python\nx = 1\n-->\n\n```{code-block} python\n:caption: own_for_documents.py\ny = 1\n```\n\n"
        "- indented:\n\n  ```pycon\n  >>> import own_for_documents\n  >>> x + own_for_documents.y\n  2\n  ```\n"
        "~~~{code-block} ini\n:caption: mine.cfg\n[training]\nrate = 1\n~~~\n"
        "```python\nimport thincopt\nprint(thincopt.load('mine.cfg'))\n```\n```text\n{'training': {'rate': 1}}\n```",
    )
    assert (folder / "mine.cfg").exists()


DEVICE = """
```python
kept, changed = 1, 2
```
```python
import cupy
changed = cupy.ones(3)
```
```python
later = changed + kept
raise ValueError("not run without a device")
```
```text
[4. 4. 4.]
```
```pycon
>>> int(later.sum())
6
```
```python
changed = 3
```
```python
print(changed + kept)
```
```text
4
```
"""


def test_without_a_device_only_what_needs_one_is_not_run(no_device):
    run_page("page.md", DEVICE)
    with pytest.raises(SnippetError, match=r"it says\n4"):
        run_page("page.md", DEVICE.replace("text\n4", "text\n5"))


def test_with_a_device_all_is_run(monkeypatch):
    monkeypatch.setattr(undone, "has_device", lambda: True)
    monkeypatch.setitem(sys.modules, "cupy", np)
    with pytest.raises(SnippetError, match="not run without a device"):
        run_page("page.md", DEVICE)
    run_page("page.md", DEVICE.replace('raise ValueError("not run without a device")', "print(later * 2)"))


def test_the_pages_are_found_and_those_with_peers_are_told_apart():
    assert {"README.md", "website/start.md", "website/guides/torch.md"} <= set(PAGES)
    assert {name for name in PAGES if name not in OURS} == {
        f"website/guides/{each}.md" for each in ("optax", "thinc", "torch")
    }
    assert {name for name in PAGES if on_device(PAGES[name])} == {
        f"website/{each}.md" for each in ("guides/gpu", "guides/torch", "tutorial/gpu")
    }
    assert sum(1 for each in OURS for _ in snippets(PAGES[each])) > 100


def test_names_that_pages_make_up_are_nobodys():
    """No later version has them: those of ours never begin so."""
    known = {name.partition(".")[0] for name in (*ours(all_rules()), *ours(all_schedules()))}
    assert not [name for name in known if name.lower().startswith(MADE_UP)]
    text = "\n".join(text for name, text in PAGES.items() if name != "CONTRIBUTING.md")
    made = set(re.findall(r"""@(?:rule|schedule)\(["'](\w+)\.v""", text)) - known
    assert not [name for name in made if not name.lower().startswith(MADE_UP)], "begin them with My"
