"""The settings of a replay, from Python and from a command line."""

from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.replays.changes import Changes


def test_pairs_are_read_as_their_values() -> None:
    """Numbers, words, policies with = in them, and truth values."""
    pairs = ["stop=decided | ahead_by(k=2)", "voters=5", "race=false", "hedge=p95", "rate=off", "wave=all"]
    assert Changes.parse(pairs).told() == {
        "stop": "decided() | ahead_by(2)",
        "voters": 5,
        "race": False,
        "hedge": "p95",
        "rate": "off",
        "wave": "all",
    }


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("voters", "expected NAME=VALUE with one of stop, voters"),
        ("votes=3", "expected NAME=VALUE with one of stop, voters"),
        ("voters=0", "voters is 0; expected an integer of at least 1"),
        ("voters=999999999", "voters is 999999999; expected at most 10000"),
        ("concurrency=2.5", "concurrency is 2.5; expected an integer"),
        ("race=3", "race is 3; expected true or false"),
        ("hedge=p99", "hedge is 'p99'; expected a number above 0 or off or p95"),
        ("deadline=-1", "deadline is -1; expected a finite number above 0"),
        ("rate=nan", "rate is nan; expected a finite number above 0"),
        ("wave=some", "wave is 'some'; expected 'lossless'"),
        ("stop=often", "'often' is not a stop"),
        ("rule=most", "'most' is not a rule"),
    ],
    ids=lambda text: text.partition(" ")[0],
)
def test_what_is_not_valid_is_refused(pair: str, said: str) -> None:
    """The error names the value, and what was expected."""
    with pytest.raises(UsageError, match="--set") as refused:
        Changes.parse([pair])
    assert said in str(refused.value)


@pytest.mark.parametrize("given", [{"voters": True}, {"race": "yes"}, {"hedge": []}], ids=str)
def test_other_types_are_refused_in_python_too(given: dict[str, Any]) -> None:
    """A truth value is no number, and a word is no truth value."""
    with pytest.raises(UsageError, match=next(iter(given))):
        Changes.of(**given)
