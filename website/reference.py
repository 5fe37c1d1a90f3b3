"""The pages of the reference, made from the registries: text alone, by `pages()`."""

from typing import Any

from thincopt.describing import Description, Told, describe
from thincopt.language import Rule, Stage
from thincopt.language.declaring import POINTS
from thincopt.rules import all_rules
from thincopt.schedules import Family, all_schedules
from thincopt.settings import ENGINE
from thincopt.stages import stages_around
from website.markup import first_sentence, formula, papers, roomy, setting, table, tidy
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
Each is one function of the weights, the gradient and its own state, with the [stages](../stages.md) around it. A
version never changes its numbers: where two versions stand here, the page of each says how they differ."""
SCHEDULES = """\
Each is a pure function of the step, counted from 0. Give one to an optimizer where a number
would stand; a list of numbers or an iterator will do too."""
STAGES = """\
# Stages

What wraps any rule: each stage is a pure function as a rule is, and is fused into the same walk over memory. A stage
whose setting is zero or off costs nothing. They run in the order of this page; weight decay comes before the step or
after it, as the rule says. A rule that names one of these settings in its own signature takes it over, and the stage
is left out.

{stages}

## engine

Not a stage: what the engine itself decides. With `L2_is_weight_decay`, `L2` is taken as `weight_decay`; `nonfinite`
says what becomes of [a gradient with NaN or infinity](../state.md#a-gradient-with-nan-or-infinity).

{engine}
"""
STAGE = """\
## {name}

{summary}

{formula}

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
        "reference/errors.md": errors_page(),
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
    return LISTING.format(title=title, text=text, table=roomy(rows), names="\n".join(each.name for each in known))


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
    engine = [Told(each.name, repr(each.default), each.allowed, "engine") for each in ENGINE]
    head = ("setting", "default", "allowed")
    return tidy(STAGES.format(stages="\n".join(texts), engine=table(head, map(setting, engine))))


def _stage(stage: Stage) -> str:
    told = describe(stage)
    return STAGE.format(
        name=stage.name,
        summary=told.summary,
        formula=formula(told.formula),
        papers=papers(told.papers),
        settings=table(("setting", "default", "allowed"), map(setting, told.settings)),
    )
