"""Weights of voters, learned from a history of votes."""

import random
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.calibration import FLOOR, Calibration, calibrate
from langgraph_parallel.reducers.votes.rules import weighted


def history(n: int = 200, seed: int = 3) -> list[Any]:
    """Simulate a good voter, a fair one, one that guesses, and one that often fails."""
    chance = random.Random(seed)

    def answer(truth: str, skill: float) -> str:
        return truth if chance.random() < skill else chance.choice("ab")

    return [
        (
            {
                "good": answer(t, 0.8),
                "fair": answer(t, 0.4),
                "guess": answer(t, 0),
                "rare": None if i % 4 else answer(t, 0.5),
            },
            t,
        )
        for i, t in enumerate(chance.choices("ab", k=n))
    ]


def test_weights_are_log_odds_of_being_right() -> None:
    """The greatest first; a voter that is not better than chance gets the floor; failures are not misses."""
    learned = calibrate([({"a": "x", "b": "y"}, "x")] * 8 + [({"a": "y", "b": None}, "x")], sharpness=1)
    assert list(learned.weights) == ["a", "b"]
    assert learned.accuracy == {"a": pytest.approx(9 / 11), "b": pytest.approx(1 / 10)}
    assert learned.weights["a"] == pytest.approx(1.504077)  # log(4.5)
    assert learned.weights["b"] == FLOOR
    assert calibrate([({"a": "x"}, "x")] * 8, choices=5, sharpness=1).weights["a"] == pytest.approx(3.583519)
    sharper = calibrate([({"a": "x"}, "x")] * 8)
    assert sharper.weights["a"] == pytest.approx(2.197225**2)


def test_calibration_says_when_the_best_voter_should_be_asked_alone() -> None:
    """One voter is always right, and three others always agree on another answer."""
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


def test_the_panel_is_graded_by_the_rule_that_it_will_get() -> None:
    """A voter that only one fold has seen gets the least weight there, as it will in the rule."""
    known = [({"good": "x", "fair": "x"}, "x")] * 9
    learned = calibrate([({"good": "x", "rare": "y"}, "x"), *known])
    assert learned.panel_accuracy == 1.0


async def test_learned_weights_decide_and_are_kept_in_a_file(tmp_path: Path) -> None:
    """Weights are saved as JSON, read back, and used as a rule: the heaviest voter is asked first."""
    learned = calibrate(history())
    learned.save(tmp_path / "weights.json")
    loaded = Calibration.load(tmp_path / "weights.json")
    assert (loaded, loaded.rule()) == (learned, weighted(learned.weights, others=learned.weights["guess"]))
    voters: Any = {name: lambda q: "a" for name in ("guess", "fair", "good", "rare")}
    out = await create_voting(voters=voters, rule=loaded.rule()).ainvoke({"question": "?"})
    assert "good" in [ballot.voter for ballot in out["ballots"]]
    assert out["verdict"].not_asked >= 1


def test_an_invalid_history_or_file_is_an_error(tmp_path: Path) -> None:
    """The message says what is wrong, and what to pass."""
    for history in ([{"a": "x"}], [1]):
        with pytest.raises(UsageError, match="must hold pairs: \\(ballots, true answer\\)"):
            calibrate(history)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="None as a true answer; leave out"):
        calibrate([({"a": "x"}, None)])
    with pytest.raises(UsageError, match="the history has no cast ballot"):
        calibrate([({"a": None}, "x")])
    with pytest.raises(UsageError, match="choices is 1; expected an integer of at least 2"):
        calibrate([], choices=1)
    with pytest.raises(UsageError, match="ballots from str; expected a Tally, Ballots, or choices by voter"):
        calibrate([("abc", "x")])  # type: ignore[list-item]
    (tmp_path / "other.json").write_text("{}")
    for name in ("other.json", "missing.json"):
        with pytest.raises(UsageError, match="is not a calibration"):
            Calibration.load(tmp_path / name)
