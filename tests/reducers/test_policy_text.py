"""Rules and stops as text: what they write of themselves is read as the same again."""

import pytest

from langgraph_parallel.errors import UnknownRule
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.told import rule_text
from langgraph_parallel.reducers.votes.rules import (
    RULES,
    Rule,
    as_rule,
    at_least,
    by_field,
    elementwise,
    majority,
    median,
    pass_at,
    pass_power,
    threshold,
    union,
    weighted,
)
from langgraph_parallel.reducers.votes.stops import (
    STOPS,
    Stop,
    adaptive,
    ahead_by,
    all_votes,
    as_stop,
    confident,
    decided,
    no_new_findings,
    window,
)

WITH_ARGUMENTS: list[Rule] = [
    at_least(2),
    by_field({"amount": median(), "names": union(2)}, others=majority(ties="none")),
    elementwise(threshold(1 / 3)),
    elementwise(elementwise("median")),
    majority(quorum=3, ties="none"),
    pass_at(3),
    pass_power(2),
    threshold(0.123456789),
    weighted({"ann": 2, "#1": 0.123456789}, others=0.5),
]
SHIPPED: list[Rule] = [RULES[name]() for name in sorted(RULES.keys() - {r.name for r in WITH_ARGUMENTS})]
SHIPPED_STOPS: list[Stop] = [
    all_votes(),
    decided(),
    confident(),
    confident(0.123456789 + 0.5),
    adaptive(0.987654321),
    adaptive(0.9, "dirichlet"),
    ahead_by(3),
    window(5),
    no_new_findings(2),
    decided() | ahead_by(2) & window(3),
    (decided() | ahead_by(2)) & confident(0.9),
]


def _parts(stop: object) -> object:
    inner = {name: _parts(value) if isinstance(value, Stop) else value for name, value in vars(stop).items()}
    return type(stop), inner


@pytest.mark.parametrize("rule", [*SHIPPED, *WITH_ARGUMENTS], ids=str)
def test_a_rule_is_read_as_it_writes_itself(rule: Rule) -> None:
    """The text of each rule that is shipped, nested ones included, is the rule again."""
    assert as_rule(rule_text(rule)) == rule


@pytest.mark.parametrize("stop", SHIPPED_STOPS, ids=str)
def test_a_stop_is_read_as_it_writes_itself(stop: Stop) -> None:
    """The text of each stop is the stop again, its numbers to the last digit."""
    assert _parts(as_stop(str(stop))) == _parts(stop)


def test_every_stop_is_in_the_list_above() -> None:
    """A stop that is added is held to the law, too."""
    assert {type(stop) for stop in SHIPPED_STOPS} >= set(STOPS.values())


def _named_majority(choices: list[object]) -> object:
    return choices[0]


_named_majority.__name__ = "majority"


@pytest.mark.parametrize(
    "rule",
    [as_rule(_named_majority), as_rule(max), Judge(model="openai:test")],
    ids=["function", "built-in", "judge"],
)
def test_code_that_decides_is_never_read_as_a_rule(rule: Rule | Judge) -> None:
    """A function that is called like a rule is told from it, and nothing of its address is written."""
    text = rule_text(rule)
    assert text.startswith(("function ", "judge "))
    assert " at 0x" not in text
    with pytest.raises(UnknownRule):
        as_rule(text)


@pytest.mark.parametrize(
    "text",
    ["elementwise(open('x'))", "by_field({**{}, 'a': majority()})", "by_field({'a': no_rule()})"],
    ids=["other function", "unpacked", "unknown inside"],
)
def test_nothing_but_rules_is_called_inside_of_a_rule(text: str) -> None:
    """An argument is a literal or a rule that is known; all else is refused."""
    with pytest.raises(UnknownRule):
        as_rule(text)
