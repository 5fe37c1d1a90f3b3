"""The page of one optimizer, and the page of one schedule."""

from thincopt.engine.settings import settings_of
from thincopt.language import Rule
from thincopt.rules import all_rules
from thincopt.schedules import Family, Schedule
from thincopt.surface.describing import Description, describe, kernel_of
from website import valley
from website.examples import example, required
from website.letters import legend
from website.markup import first_sentence, formula, papers, section, settings_table, table, tidy

OPTIMIZER = """\
# {name}

{summary}

{formula}

{letters}

{papers}

```{{figure}} {name}.svg
:alt: The path of {name} down a curved valley, from the upper left towards the lowest point.
:class: plot

{steps} steps down a curved valley; the cross is its lowest point. `learn_rate = {rate:g}`, of a grid of rates the one
that comes lowest without leaving the picture; all other settings are at their defaults.
```

{versions}

## Use

```python
import numpy as np
from thincopt import {family}

optimizer = {factory}({arguments})
weights = np.array([1.0, -2.0, 0.5], dtype="float32")
for _ in range(3):
    gradient = 2 * weights  # of the sum of squares
    {call}
    optimizer.step_schedules()
```

The same from a config:

```ini
{config}
```

## Settings

A number may also be a [schedule](../schedules/index.md), a list of numbers or an iterator.

{settings}

It also has the settings of the [stages](../stages.md), which stand around every optimizer{taken}:

{staged}

## State

Each is as large as the weights, unless said otherwise.

{states}

{memory}

{traffic}

## Source

All of the rule; what else this page says is derived from it.

```{{printed}} {name}
:as: python
```

What it becomes, as `thincopt.source("{name}", "c")` prints it:

{printed}
"""
PRINTED = """\
<details><summary>{title}</summary>

```{{printed}} {name}
:as: {form}
```

</details>
"""
FORMS = {
    "c": "Printed as C",
    "numpy": "Printed as NumPy",
    "cuda": "Printed as CUDA",
}
SCHEDULE = """\
# {name}

{summary}

{formula}

{papers}

```{{figure}} {name}.svg
:alt: The value of {name} at each step of a thousand.
:class: plot

`{shown}`
```

## Use

```pycon
>>> from thincopt import {imports}
>>> schedule = {shown}
{values}
```

As the learning rate of an optimizer, from a config:

```ini
[optimizer]
@optimizers = Adam.v1

{config}
```

## Arguments

{settings}

## Source

The value at a step is what this function returns.

:::{{printed}} {name}
:as: python
:::
"""
KINDS = {"array": "", "scalar": ", one number per key", "shared": ", one number per optimizer"}


CALLS = {False: 'optimizer("weights", weights, gradient)', True: 'optimizer.update({"weights": (weights, gradient)})'}


def optimizer_page(rule: Rule) -> str:
    """The page of a rule."""
    told = describe(rule)
    first = first_sentence(told.summary)
    family, _, version = rule.name.partition(".")
    settings = settings_of(rule).values()
    given = required(settings) or {"learn_rate": settings_of(rule)["learn_rate"].default}
    own = [each for each in told.settings if each.owner == "rule"]
    return tidy(
        OPTIMIZER.format(
            name=rule.name,
            family=family,
            factory=family if version == "v1" else f"{family}.{version}",
            summary=told.summary.replace(first, f"{first} {differing(rule.name)}".strip(), 1),
            formula=formula(told.formula),
            letters=legend(rule, told.formula),
            papers=papers(told.papers),
            versions=_relatives(rule, told),
            steps=valley.STEPS,
            rate=valley.best(rule.name).rate,
            call=CALLS[kernel_of(rule).whole_model],
            arguments=", ".join(f"{name}={value!r}" for name, value in given.items()),
            config=section("optimizer", "optimizers", rule.name, given),
            settings=settings_table(own),
            taken=_taken(told),
            staged=_staged(told),
            states=_states(told),
            memory=_memory(told),
            traffic=_traffic(told),
            printed="\n".join(PRINTED.format(name=rule.name, form=form, title=title) for form, title in FORMS.items()),
        )
    )


def schedule_page(family: Family) -> str:
    """The page of a schedule."""
    told, given, made = describe(family), required(family.settings), example(family)
    nested = [each.family.__name__ for each in given.values() if isinstance(each, Schedule)]
    return tidy(
        SCHEDULE.format(
            name=family.name,
            imports=", ".join(sorted({family.__name__, *nested})),
            summary=told.summary,
            formula=formula(told.formula),
            papers=papers(told.papers),
            shown=f"{family.__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})",
            values="\n".join(f">>> schedule({step})\n{made(step)!r}" for step in (0, 10, 500)),
            config=section("optimizer.learn_rate", "schedules", family.name, given),
            settings=settings_table(told.settings, "argument"),
        )
    )


def differing(name: str) -> str:
    """The defaults by which a rule differs from others of the same formula, as a sentence."""
    rule = all_rules().get(name)
    others = [each for each in all_rules().values() if rule and each.function is rule.function and each is not rule]
    own = rule.defaults.items() if rule else ()
    told = [f"`{key} = {value!r}`" for key, value in own if any(each.defaults.get(key) != value for each in others)]
    return f"With {' and '.join(told)}." if told else ""


def _relatives(rule: Rule, told: Description) -> str:
    """The other versions, and the rules of the same formula."""
    known = {
        "Other versions": [name for name in told.versions if name != told.name],
        "The same formula, with other defaults": [
            each.name for each in all_rules().values() if each.function is rule.function and each is not rule
        ],
    }
    lines = [
        f"{what}: {', '.join(f'[{each}]({each}.md)' for each in names)}." for what, names in known.items() if names
    ]
    return " ".join(lines)


def _taken(told: Description) -> str:
    """The stages whose work the rule does itself."""
    names = " and ".join(f"[{each}](../stages.md#{each})" for each in told.takes)
    return f", but for {names}, which its own formula does" * bool(names)


def _staged(told: Description) -> str:
    """The settings of each stage and of the engine, beneath its formula."""
    parts = []
    for owner in dict.fromkeys(each.owner for each in told.settings if each.owner != "rule"):
        own = [each for each in told.settings if each.owner == owner]
        about = f": {'; '.join(own[0].formula)}" if own[0].formula else ""
        parts += [f"**[{owner}](../stages.md#{owner})**{about}", settings_table(own)]
    return "\n\n".join(parts)


def _states(told: Description) -> str:
    owners = {"rule": "the rule"}
    rows = [
        (
            f"`{each.name}`{KINDS[each.kind]}",
            owners.get(each.owner, f"[{each.owner}](../stages.md#{each.owner})"),
            "the weights" if each.start == "w" else f"`{each.start}`",
            "yes" if each.kept else "no",
        )
        for each in told.states
    ]
    return table(("state", "of", "begins as", "by default"), rows)


def _memory(told: Description) -> str:
    """Bytes per parameter, of state and of a step."""
    traffic = told.traffic
    assert traffic is not None  # noqa: S101  # a rule's
    counts = {
        "state, at the defaults": told.state_bytes(1),
        "state, at most": told.state_bytes(1, most=True),
        "read by a step": traffic.read,
        "written by a step": traffic.written,
    }
    rows = [(name, f"{4 * count}", f"{8 * count}") for name, count in counts.items()]
    return table(("bytes per parameter", "float32", "float64"), rows)


def _traffic(told: Description) -> str:
    traffic = told.traffic
    assert traffic is not None  # noqa: S101  # a rule's
    walks = "one walk" if traffic.walks == 1 else f"{traffic.walks} walks"
    checked = (
        'The gradient is read once more to see that it is finite; `nonfinite = "propagate"` does without.'
        if traffic.checked
        else "The first walk only reads, and also tells whether the gradient is finite."
    )
    return (
        f"At the defaults a step is {walks} over memory and moves {traffic.bytes()} bytes per float32 parameter,"
        f" the zeroing of the gradient included. {checked}"
    )
