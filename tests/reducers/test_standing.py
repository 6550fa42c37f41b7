"""A vote in progress: kept up to date ballot by ballot it equals a recount, in any order of arrival."""

import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.votes.rules import (
    Rule,
    as_counting,
    borda,
    decides,
    instant_runoff,
    majority,
    schulze,
    threshold,
    union,
    weighted,
)
from langgraph_parallel.reducers.votes.search import first_number
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.reducers.votes.stops import Stop, likely, no_new_findings, window
from langgraph_parallel.reducers.votes.stops.probabilities import (
    chance_of_greatest_share,
    chance_of_majority,
    chance_to_keep_outcome,
    chance_to_win,
)
from tests.reducers.test_stops import NAMES, STOPS, cast, every_rule, possible_answers
from tests.support import recount
from tests.support.ballots import ballot

MORE_STOPS: list[Stop] = [*STOPS, window(1), window(3), window(5), no_new_findings(1)]


@st.composite
def arrivals(draw: st.DrawFn, rule: Rule, most: int = 9) -> tuple[list[Ballot], list[PendingVoter]]:
    """Draw ballots in the order in which they arrive, and the voters in the order in which they are asked."""
    size = draw(st.integers(1, most))
    answers = possible_answers(rule)
    ballots = [cast(voter, draw(st.sampled_from(answers))) for voter in draw(st.permutations(range(size)))]
    asked = [PendingVoter(f"v{order}", order) for order in draw(st.permutations(range(size)))]
    return ballots, asked


def observed(standing: Standing, rule: Rule) -> dict[str, object]:
    """Return everything that a rule and the stops say of a standing."""
    counting, has_quorum = as_counting(rule), not standing.missing_to_quorum
    return {
        "remaining": list(standing.remaining),
        "heard": standing.heard,
        "support": (standing.amounts, standing.votes, standing.first),
        "top two": standing.top_two(),
        "leads": (standing.leaders.lead, standing.leaders.behind),
        "draws": standing.leader_wins_draws,
        "settled": counting.settled(standing) if has_quorum else None,
        "fewest": counting.fewest(standing),
        "decides": decides(rule, standing),
        "stops": [(str(s), s.fires(standing), s.fewest(standing)) for s in MORE_STOPS],
    }


@every_rule
@settings(max_examples=10, deadline=None)
@given(data=st.data(), ties_matter=st.booleans())
def test_kept_up_to_date_it_equals_a_recount(rule: Rule, data: st.DataObject, ties_matter: bool) -> None:
    """After every ballot, in any order, under every rule, whatever was asked of it before."""
    ballots, asked = data.draw(arrivals(rule))
    kept = Standing(as_counting(rule), asked, ties_matter=ties_matter)
    for number in range(len(ballots) + 1):
        left = [voter for voter in asked if voter.voter not in {b.voter for b in ballots[:number]}]
        again = Standing.of(Tally.of(ballots[:number]), left, as_counting(rule), ties_matter=ties_matter)
        assert observed(kept, rule) == observed(again, rule)
        if number < len(ballots):
            assert kept.hear(ballots[number]) is kept


@every_rule
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_is_kept_is_what_the_definitions_say(rule: Rule, data: st.DataObject) -> None:
    """The leaders, windows and new items of a standing, and whether the verdict would be decided."""
    ballots, asked = data.draw(arrivals(rule, 14))
    standing = Standing(as_counting(rule), asked)
    for number, arrived in enumerate(ballots, 1):
        standing.hear(arrived)
        counted = recount.heard(ballots[:number], as_counting(rule))
        assert standing.heard == counted
        assert standing.top_two() == recount.top_two(counted, by_ballots=True)
        assert (standing.leaders.lead, standing.leaders.behind) == recount.top_two(counted, by_ballots=False)
        for size in (1, 2, 3, 5):
            assert window(size).is_enough(standing) == recount.has_equal_window(counted, size)
            since = recount.ballots_since_new_item(counted)
            assert no_new_findings(size).is_enough(standing) == (since >= size)
        if (decided := decides(rule, standing)) is not None:
            assert decided == rule(Tally.of(ballots[:number])).decided


@pytest.mark.parametrize(
    "rule",
    [kind(candidates=NAMES) for kind in (borda, instant_runoff, schulze)],
    ids=lambda rule: rule.name,
)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_ranked_winner_is_certain_as_by_all_rounds_and_chains(
    rule: borda | instant_runoff | schulze, data: st.DataObject
) -> None:
    """What is kept of earlier rounds, and not looked at while too many ballots are to come, is no change."""
    ballots, asked = data.draw(arrivals(rule, 16))
    standing = Standing(rule, asked)
    for number, arrived in enumerate(ballots, 1):
        standing.hear(arrived)
        counted = recount.heard(ballots[:number], rule)
        to_come = len(ballots) - number
        assert rule.settled(standing) == (not to_come or recount.winner_is_certain(rule, counted, to_come))


def test_a_voter_that_nobody_expected_counts() -> None:
    """A ballot of a voter that was not to come moves windows and rounds as any other does."""
    standing = Standing(majority(), [PendingVoter("v1", 1), PendingVoter("v3", 3)])
    assert not window(2).is_enough(standing)
    for order, choice in [(3, "a"), (0, "b"), (2, "a")]:
        standing.hear(cast(order, choice))
    assert not window(2).is_enough(standing)
    standing.hear(cast(1, "b"))
    assert window(2).is_enough(standing)
    runoff = Standing(instant_runoff(candidates=NAMES), [PendingVoter("v9", 9)])
    for order, ranking in enumerate([["a"], ["a"], ["a"], ["b"], ["b"], ["b"], ["c"]]):
        runoff.hear(cast(order, list(ranking)))
        instant_runoff(candidates=NAMES).settled(runoff)
    for order in range(10, 16):
        runoff.hear(cast(order, ["c", "a"]))
        counted = runoff.heard
        rule = instant_runoff(candidates=NAMES)
        assert rule.settled(runoff) == recount.winner_is_certain(rule, counted, runoff.to_come)


@pytest.mark.parametrize("rule", [majority(), threshold(0.7), union(2)], ids=lambda rule: rule.name)
def test_the_fewest_ballots_are_found_as_by_trying_all(rule: Rule) -> None:
    """The lower bound of a large vote is that of one ballot for the leader after another."""
    chance = random.Random(3)
    for size in (1, 2, 7, 60):
        answers = possible_answers(rule)
        ballots = [cast(order, chance.choice(answers)) for order in range(size)]
        pending = [PendingVoter(f"v{order}", order) for order in range(size, 2 * size)]
        standing = Standing.of(Tally.of(ballots), pending, as_counting(rule))
        fewest = as_counting(rule).fewest(standing)
        for number, voter in enumerate(pending, 1):
            favourite = max(standing.votes, key=standing.votes.__getitem__, default='"a"')
            choice = favourite.strip('"')
            standing.hear(ballot(voter.voter, [choice] if rule.name == "union" else choice, voter.order))
            if number < fewest:
                assert not as_counting(rule).settled(standing)


def test_the_first_number_is_that_of_a_linear_search() -> None:
    """For every place at which the condition may begin to hold, and every limit."""
    for limit in range(14):
        for least in range(-1, 16):
            expected = next((number for number in range(1, limit) if number >= least), limit)
            assert first_number(lambda number, least=least: number >= least, limit) == expected  # type: ignore[misc]


def test_weights_that_are_all_equal_count_as_ballots_do() -> None:
    """A vote in which each weighs two is asked in the waves of one without weights."""
    pending = [PendingVoter(f"v{order}", order) for order in range(9)]
    heavy = Standing(weighted({voter.voter: 2.0 for voter in pending}), pending)
    light = Standing(majority(), pending)
    for order, choice in enumerate("ababba"):
        for standing in (heavy, light):
            standing.hear(cast(order, choice))
        for stop in (s for s in STOPS if "window" not in str(s)):
            assert (stop.fires(heavy), stop.fewest(heavy)) == (stop.fires(light), stop.fewest(light)), stop
        assert heavy.worths.are_equal()


counts = st.integers(0, 60)
chances = st.sampled_from(["0.51", "0.6", "0.8", "0.95", "0.98", "0.999"]).map(Fraction)


@settings(max_examples=100, deadline=None)
@given(counts, counts, counts, counts, chances, st.sampled_from([0, Fraction(1, 2), 1]))
def test_the_sums_of_large_votes_decide_as_the_fractions_do(
    one: int, other: int, to_come: int, others: int, p: Fraction, draw: Fraction
) -> None:
    """The answers in floating point, which only large votes use, are the exact ones."""
    lead, behind = max(one, other), min(one, other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likely, "_SMALL_VOTE", -1)
        draw = Fraction(draw)
        for a, b in ((lead, behind), (behind, lead)):
            assert likely.is_likely_to_win(a, b, to_come, draw, p) == (
                chance_to_win(a, b, to_come, draw) >= p
            )
            assert likely.is_likely_majority(a, b, p) == (chance_of_majority(a, b) >= p)
        cast_ballots = lead + behind + min(others, behind)
        for share in (Fraction(1), Fraction(7, 10), Fraction(1, 2)):
            if cast_ballots:
                exact = chance_to_keep_outcome(lead, behind, cast_ballots, to_come, share) >= p
                said = likely.is_likely_to_stay(lead, behind, cast_ballots, to_come, share, p)
                assert said == exact
        votes = (lead, behind, min(others, behind))
        if lead:
            greatest = chance_of_greatest_share(votes) >= p
            assert likely.is_likely_greatest(votes, float(p)) == greatest


def test_the_sums_are_seldom_in_doubt() -> None:
    """Of the 3,000 places of a vote of 3,000, only a few are computed exactly."""
    exact: Counter[str] = Counter()

    def counted(*arguments: object) -> Fraction:
        exact["asked"] += 1
        return Fraction(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likely, "chance_to_win", counted)
        for heard in range(200, 3_000, 10):
            likely.is_likely_to_win(
                (heard + 30) // 2, (heard - 30) // 2, 3_000 - heard, Fraction(0), Fraction(98, 100)
            )
    assert exact["asked"] <= 2


def test_the_criterion_over_all_choices_holds_for_many_ballots() -> None:
    """With a thousand ballots, two choices give what a fair coin gives, and a tie of two is one half."""
    for lead, behind in ((900, 880), (2_000, 1_900), (5_000, 4_990)):
        two = chance_of_greatest_share((lead, behind, 3))
        assert two == pytest.approx(_coin(lead, behind), abs=1e-6)
    assert chance_of_greatest_share((1_500, 1_500)) == pytest.approx(0.5, abs=1e-9)


def _coin(lead: int, behind: int) -> float:
    """Return the chance of at most `lead` heads of lead + behind + 1 coins, by logarithms."""
    coins = lead + behind + 1
    logs = (
        math.lgamma(coins + 1) - math.lgamma(heads + 1) - math.lgamma(coins - heads + 1) - coins * math.log(2)
        for heads in range(lead + 1)
    )
    return math.fsum(map(math.exp, logs))
