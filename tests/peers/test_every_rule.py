"""Each rule of ours is compared with another implementation, or with a second statement of its formula."""

from thincopt.rules import all_rules

from . import optax_side, test_optax, test_statements, test_thinc, test_torch, thinc_side

SIDES = [
    (test_torch.VARIED, test_torch.ALL),
    (thinc_side.FACTORIES, test_thinc.CASES),
    (optax_side.RULES, test_optax.ALL),
    (test_statements.STATED, test_statements.CASES),
]


def test_each_rule_is_compared() -> None:
    ours = {name for name, rule in all_rules().items() if rule.function.__module__.startswith("thincopt.")}
    compared = {name for rows, runs in SIDES for name, _ in runs if name in rows}
    assert sorted(ours - compared) == [], "CONTRIBUTING says how to compare these"


def test_each_row_is_used() -> None:
    for rows, runs in SIDES:
        assert set(rows) == {name for name, _ in runs}
