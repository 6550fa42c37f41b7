"""Dawid and Skene: the fit, and the rule that it gives."""

import pytest
from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Tally
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene
from tests.support.ballots import ballot


def test_dawid_skene_learns_which_voters_to_trust() -> None:
    """Three voters that know the truth outweigh two that guess alike."""
    votes: list[dict[str, JsonValue]] = []
    for i in range(60):
        truth = "ab"[i % 2]
        guess = "ab"[(i // 2) % 2]
        votes.append({"k1": truth, "k2": truth if i % 9 else guess, "k3": truth, "g1": guess, "g2": guess})
    fitted = fit_dawid_skene(votes)
    assert fitted.answers() == [vote["k1"] for vote in votes]
    choices = {"k1": "a", "g1": "b", "g2": "b", "new": "b"}
    verdict = fitted.rule()(
        Tally.of(ballot(voter, choice, i) for i, (voter, choice) in enumerate(choices.items()))
    )
    assert (verdict.choice, verdict.cast, verdict.abstained) == ("a", 3, 1)
    assert verdict.confidence is not None
    assert verdict.confidence > 0.9


def test_dawid_skene_needs_ballots_and_few_choices() -> None:
    """No ballots and too many choices are errors; a single question without ballots is not."""
    with pytest.raises(UsageError, match="iterations is 0; expected an integer of at least 1"):
        fit_dawid_skene([{"a": "x"}], iterations=0)
    with pytest.raises(UsageError, match="no ballot was cast"):
        fit_dawid_skene([{"a": None}])
    with pytest.raises(UsageError, match=r"hold 101 choices; .* at most 100"):
        fit_dawid_skene([{"a": i} for i in range(101)])
    assert fit_dawid_skene([{"a": "x"}, {"a": None}]).answers() == ["x", None]
