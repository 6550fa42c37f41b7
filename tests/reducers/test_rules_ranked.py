"""The rules over ranked ballots: `borda`, `instant_runoff` and `schulze`."""

from typing import Any

import pytest

from langgraph_parallel import create_voting
from langgraph_parallel.reducers.votes.rules import borda, instant_runoff, schulze
from tests.support.ballots import not_cast, tally, tally_of_rankings
from tests.support.server import ModelServer, Reply

MEMPHIS = tally_of_rankings(*["mnck"] * 42, *["nckm"] * 26, *["cknm"] * 15, *["kcnm"] * 17)
"""The textbook election of a capital of Tennessee: m leads, n wins every pair, k wins the run-off."""


def test_each_ranked_rule_has_its_own_winner() -> None:
    """The winners and points are those of the textbooks."""
    assert borda()(MEMPHIS).choice == "n"
    assert schulze()(MEMPHIS).choice == "n"
    assert instant_runoff()(MEMPHIS).choice == "k"
    verdict = borda()(MEMPHIS)
    assert {count.choice: count.weight for count in verdict.counts} == {
        "n": 194,
        "c": 173,
        "m": 126,
        "k": 107,
    }
    assert (str(verdict.support), len(verdict.dissent)) == ("26/100", 74)


def test_schulze_breaks_a_cycle_at_its_weakest_win() -> None:
    """Candidate e wins Schulze's own example of 45 voters and five candidates."""
    votes = {"acbed": 5, "adecb": 5, "bedac": 8, "cabed": 3, "caebd": 7, "cbade": 2, "dceba": 7, "ebadc": 8}
    ballots = tally_of_rankings(*(ranking for ranking, times in votes.items() for _ in range(times)))
    assert (schulze()(ballots).choice, schulze()(ballots).status) == ("e", "decided")


def test_candidates_that_a_ballot_leaves_out_share_the_last_place() -> None:
    """The one named candidate of three gets two points, the two others half a point each."""
    ballots = tally(["a"], ["b", "a", "c"])
    weights = {count.choice: count.weight for count in borda(candidates=["a", "b", "c"])(ballots).counts}
    assert weights == {"a": 3.0, "b": 2.5, "c": 0.5}


@pytest.mark.parametrize("rule", [borda, instant_runoff, schulze])
def test_a_ranked_tie_elects_the_earliest_voters_choice_or_none(rule: Any) -> None:
    """Two voters with opposite rankings are tied."""
    ballots = tally_of_rankings("ba", "ab")
    assert (rule()(ballots).choice, rule()(ballots).status) == ("b", "tied")
    assert (rule(ties="none")(ballots).choice, rule(ties="none")(ballots).status) == (None, "tied")


@pytest.mark.parametrize("rule", [borda, instant_runoff, schulze])
def test_a_malformed_ranking_does_not_count(rule: Any) -> None:
    """A list of unknown candidates alone and a text are abstentions; an empty list counts."""
    ballots = tally(["a", "b"], ["x", "y"], "b", [], ["b", "a"]) | not_cast("failed")
    verdict = rule(candidates=["a", "b"])(ballots)
    assert (verdict.cast, verdict.abstained, verdict.failed) == (3, 2, 1)
    empty = rule(candidates=["a", "b"])(tally([], []))
    assert (empty.status, empty.choice, empty.cast) == ("below_threshold", None, 2)


@pytest.mark.parametrize("rule", [borda, instant_runoff, schulze])
def test_an_unknown_or_duplicate_label_costs_a_ranking_that_label(rule: Any) -> None:
    """What is left of the ballot counts as if the label had not been named."""
    marred = tally(["x", "b", "a"], ["b", "b", "a", "b"], ["a", "y"])
    clean = tally(["b", "a"], ["b", "a"], ["a"])
    assert rule(candidates=["a", "b"])(marred).counts == rule(candidates=["a", "b"])(clean).counts


async def test_models_are_asked_for_rankings_of_the_choices(model: str, server: ModelServer) -> None:
    """The schema asks for a list; the rule knows the candidates, and stops once they are settled."""
    server.always(Reply(json={"rationale": "", "choice": ["b", "a", "c"], "confidence": None}))
    graph = create_voting(model=model, choices=["a", "b", "c"], voters=5, rule="borda")
    out = await graph.ainvoke({"question": "?"})
    schema = server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert '"enum": ["a", "b", "c"]' in str(schema).replace("'", '"')
    assert "the best first" in str(schema)
    assert (out["verdict"].choice, out["verdict"].not_asked > 0) == ("b", True)
