"""Policies, rules and stops written as text are read or refused clearly, and never evaluated."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.completion import as_completion
from langgraph_parallel.reducers.votes.rules import RULES, as_rule
from langgraph_parallel.reducers.votes.stops import STOPS, as_stop
from tests.support.fuzzing import fuzz, mutated, result_or_error

POLICIES = ("min_success", "tolerated_failures", "required", "deadline")
ARGUMENTS = (
    *(
        "",
        "0.8",
        "3",
        "-1",
        "0",
        "1e400",
        "1e-400",
        "True",
        "None",
        "'a'",
        "'a', 'b'",
        "[]",
        "p=0.9",
        "nan",
        "1j",
    ),
    *(
        "9" * 400,
        "9" * 5000,
        "**{'k': 1}",
        "*[1]",
        "b'a'",
        "{1: 2}",
        "'\\d'",
        "'\\ud800'",
        "over='dirichlet'",
        "...",
    ),
    *("'median'", "{'a': 'median'}", "'elementwise(\"median\")'"),
)
TOKENS = (
    *(
        "(",
        ")",
        "&",
        "|",
        ",",
        "=",
        "'",
        '"',
        "\\",
        "\n",
        "\x00",
        "-",
        "~",
        "not ",
        "lambda: ",
        "__import__('os')",
    ),
    *(".", "[", "]", "{", "}", "#", ";", ":=", "0x1for", "\ud800", "ª", "\t", "(((", "f'{1}'"),
)


def written(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Return a strategy of policies that are valid, or nearly so."""
    call = st.builds("{}({})".format, st.sampled_from(names), st.sampled_from(ARGUMENTS))
    policy = st.recursive(
        call | st.sampled_from(names),
        lambda inner: (
            st.builds("{} {} {}".format, inner, st.sampled_from("&|"), inner)
            | st.builds("({})".format, inner)
        ),
        max_leaves=5,
    )
    return mutated(policy, TOKENS)


READERS: dict[str, tuple[Callable[[str], Any], tuple[str, ...]]] = {
    "completion": (as_completion, POLICIES),
    "rule": (as_rule, tuple(RULES)),
    "stop": (as_stop, tuple(STOPS)),
}


@pytest.mark.parametrize("kind", READERS)
@given(st.data())
@fuzz
def test_a_policy_is_read_or_refused_in_one_line(kind: str, data: st.DataObject) -> None:
    """A policy in text is one of this package, which can be shown and read again, or one clear error."""
    read, names = READERS[kind]
    text = data.draw(written(names))
    policy = result_or_error(lambda: read(text), UsageError, quoted=6 * len(text))
    if policy is not None and kind != "rule":
        assert str(read(str(policy))) == str(policy)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "text", ["(" * 100_000, "-" * 100_000 + "1", "a&" * 20_000 + "a", "a" * 1_000_000, "[" * 150 + "]" * 150]
)
def test_a_deep_or_long_policy_is_refused(kind: str, text: str) -> None:
    """A text that exhausts the parser of Python is refused like any other."""
    read, _ = READERS[kind]
    assert result_or_error(lambda: read(text), UsageError, quoted=len(text)) is None
