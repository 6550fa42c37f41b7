"""Panels: effective votes, predictions, and which voters are worth their price."""

import random
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.panels.answers import Answers
from langgraph_parallel.reducers.votes.panels.appraising import appraise
from langgraph_parallel.reducers.votes.panels.dependence import effective_votes
from langgraph_parallel.reducers.votes.panels.promise import difference, predicted

Hits = Sequence[Sequence[bool]]
"""For each question, who is right."""

hits = st.integers(2, 5).flatmap(
    lambda voters: st.lists(
        st.lists(st.booleans(), min_size=voters, max_size=voters), min_size=10, max_size=30
    )
)


def answers(rows: Hits) -> Answers:
    """Number right answers 0, and all wrong ones 1."""
    return Answers(
        [f"v{i}" for i in range(len(rows[0]))], [[int(not right) for right in row] for row in rows]
    )


def worth(rows: Hits) -> float:
    """Return the effective votes of all voters."""
    return effective_votes(answers(rows), range(len(rows[0]))).worth


def history(rows: Hits) -> list[Any]:
    """Return votes between "yes", which is always true, and "no"."""
    return [({f"v{i}": "yes" if right else "no" for i, right in enumerate(row)}, "yes") for row in rows]


def simulated(skills: Sequence[float], questions: int, seed: int = 1) -> list[Any]:
    """Simulate voters that err independently, one for each skill."""
    chance = random.Random(seed)
    return history([[chance.random() < skill for skill in skills] for _ in range(questions)])


@given(column=st.lists(st.booleans(), min_size=10, max_size=30), voters=st.integers(1, 6))
def test_copies_of_one_voter_are_worth_one(column: list[bool], voters: int) -> None:
    """However many, and whether they ever err or not."""
    assert worth([[right] * voters for right in column]) == pytest.approx(1)


@pytest.mark.parametrize("voters", [1, 2, 3, 5])
@pytest.mark.parametrize("copies", [1, 3])
def test_independent_voters_are_worth_their_number(voters: int, copies: int) -> None:
    """All combinations of right and wrong, each as often: a copy of each voter adds nothing."""
    independent = list(product([True, False], repeat=voters))
    assert worth([row * copies for row in independent]) == pytest.approx(voters)


@given(rows=hits, chance=st.randoms(use_true_random=False))
def test_effective_votes_do_not_depend_on_the_order_of_voters_or_questions(
    rows: list[list[bool]], chance: random.Random
) -> None:
    """They are from 1 to the number of voters, as is their interval, which holds them."""
    order = chance.sample(range(len(rows[0])), len(rows[0]))
    shuffled = [[row[seat] for seat in order] for row in chance.sample(rows, len(rows))]
    found = effective_votes(answers(rows), range(len(order)))
    assert worth(shuffled) == pytest.approx(found.worth)
    assert 1 <= found.interval.low <= found.worth + 1e-9
    assert found.worth - 1e-9 <= found.interval.high <= len(order)


def test_the_interval_of_effective_votes_holds_the_true_number() -> None:
    """Voters that follow a leader half of the time err with a correlation of 1/4: five are worth 2.5."""
    chance, covered = random.Random(5), 0
    for _ in range(100):
        rows = []
        for _ in range(120):
            leader = chance.random() < 0.7
            rows.append([leader if chance.random() < 0.5 else chance.random() < 0.7 for _ in range(5)])
        interval = effective_votes(answers(rows), range(5)).interval
        covered += interval.low <= 5 / (1 + 4 * 0.25) <= interval.high
    assert 90 <= covered <= 99


def test_equal_mistakes_are_counted_by_pairs() -> None:
    """Of three wrong answers two are equal: one pair of three; abstentions make no mistake."""
    rows = [[0, 1, 1, 2], [0, 0, 0, -1], [0, 0, 0, 1]]
    assert effective_votes(Answers("abcd", rows), range(4)).same_mistake == pytest.approx(1 / 3)
    assert effective_votes(Answers("abcd", rows[1:]), range(4)).same_mistake is None


def test_pairs_that_err_alike_are_named() -> None:
    """A copy is the most alike of all."""
    rows = [[*row, row[0]] for row in product([True, False], repeat=3)] * 2
    first, second, *_ = appraise(history(rows)).alike
    assert (first.first, first.second) == ("v0", "v3")
    assert first.correlation == pytest.approx(1)
    assert second.correlation == pytest.approx(0)


def test_voters_that_guess_are_dropped() -> None:
    """Four of seven voters guess; what the rest promises is what it keeps on new questions."""
    skills = [0.8, 0.5, 0.8, 0.5, 0.8, 0.5, 0.5]
    appraisal = appraise(simulated(skills, 400))
    assert set(appraisal.pruned.voters) == {"v0", "v2", "v4"}
    assert appraisal.saved == pytest.approx(4 / 7)
    assert appraisal.pruned.share > appraisal.panel.share
    assert appraisal.pruned.interval.low < 0.896 < appraisal.pruned.interval.high  # 3 of .8 by majority
    assert {voter.voter for voter in appraisal.voters[:3]} == {"v0", "v2", "v4"}


@pytest.mark.parametrize("rule", ["majority", "weighted"])
def test_choosing_does_not_flatter(rule: Literal["majority", "weighted"]) -> None:
    """Among 15 voters that guess some look good; a chosen or weighed panel promises no more than chance."""
    found = [appraise(simulated([0.5] * 15, 50, seed), rule=rule) for seed in range(8)]
    for panels in ([one.pruned for one in found], [one.panel for one in found]):
        assert sum(panel.share for panel in panels) / len(found) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("size", "skill"), [(40, 0.95), (100, 0.8), (400, 0.6)])
def test_predictions_hold_for_as_many_new_questions(size: int, skill: float) -> None:
    """About 95 in 100 batches of new questions are within the interval."""
    chance = random.Random(size)

    def batch() -> list[bool]:
        return [chance.random() < skill for _ in range(size)]

    covered = 0
    for _ in range(400):
        interval = predicted(batch())
        covered += interval.low <= sum(batch()) / size <= interval.high
    assert 0.92 <= covered / 400 <= 0.985


def test_a_difference_is_of_the_same_questions() -> None:
    """Only questions on which one of two is right say something; without any, both signs are possible."""
    value, interval = difference([True] * 60 + [False] * 40, [True] * 40 + [False] * 60)
    assert value == pytest.approx(0.2)
    assert interval.low > 0
    value, interval = difference([True] * 50, [True] * 50)
    assert (value, interval.low < 0 < interval.high) == (0, True)


def test_the_cheaper_of_two_equal_voters_is_kept() -> None:
    """A copy at a tenth of the price takes the place of the original."""
    rows = [[*row, row[0]] for row in product([True, True, True, False], repeat=3)]
    prices = {"v0": 1.0, "v1": 0.1, "v2": 0.1, "v3": 0.1}
    appraisal = appraise(history(rows), prices=prices)
    assert "v0" not in appraisal.pruned.voters
    assert appraisal.pruned.price <= 0.3 + 1e-9


@settings(max_examples=30)
@given(
    rows=hits,
    prices=st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=5, max_size=5),
    budget=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_panels_are_worth_their_price(rows: list[list[bool]], prices: list[float], budget: float) -> None:
    """A dearer choice promises more, the pruned panel costs no more than the panel, and budgets hold."""
    named = {f"v{i}": price for i, price in enumerate(prices[: len(rows[0])])}
    appraisal = appraise(history(rows), prices=named, budget=budget)
    for cheaper, dearer in zip(appraisal.choices, appraisal.choices[1:], strict=False):
        assert cheaper.price <= dearer.price
        assert cheaper.share < dearer.share
    assert appraisal.pruned.price <= appraisal.panel.price
    if appraisal.affordable is None:
        assert all(price > budget for price in named.values())
    else:
        assert appraisal.affordable.price <= budget


def test_voters_outside_of_the_panel_are_candidates() -> None:
    """What they would add is said; a good voter that is only tried replaces a panel that guesses."""
    appraisal = appraise(simulated([0.5, 0.5, 0.95], 200), panel=["v0", "v1"])
    assert appraisal.panel.voters == ["v0", "v1"]
    tried = appraisal.voters[-1]
    assert (tried.voter, tried.in_panel) == ("v2", False)
    assert tried.adds_interval.low > 0
    assert appraisal.pruned.voters == ["v2"]
    assert appraisal.effective.voters == 2


def test_without_true_answers_it_is_agreement_and_says_so() -> None:
    """Voters that copy one another agree perfectly: they are worth one, and one is enough."""
    copies = [({"a": answer, "b": answer, "c": answer}, None) for answer in "abababbaba"]
    appraisal = appraise(copies)
    assert appraisal.basis == "agreement"
    assert appraisal.effective.worth == pytest.approx(1)
    assert (appraisal.pruned.size, appraisal.pruned.share) == (1, 1.0)
    assert "agreement, not accuracy" in str(appraisal)
    assert "accuracy" not in str(appraise([(ballots, "a") for ballots, _ in copies]))


def test_voters_that_agree_by_chance_only_are_worth_their_number() -> None:
    """Without true answers: all combinations of answers, each once."""
    combinations = [({"a": a, "b": b, "c": c}, None) for a, b, c in product("xyz", repeat=3)]
    assert appraise(combinations).effective.worth == pytest.approx(3)


def test_questions_without_a_true_answer_are_left_out_among_others() -> None:
    """They are counted."""
    votes = simulated([0.7, 0.7, 0.7], 30)
    mixed = appraise([*votes, ({"v0": "no"}, None)])
    assert (mixed.basis, mixed.questions, mixed.left_out) == ("accuracy", 30, 1)
    assert mixed.effective == appraise(votes).effective


def test_weights_are_learned_for_each_panel() -> None:
    """Under `weighted` a panel with guessers is as good as without them."""
    votes = simulated([0.9, 0.5, 0.5, 0.5, 0.5], 200)
    by_weight, by_majority = appraise(votes, rule="weighted"), appraise(votes)
    assert by_weight.panel.share > by_majority.panel.share + 0.05
    assert by_weight.pruned.voters[0] == "v0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"panel": ["v9"]}, "panel has 'v9', which cast no ballot; voters are v0, v1"),
        ({"panel": []}, "panel is empty"),
        ({"prices": {"v9": 1}}, "prices has 'v9', which cast no ballot"),
        ({"prices": {"v0": -1}}, "prices\\['v0'\\] is -1; expected a finite number of at least 0"),
        ({"budget": -1}, "budget is -1; expected a finite number of at least 0"),
        ({"tolerance": 2}, "tolerance is 2; expected a share from 0 to 1"),
        ({"rule": "median"}, "rule is 'median'"),
    ],
    ids=["unknown_voter", "empty_panel", "unknown_price", "negative_price", "budget", "tolerance", "rule"],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    """The error names the argument, and what was expected."""
    with pytest.raises(UsageError, match=message):
        appraise(simulated([0.7, 0.7], 20), **options)


def test_a_history_that_says_nothing_is_refused() -> None:
    """Too short, without ballots, of another shape, or without the truth that weights need."""
    with pytest.raises(UsageError, match=r"the history has 9 questions .* at least 10: record more votes"):
        appraise(simulated([0.7, 0.7], 9))
    with pytest.raises(UsageError, match="the history has 0 questions"):
        appraise([({"a": None}, "yes")] * 20)
    with pytest.raises(UsageError, match="must hold pairs"):
        appraise([1])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="needs true answers"):
        appraise([({"a": "x"}, None)] * 10, rule="weighted")


def test_no_voter_adds_more_than_everything() -> None:
    """An interval of shares ends at all questions, on either side."""
    _, interval = difference([True] * 12, [False] * 12)
    assert (interval.low < 1, interval.high) == (True, 1)
    assert difference([False] * 12, [True] * 12)[1].low == -1
