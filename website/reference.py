"""The pages of the reference, made from the registries: text alone, by `pages()`."""

from typing import Any

from thincopt.language import Rule, Stage
from thincopt.language.declaring import POINTS
from thincopt.rules import all_rules
from thincopt.schedules import Family, all_schedules
from thincopt.stages import stages_around
from thincopt.surface.describing import Description, describe, engine_settings
from website.api import api_pages
from website.gallery import gallery_page
from website.letters import legend
from website.markup import first_sentence, formula, papers, settings_table, table, tidy
from website.measured import speed_tables
from website.sheets import differing, optimizer_page, schedule_page
from website.slips import errors_page

LISTING = """\
# {title}

{text}

{table}

```{{toctree}}
:hidden:

{names}
```
"""
OPTIMIZERS = """\
An optimizer is one function: from the weights, the gradient and what it remembers it makes the step. Clipping, weight
decay and averages stand around each of them, as [stages](../stages.md). A version never changes its numbers: where
there are two, the page of each says how they differ.

Not sure which to take? `AdamW` is a good first choice. `Adam.v2`, `SGD.v2` and `RAdam.v2` give torch's numbers, and
`Adam.v1`, `SGD.v1` and `RAdam.v1` give Thinc's. In Python, `sorted(thincopt.registry.optimizers.get_all())` names them
all, your own too."""
SCHEDULES = """\
A schedule gives a number for every step, counted from 0. Give one to an optimizer where a number would stand.
[Change the rate over time](../../tutorial/schedules.md) shows how."""
STAGES = """\
# Stages

Stages are what every optimizer can do beside its own formula: clip the gradient, decay the weights, average them. Each
is a function, as a rule is, and works in the same pass over memory. A stage whose setting is zero or off costs nothing.

They run in the order of this page. Weight decay comes before the step or after it, as the rule says. Where a rule takes
one over (`takes="weight_decay"`), its formula does that work, and the stage is left out.

{stages}

## engine

Two settings that belong to no stage. More about `nonfinite` is in
[Clip and check gradients](../tutorial/gradients.md#a-gradient-with-nan-or-infinity).

{engine}
"""
SETTINGS = """\
# Settings

Every setting and what it means, from A to Z. Defaults and what may be given are on the page of each optimizer and
schedule. In Python they are keywords, in a config they are lines, and an optimizer has them as attributes.

{table}
"""
STAGE = """\
## {name}

{summary}

{formula}

{letters}

{papers}

{settings}

:::{{printed}} {name}
:as: python
:::
"""


def pages() -> dict[str, str]:
    """Every page by its path."""
    rules, schedules = ours(all_rules()), ours(all_schedules())
    return {
        "reference/optimizers/index.md": _optimizers(list(rules.values())),
        **{f"reference/optimizers/{name}.md": optimizer_page(each) for name, each in rules.items()},
        "reference/schedules/index.md": _schedules(list(schedules.values())),
        **{f"reference/schedules/{name}.md": schedule_page(each) for name, each in schedules.items()},
        "reference/stages.md": _stages(list(rules.values())),
        "reference/settings.md": _settings(rules, schedules),
        "reference/errors.md": errors_page(),
        "reference/examples.md": gallery_page(),
        **api_pages(),
        **speed_tables(),
    }


def ours(known: dict[str, Any]) -> dict[str, Any]:
    """Those that thincopt has itself; who imports this may have registered others."""
    return {name: each for name, each in known.items() if each.function.__module__.startswith("thincopt.")}


def _optimizers(rules: list[Rule]) -> str:
    known = [describe(each) for each in sorted(rules, key=lambda each: each.name)]
    rows = [(*_row(each), _first_paper(each), f"{each.state_bytes()} bytes of state") for each in known]
    head = ("optimizer", "in a sentence", "paper", "per float32 parameter")
    return _listing("Optimizers", OPTIMIZERS, table(head, rows), known)


def _schedules(families: list[Family]) -> str:
    known = [describe(each) for each in sorted(families, key=lambda each: each.name)]
    head = ("schedule", "in a sentence", "arguments")
    rows = [(*_row(each), ", ".join(f"`{told.name}`" for told in each.settings)) for each in known]
    return _listing("Schedules", SCHEDULES, table(head, rows), known)


def _listing(title: str, text: str, rows: str, known: list[Description]) -> str:
    return LISTING.format(title=title, text=text, table=rows, names="\n".join(each.name for each in known))


def _row(told: Description) -> tuple[str, str]:
    sentence = first_sentence(told.summary) or " ".join(told.formula)
    return f"[{told.name}]({told.name}.md)", f"{sentence} {differing(told.name)}".rstrip()


def _first_paper(told: Description) -> str:
    """The paper that is cited first, by authors and year."""
    if not told.papers:
        return ""
    paper = told.papers[0]
    name = paper.text.split(". ")[1].rstrip(".") if ". " in paper.text else paper.text
    return f"[{name}]({paper.address})" if paper.address else name


def _stages(rules: list[Rule]) -> str:
    """The stages of all rules, in the order in which they run."""
    found = {each.name: each for rule in rules for each in stages_around(rule)}
    texts = [_stage(each) for each in sorted(found.values(), key=lambda each: POINTS.index(each.at))]
    return tidy(STAGES.format(stages="\n".join(texts), engine=settings_table(engine_settings())))


def _settings(rules: dict[str, Rule], schedules: dict[str, Family]) -> str:
    """Every setting by name, what it means, and whose it is; one that means several things has a row for each."""
    rows: dict[tuple[str, str], list[str]] = {}
    for kind, known in (("optimizers", rules), ("schedules", schedules)):
        for name, each in known.items():
            for told in describe(each).settings:
                rows.setdefault((told.name, told.meaning), []).append(f"[{name}]({kind}/{name}.md)")
    cells = [
        (f"`{name}`", meaning, "every optimizer" if len(names) >= len(rules) - 1 else ", ".join(names))
        for (name, meaning), names in sorted(rows.items(), key=lambda each: each[0][0].lower())
    ]
    return tidy(SETTINGS.format(table=table(("setting", "what it means", "of"), cells)))


def _stage(stage: Stage) -> str:
    told = describe(stage)
    return STAGE.format(
        name=stage.name,
        summary=told.summary,
        formula=formula(told.formula),
        letters=legend(stage, told.formula),
        papers=papers(told.papers),
        settings=settings_table(told.settings),
    )
