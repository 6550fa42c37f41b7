"""Agreement beyond chance, and warnings about voters that agree too well."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Roster, create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.votes.agreement import (
    agreement,
    fleiss_kappa,
    krippendorff_alpha,
    too_perfect,
)
from tests.support.server import ModelServer, Reply

QUESTION = {"question": "?"}

FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
"""Ten subjects, fourteen raters, five categories: the textbook example of the kappa."""

KRIPPENDORFF: dict[str, list[Any]] = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}
"""Krippendorff's own example: four observers, twelve units, some not judged by all."""


def test_fleiss_kappa_matches_the_textbook_example() -> None:
    """It is 0.210, to three digits."""
    units = [[str(j) for j, times in enumerate(row) for _ in range(times)] for row in FLEISS]
    assert fleiss_kappa(units) == pytest.approx(0.2099, abs=1e-4)


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_alpha_matches_his_example(level: Any, alpha: float) -> None:
    """The alpha matches at each level of measurement."""
    units = [[answers[i] for answers in KRIPPENDORFF.values() if answers[i] is not None] for i in range(12)]
    assert krippendorff_alpha(units, level) == pytest.approx(alpha, abs=1e-3)
    batch = [{voter: answers[i] for voter, answers in KRIPPENDORFF.items()} for i in range(12)]
    measured = agreement(batch, level=level)
    assert measured.krippendorff_alpha == pytest.approx(alpha, abs=1e-3)
    assert (measured.questions, measured.ballots, measured.fleiss_kappa) == (11, 40, None)


def test_agreement_is_undefined_without_ballots_to_compare() -> None:
    """No voters, one voter, or one distinct answer: undefined, not perfect."""
    for batch in ([], [{"a": "x"}], [{"a": "x", "b": None}]):
        measured = agreement(batch)
        assert (measured.observed, measured.fleiss_kappa, measured.krippendorff_alpha) == (None, None, None)
    same = agreement([{"a": "x", "b": "x"}])
    assert (same.observed, same.fleiss_kappa, same.krippendorff_alpha) == (1.0, None, None)
    with pytest.raises(UsageError, match="expected 'nominal' or 'ordinal' or 'interval'"):
        agreement([], level="ratio")  # type: ignore[arg-type]


@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=3), min_size=1, max_size=6), st.integers()
)
def test_agreement_does_not_depend_on_order(units: list[list[str]], seed: int) -> None:
    """The order of questions and of voters does not matter; agreement is at most 1."""
    chance = random.Random(seed)
    shuffled = [chance.sample(unit, 3) for unit in chance.sample(units, len(units))]
    assert fleiss_kappa(units) == fleiss_kappa(shuffled)
    assert krippendorff_alpha(units) == krippendorff_alpha(shuffled)
    assert (fleiss_kappa(units) or 0) <= 1
    assert (krippendorff_alpha(units) or 0) <= 1


def test_failures_neither_agree_nor_disagree() -> None:
    """Only cast ballots are compared."""
    failed = Ballot(voter="c", order=2, status="failed", choice="x")
    cast = [Ballot(voter=v, order=i, status="cast", choice="x") for i, v in enumerate("ab")]
    assert agreement([[*cast, failed]]).ballots == 2


# too perfect


def test_equal_reasons_are_one_voter_counted_twice() -> None:
    """An identical rationale is not a second opinion; a short one may be a coincidence."""
    reason = "Because the sum of the digits is divisible by three."
    ballots = [Ballot(voter=f"v{i}", order=i, status="cast", choice="x", rationale=reason) for i in range(2)]
    [warning] = too_perfect([Tally.of(ballots)])
    assert "voters v0, v1 gave the same reasons word for word" in warning
    assert too_perfect([Tally.of([b.model_copy(update={"rationale": "short"}) for b in ballots])]) == []


def test_voters_that_never_differ_while_others_do_are_named() -> None:
    """The warning needs ten questions; in fewer it may be chance."""
    batch: list[dict[str, Any]] = [{"a": i % 3, "b": i % 3, "c": i % 2} for i in range(10)]
    [warning] = agreement(batch).warnings
    assert "voters a, b have never differed in 10 questions" in warning
    assert agreement(batch[:9]).warnings == []


async def test_a_verdict_warns_of_voters_that_are_one(model: str, server: ModelServer) -> None:
    """The same model and prompt at temperature 0 is one voter; at another temperature there is no warning."""
    server.always(Reply(json={"rationale": "", "choice": "yes"}))
    out = await create_voting(model=model, voters=Roster(temperatures=[0])).ainvoke(QUESTION)
    assert out["verdict"].agreement == 1
    assert (
        "voters #1, #2 send the same prompt to the same model at temperature 0" in out["verdict"].warnings[0]
    )
    out = await create_voting(model=model, voters=Roster(temperatures=[0.7])).ainvoke(QUESTION)
    assert out["verdict"].warnings == []


async def test_every_verdict_states_how_far_voters_agree() -> None:
    """It is the share of pairs that agree; None for a single ballot."""
    voters: Any = {"a": lambda q: "x", "b": lambda q: "x", "c": lambda q: "y"}
    out = await create_voting(voters=voters, stop="all_votes").ainvoke(QUESTION)
    assert out["verdict"].agreement == pytest.approx(1 / 3)
    assert (await create_voting(voters=[lambda q: 1]).ainvoke(QUESTION))["verdict"].agreement is None


@given(
    st.lists(
        st.sampled_from(["", "short", "the same reason, word for word", "another long reason"]), max_size=8
    )
)
def test_the_voters_with_equal_reasons_are_those_of_all_pairs(reasons: list[str]) -> None:
    """Reasons that are long enough and equal are found without comparing all pairs of voters."""
    ballots = [
        Ballot(voter=f"v{i}", order=i, status="cast", choice="yes", rationale=reason)
        for i, reason in enumerate(reasons)
    ]
    copies = [
        one.voter
        for one in ballots
        if len(one.rationale) >= 20
        and any(one.rationale == other.rationale for other in ballots if other is not one)
    ]
    warnings = too_perfect([Tally.of(ballots)])
    assert len(warnings) == bool(copies)
    if copies:
        assert warnings[0].startswith(f"voters {', '.join(copies)} gave the same reasons")


def test_pairs_are_compared_only_where_they_can_tell_something() -> None:
    """Of nine questions no warning follows, so that a vote of very many voters compares no pairs."""
    many = Tally.of(Ballot(voter=f"v{i}", order=i, status="cast", choice="yes") for i in range(3_000))
    assert too_perfect([many]) == []
