"""Agreement beyond chance, weights that are learned, and voters who agree too well."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.votes.agreement import (
    agreement,
    fleiss_kappa,
    krippendorff_alpha,
    too_perfect,
)
from langgraph_parallel.reducers.votes.calibration import FLOOR, Calibration, calibrate
from langgraph_parallel.reducers.votes.rules import weighted

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
"""Ten subjects, fourteen raters, five categories: the usual worked example of the kappa."""

KRIPPENDORFF: dict[str, list[Any]] = {
    "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "C": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}
"""Krippendorff's own example: four observers, twelve units, some not seen by all."""


def test_fleiss_kappa_is_that_of_the_worked_example() -> None:
    """0.210, to three digits."""
    units = [[str(j) for j, times in enumerate(row) for _ in range(times)] for row in FLEISS]
    assert fleiss_kappa(units) == pytest.approx(0.2099, abs=1e-4)


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_alpha_is_that_of_his_example(level: Any, alpha: float) -> None:
    """At each level of measurement."""
    units = [[held[i] for held in KRIPPENDORFF.values() if held[i] is not None] for i in range(12)]
    assert krippendorff_alpha(units, level) == pytest.approx(alpha, abs=1e-3)
    batch = [{voter: held[i] for voter, held in KRIPPENDORFF.items()} for i in range(12)]
    found = agreement(batch, level=level)
    assert found.krippendorff_alpha == pytest.approx(alpha, abs=1e-3)
    assert (found.questions, found.ballots, found.fleiss_kappa) == (11, 40, None)


def test_where_there_is_nothing_to_compare_there_is_no_agreement() -> None:
    """Nobody, one voter, one answer only: undefined, not perfect."""
    for batch in ([], [{"a": "x"}], [{"a": "x", "b": None}]):
        found = agreement(batch)
        assert (found.observed, found.fleiss_kappa, found.krippendorff_alpha) == (None, None, None)
    same = agreement([{"a": "x", "b": "x"}])
    assert (same.observed, same.fleiss_kappa, same.krippendorff_alpha) == (1.0, None, None)
    with pytest.raises(UsageError, match="choose nominal, ordinal or interval"):
        agreement([], level="ratio")  # type: ignore[arg-type]


@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=3), min_size=1, max_size=6), st.integers()
)
def test_agreement_does_not_depend_on_order(units: list[list[str]], seed: int) -> None:
    """Of questions or of voters; and it is 1 at most."""
    chance = random.Random(seed)
    shuffled = [chance.sample(unit, 3) for unit in chance.sample(units, len(units))]
    assert fleiss_kappa(units) == fleiss_kappa(shuffled)
    assert krippendorff_alpha(units) == krippendorff_alpha(shuffled)
    assert (fleiss_kappa(units) or 0) <= 1
    assert (krippendorff_alpha(units) or 0) <= 1


def test_failures_neither_agree_nor_disagree() -> None:
    """Only ballots that are cast are compared."""
    failed = Ballot(voter="c", order=2, status="failed", choice="x")
    cast = [Ballot(voter=v, order=i, status="cast", choice="x") for i, v in enumerate("ab")]
    assert agreement([[*cast, failed]]).ballots == 2


# too perfect


def test_equal_reasons_are_one_voter_counted_twice() -> None:
    """Word for word the same rationale is no second opinion."""
    reason = "Because the sum of the digits is divisible by three."
    ballots = [Ballot(voter=f"v{i}", order=i, status="cast", choice="x", rationale=reason) for i in range(2)]
    [warning] = too_perfect([Tally.of(ballots)])
    assert "voters v0, v1 gave the same reasons word for word" in warning
    assert too_perfect([Tally.of([b.model_copy(update={"rationale": "short"}) for b in ballots])]) == []


def test_voters_who_never_differ_while_others_do_are_named() -> None:
    """In ten questions and more; in fewer it may be chance."""
    batch: list[dict[str, Any]] = [{"a": i % 3, "b": i % 3, "c": i % 2} for i in range(10)]
    [warning] = agreement(batch).warnings
    assert "voters a, b have never differed in 10 questions" in warning
    assert agreement(batch[:9]).warnings == []


async def test_a_verdict_warns_of_voters_that_are_one(model: str, server: Any) -> None:
    """The same model and prompt at temperature 0, of one mind; at another temperature there is no warning."""
    from tests.support.server import Reply

    server.always(Reply(json={"rationale": "", "choice": "yes"}))
    out = await create_voting(model=model, temperatures=[0]).ainvoke(QUESTION)
    assert out["verdict"].agreement == 1
    assert "voters #1, #2 ask the same model the same at temperature 0" in out["verdict"].warnings[0]
    out = await create_voting(model=model, temperatures=[0.7]).ainvoke(QUESTION)
    assert out["verdict"].warnings == []


async def test_every_verdict_says_how_far_voters_agree() -> None:
    """The share of pairs that do; nobody to compare with is no agreement."""
    voters: Any = {"a": lambda q: "x", "b": lambda q: "x", "c": lambda q: "y"}
    out = await create_voting(voters=voters, stop="all_votes").ainvoke(QUESTION)
    assert out["verdict"].agreement == pytest.approx(1 / 3)
    assert (await create_voting(voters=[lambda q: 1]).ainvoke(QUESTION))["verdict"].agreement is None


# calibration


def history(n: int = 200, seed: int = 3) -> list[Any]:
    """A good voter, a fair one, one that guesses, and one that often fails."""
    chance = random.Random(seed)

    def says(truth: str, able: float) -> str:
        return truth if chance.random() < able else chance.choice("ab")

    return [
        (
            {
                "good": says(t, 0.8),
                "fair": says(t, 0.4),
                "guess": says(t, 0),
                "rare": None if i % 4 else says(t, 0.5),
            },
            t,
        )
        for i, t in enumerate(chance.choices("ab", k=n))
    ]


def test_weights_are_log_odds_of_being_right() -> None:
    """The best first; a voter no better than chance keeps the floor; failures are no misses."""
    held = calibrate([({"a": "x", "b": "y"}, "x")] * 8 + [({"a": "y", "b": None}, "x")], sharpness=1)
    assert list(held.weights) == ["a", "b"]
    assert held.accuracy == {"a": pytest.approx(9 / 11), "b": pytest.approx(1 / 10)}
    assert held.weights["a"] == pytest.approx(1.504077)  # log(4.5)
    assert held.weights["b"] == FLOOR
    assert calibrate([({"a": "x"}, "x")] * 8, choices=5, sharpness=1).weights["a"] == pytest.approx(3.583519)
    sharper = calibrate([({"a": "x"}, "x")] * 8)
    assert sharper.weights["a"] == pytest.approx(2.197225**2)


def test_calibration_says_when_the_best_voter_should_be_asked_alone() -> None:
    """A voter that is always right, among three who always agree on something else."""
    alone = calibrate(
        [({"oracle": "x", "p": "y", "q": "y", "r": "y"}, "x")] * 6 + [({"oracle": "x"}, "x")] * 4
    )
    assert (alone.best, alone.best_accuracy) == ("oracle", 1.0)
    together = calibrate(history())
    assert not together.best_alone
    assert "The weighted panel" in together.advice
    worse = together.model_copy(update={"panel_accuracy": 0.5})
    assert worse.best_alone
    assert worse.advice.startswith("good alone is right more often")


def test_the_panel_is_graded_by_the_rule_that_it_will_have() -> None:
    """A voter that only one fold has seen weighs as little as any there, too: the rare one cannot outvote."""
    known = [({"good": "x", "fair": "x"}, "x")] * 9
    held = calibrate([({"good": "x", "rare": "y"}, "x"), *known])
    assert held.panel_accuracy == 1.0


async def test_learned_weights_decide_and_are_kept_in_a_file(tmp_path: Path) -> None:
    """Saved as JSON, read back, and used as a rule: the heaviest voter is asked first."""
    learned = calibrate(history())
    learned.save(tmp_path / "weights.json")
    again = Calibration.load(tmp_path / "weights.json")
    assert (again, again.rule()) == (learned, weighted(learned.weights, others=learned.weights["guess"]))
    voters: Any = {name: lambda q: "a" for name in ("guess", "fair", "good", "rare")}
    out = await create_voting(voters=voters, rule=again.rule()).ainvoke(QUESTION)
    assert "good" in [ballot.voter for ballot in out["ballots"]]
    assert out["verdict"].not_asked >= 1


def test_what_is_no_history_or_no_file_is_an_error(tmp_path: Path) -> None:
    """With what is wrong and what to pass."""
    with pytest.raises(UsageError, match="something else than pairs of ballots and their truth"):
        calibrate([{"a": "x"}])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="a truth of None, which stands for no answer"):
        calibrate([({"a": "x"}, None)])
    with pytest.raises(UsageError, match="nothing to learn from"):
        calibrate([({"a": None}, "x")])
    with pytest.raises(UsageError, match="pass at least 2 choices"):
        calibrate([], choices=1)
    with pytest.raises(UsageError, match="str holds no ballots; pass a Tally, Ballots, or choices by voter"):
        calibrate([("abc", "x")])  # type: ignore[list-item]
    (tmp_path / "other.json").write_text("{}")
    for name in ("other.json", "missing.json"):
        with pytest.raises(UsageError, match="is no calibration"):
            Calibration.load(tmp_path / name)
