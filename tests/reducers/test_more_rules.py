"""What each rule beyond the plain ones decides: ranked, approval, numbers, texts, Dawid-Skene."""

import math
from typing import Any

import pytest
from pydantic import JsonValue

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.votes.rules import (
    Rule,
    approval,
    as_rule,
    borda,
    first_valid,
    instant_runoff,
    median,
    mode,
    most_similar,
    schulze,
    trimmed_mean,
)
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene
from langgraph_parallel.reducers.votes.rules.numeric import student_t
from tests.support.server import ModelServer, Reply


def tally(*choices: JsonValue) -> Tally:
    """One ballot for each choice, by voters v0, v1 and so on; None has failed."""
    return Tally.of(
        Ballot(voter=f"v{i}", order=i, status="failed" if choice is None else "cast", choice=choice)
        for i, choice in enumerate(choices)
    )


def ranked(*ballots: str) -> Tally:
    """Ballots such as "abc": the best first."""
    lists: list[JsonValue] = [list(ballot) for ballot in ballots]
    return tally(*lists)


# ranked


MEMPHIS = ranked(*["mnck"] * 42, *["nckm"] * 26, *["cknm"] * 15, *["kcnm"] * 17)
"""The textbooks' election of a capital of Tennessee: m leads, n beats everybody, k wins the run-off."""


def test_each_ranked_rule_has_its_own_winner() -> None:
    """On one and the same election, as textbooks have it."""
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
    """Schulze's own example of 45 voters and five candidates: e wins."""
    votes = {"acbed": 5, "adecb": 5, "bedac": 8, "cabed": 3, "caebd": 7, "cbade": 2, "dceba": 7, "ebadc": 8}
    held = ranked(*(ballot for ballot, times in votes.items() for _ in range(times)))
    assert (schulze()(held).choice, schulze()(held).status) == ("e", "decided")


def test_what_a_ballot_leaves_out_shares_the_last_place() -> None:
    """One named candidate of three gets two points, the two others half a point each."""
    held = tally(["a"], ["b", "a", "c"])
    weights = {count.choice: count.weight for count in borda(candidates=["a", "b", "c"])(held).counts}
    assert weights == {"a": 3.0, "b": 2.5, "c": 0.5}


@pytest.mark.parametrize("rule", [borda, instant_runoff, schulze])
def test_ranked_ties_go_to_the_earliest_voter_or_to_nobody(rule: Any) -> None:
    """Two voters of opposite minds."""
    held = ranked("ba", "ab")
    assert (rule()(held).choice, rule()(held).status) == ("b", "tied")
    assert (rule(ties="none")(held).choice, rule(ties="none")(held).status) == (None, "tied")


@pytest.mark.parametrize("rule", [borda, instant_runoff, schulze])
def test_a_malformed_ranking_does_not_count(rule: Any) -> None:
    """Twice the same, a stranger, or no list: none of them is read as anything."""
    verdict = rule(candidates=["a", "b"])(tally(["a", "b"], ["b", "b"], ["x", "b"], "b", None, ["b", "a"]))
    assert (verdict.cast, verdict.abstained, verdict.failed) == (2, 3, 1)
    empty = rule(candidates=["a", "b"])(tally([], []))
    assert (empty.status, empty.choice, empty.cast) == ("below_threshold", None, 2)


async def test_models_are_asked_for_rankings_of_the_choices(model: str, server: ModelServer) -> None:
    """The schema asks for a list; the rule knows the candidates, and stops when they are settled."""
    server.always(Reply(json={"rationale": "", "choice": ["b", "a", "c"], "confidence": None}))
    graph = create_voting(model=model, choices=["a", "b", "c"], voters=5, rule="borda")
    out = await graph.ainvoke({"question": "?"})
    schema = server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert '"enum": ["a", "b", "c"]' in str(schema).replace("'", '"')
    assert "the best first" in str(schema)
    assert (out["verdict"].choice, out["verdict"].not_asked > 0) == ("b", True)


# approval, texts, the first


def test_approval_counts_everything_that_a_voter_can_live_with() -> None:
    """An empty list approves of nothing, and counts; nobody approving of anything decides nothing."""
    verdict = approval()(tally(["a", "b"], ["b"], ["c", "b", "c"], [], "b"))
    assert (verdict.choice, str(verdict.support), verdict.abstained) == ("b", "3/4", 1)
    assert (approval()(tally([], [])).status, approval()(tally([], [])).choice) == ("below_threshold", None)
    assert approval(ties="none")(tally(["a"], ["b"])).choice is None


def test_the_most_similar_text_is_the_one_most_like_the_others() -> None:
    """Not the longest, nor the first; a measure of one's own may be given."""
    said = (
        "the cache is never invalidated",
        "the loop variable shadows the builtin",
        "the cache is never invalidated after a write, so reads are stale",
        "reads are stale after a write because nobody invalidates the cache",
    )
    verdict = most_similar()(tally(*said))
    assert verdict.choice == said[2]
    assert [count.weight for count in verdict.counts] == sorted(
        (c.weight for c in verdict.counts), reverse=True
    )
    by_length = most_similar(measure=lambda one, other: -abs(len(one) - len(other)))
    assert by_length(tally("aa", "a", "aaaaaaaa", "aaa")).choice == "aa"
    assert most_similar()(tally("alone")).counts[0].weight == 1


def test_the_first_valid_answer_is_the_earliest_voters() -> None:
    """Whoever answers first by the clock."""
    verdict = first_valid()(tally(None, "second", "third", "second"))
    assert (verdict.choice, str(verdict.support), verdict.failed) == ("second", "2/3", 1)


async def test_first_valid_asks_one_after_another() -> None:
    """A chain of fallbacks: the second voter is asked because the first gives no valid answer."""
    asked: list[str] = []

    def voter(name: str, answer: str) -> Any:
        def vote(question: str) -> str:
            asked.append(name)
            return answer

        return vote

    voters = {"a": voter("a", "garbage"), "b": voter("b", "yes"), "c": voter("c", "no")}
    out = await create_voting(voters=voters, choices=["yes", "no"], rule="first_valid").ainvoke(
        {"question": "?"}
    )
    assert (out["verdict"].choice, asked, out["verdict"].abstained) == ("yes", ["a", "b"], 1)


# numbers


def test_a_trimmed_mean_drops_its_tails() -> None:
    """A fifth at either end, rounded down; of few numbers nothing is dropped."""
    assert trimmed_mean()(tally(1, 2, 3, 4, 1000)).choice == 3
    assert trimmed_mean()(tally(1, 2, 6)).choice == 3
    assert trimmed_mean(0)(tally(1, 2, 6, 7)).choice == 4
    assert trimmed_mean(0.4)(tally(*range(10))).choice == 4.5
    for wrong in (-0.1, 0.5, 1):
        with pytest.raises(UsageError, match=r"from 0 to below 0\.5"):
            trimmed_mean(wrong)


def test_intervals_say_how_sure_a_number_is() -> None:
    """The sign test's for the median; Student's for a plain mean; half of all for the mode."""
    held = median()(tally(*range(1, 11))).interval
    assert held is not None
    assert [held.low, held.high, held.level] == pytest.approx([2, 9, 1 - 22 / 1024])
    assert median()(tally(1, 2, 3, 4, 5)).interval is None
    mean = trimmed_mean(0)(tally(1, 2, 3, 4, 5)).interval
    assert mean is not None
    reach = 2.776445 * math.sqrt(2.5 / 5)
    assert [mean.low, mean.high, mean.level] == pytest.approx([3 - reach, 3 + reach, 0.95])
    assert trimmed_mean()(tally(7)).interval is None
    densest = mode()(tally(3, 3, 4, 9, 20, 3)).interval
    assert densest is not None
    assert (densest.low, densest.high, densest.level) == (3, 3, 0.5)
    assert trimmed_mean()(tally(10**400, 10**400)).interval is None


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (7, 2.3646), (30, 2.0423), (1000, 1.9623)],
)
def test_students_t_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    """Odd and even degrees of freedom."""
    assert student_t(freedom) == pytest.approx(quantile, abs=1e-4)


# Dawid and Skene


def test_dawid_skene_finds_out_whom_to_trust() -> None:
    """Two voters who guess agree now and then; three who know outweigh them."""
    votes: list[dict[str, JsonValue]] = []
    for i in range(60):
        truth = "ab"[i % 2]
        guess = "ab"[(i // 2) % 2]
        votes.append({"k1": truth, "k2": truth if i % 9 else guess, "k3": truth, "g1": guess, "g2": guess})
    fitted = fit_dawid_skene(votes)
    assert fitted.answers() == [vote["k1"] for vote in votes]
    verdict = fitted.rule()(
        Tally.of(
            Ballot(voter=voter, order=i, status="cast", choice=choice)
            for i, (voter, choice) in enumerate({"k1": "a", "g1": "b", "g2": "b", "new": "b"}.items())
        )
    )
    assert (verdict.choice, verdict.cast, verdict.abstained) == ("a", 3, 1)
    assert verdict.confidence is not None
    assert verdict.confidence > 0.9


def test_dawid_skene_needs_ballots_and_few_choices() -> None:
    """An empty history and open answers are errors with a way out; a question without ballots is none."""
    with pytest.raises(UsageError, match="iterations is 0"):
        fit_dawid_skene([{"a": "x"}], iterations=0)
    with pytest.raises(UsageError, match="nothing to fit"):
        fit_dawid_skene([{"a": None}])
    with pytest.raises(UsageError, match=r"hold 101 choices; .* at most 100"):
        fit_dawid_skene([{"a": i} for i in range(101)])
    assert fit_dawid_skene([{"a": "x"}, {"a": None}]).answers() == ["x", None]


# as text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("borda", borda()),
        ("threshold(0.7)", as_rule("threshold(share=0.7)")),
        ("trimmed_mean(0.1)", trimmed_mean(0.1)),
        ("schulze(candidates=['a', 'b'], ties='none')", schulze(candidates=["a", "b"], ties="none")),
    ],
)
def test_rules_are_read_from_text(text: str, rule: Rule) -> None:
    """With literals as arguments."""
    assert as_rule(text) == rule


@pytest.mark.parametrize("text", ["threshold", "borda(", "open('x')", "majority()()", "majority(3)", "", "1"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    """And nothing in it is executed."""
    with pytest.raises(UnknownRule, match="is not a rule; choose one of approval, borda"):
        as_rule(text)
