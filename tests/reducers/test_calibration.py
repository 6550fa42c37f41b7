"""Weights of voters, learned from a history of votes."""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes import calibration
from langgraph_parallel.reducers.votes.calibration import FLOOR, Calibration, calibrate
from langgraph_parallel.reducers.votes.counting import as_tally
from langgraph_parallel.reducers.votes.learning import Blend, Weighting, learn_blend
from langgraph_parallel.reducers.votes.rules import weighted
from langgraph_parallel.reducers.votes.track_record import grade_history


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
    sharper = calibrate([({"a": "x"}, "x")] * 8, sharpness=2)
    assert sharper.weights["a"] == pytest.approx(2.197225**2)


def test_calibration_says_when_the_best_voter_should_be_asked_alone() -> None:
    """One voter is always right, and three others always agree on another answer."""
    votes: list[Any] = [({"oracle": "x", "p": "y", "q": "y", "r": "y"}, "x")] * 6
    alone = calibrate(votes + [({"oracle": "x"}, "x")] * 4)
    assert (alone.best, alone.best_accuracy, alone.majority_accuracy) == ("oracle", 1.0, 0.4)
    together = calibrate(history())
    assert not together.best_alone
    unclear = together.model_copy(update={"panel_accuracy": 0.9, "best_accuracy": 0.91})
    assert "(90.0%) is not clearly worse than good, which looks best on the same 200" in unclear.advice
    better = together.model_copy(update={"panel_accuracy": 0.99})
    assert better.advice.startswith("The weighted panel (99.0%) is right at least as often")
    worse = together.model_copy(update={"panel_accuracy": 0.5, "best_alone": True})
    assert worse.advice.startswith("good alone is right more often")


def open_answers(questions: int, skills: Sequence[float], seed: int = 1) -> list[Any]:
    """Simulate voters that err independently, each with one of a hundred wrong answers."""
    chance = random.Random(seed)
    return [
        (
            {
                f"v{i}": "right" if chance.random() < skill else f"wrong {chance.randrange(100)}"
                for i, skill in enumerate(skills)
            },
            "right",
        )
        for _ in range(questions)
    ]


def share_right(learned: Calibration, votes: list[Any]) -> float:
    """Return the share of votes that the learned rule answers right."""
    rule = learned.rule()
    return fmean(rule(as_tally(ballots)).choice == truth for ballots, truth in votes)


@pytest.mark.parametrize("labels", [50, 200])
def test_weak_voters_count_where_wrong_answers_scatter(labels: int) -> None:
    """Two voters that agree are right, however weak: exponent 2 lets the only one above a half decide."""
    skills = [0.65, 0.45, 0.4, 0.4, 0.35, 0.35, 0.3]
    known, rest = open_answers(labels, skills), open_answers(400, skills, seed=2)
    learned = share_right(calibrate(known), rest)
    assert learned > share_right(calibrate(known, sharpness=2), rest) + 0.15
    assert learned > share_right(calibrate(known, sharpness=1, choices=5), rest)


def test_guessers_among_five_choices_do_not_count() -> None:
    """Learned over all choices: a voter that is right in 45 of 100 is good, and in 20 of 100 it guesses."""
    chance = random.Random(3)

    def answer(skill: float) -> int:
        return 0 if chance.random() < skill else chance.randint(1, 4)

    def votes(number: int) -> list[Any]:
        skills = {"a": 0.5, "b": 0.5, "c": 0.45} | {f"guesser {i}": 0.2 for i in range(9)}
        return [({voter: answer(skill) for voter, skill in skills.items()}, 0) for _ in range(number)]

    known, rest = votes(200), votes(400)
    learned = calibrate(known)
    assert set(list(learned.weights)[:3]) == {"a", "b", "c"}
    assert share_right(learned, rest) > share_right(calibrate(known, choices=2), rest) + 0.05


@pytest.mark.parametrize(("labels", "share"), [(20, 0.71), (50, 0.71), (800, 0.91)])
def test_the_best_voter_leads_the_less_the_more_is_known(labels: int, share: float) -> None:
    """Where no vote tells weightings apart, an equal voter has .7 of the best one's weight at first."""
    learned = calibrate([({"a": "x", "b": "x"}, "x")] * labels)
    assert learned.weights["a"] == pytest.approx(1)
    assert learned.weights["b"] == pytest.approx(share, abs=0.01)


def yes_or_no(seed: int, questions: int = 450) -> list[Any]:
    """Simulate voters of mixed skill, who find the same questions hard and share the only wrong answer."""
    chance = random.Random(seed)
    skills = [chance.gauss(0.8, 1.0) for _ in range(chance.randint(5, 12))]

    def ballots() -> dict[str, bool]:
        hard = chance.gauss(0, 1.5)
        return {f"v{i}": 1 / (1 + math.exp(hard - able)) > chance.random() for i, able in enumerate(skills)}

    return [(ballots(), True) for _ in range(questions)]


def test_no_panel_loses_to_the_voter_that_looks_best() -> None:
    """Where agreement is little evidence, it is outvoted where it pays: thirteen panels, 50 labels each."""
    ahead = []
    for seed in range(13):
        votes = yes_or_no(seed)
        learned, rest = calibrate(votes[:50]), votes[50:]
        ahead.append(share_right(learned, rest) - fmean(ballots[learned.best] for ballots, _ in rest))
    assert min(ahead) >= -0.005
    assert max(ahead) > 0.05


@pytest.mark.parametrize(("labels", "odds"), [(20, 3), (50, 3), (200, 3**0.5)])
def test_another_answer_must_be_several_times_as_likely(labels: int, odds: float) -> None:
    """The lead of the voter that looks best, in odds: less is asked for with more labels."""
    assert learn_blend(grade_history(history(labels))).lead == pytest.approx(math.log(odds))


@pytest.mark.parametrize("seed", range(4))
def test_voters_that_err_together_do_not_outvote_a_better_one(seed: int) -> None:
    """Six copies of one voter against a better one: with 50 labels the better one is followed."""
    chance = random.Random(seed)
    votes: list[Any] = []
    for _ in range(450):
        copied = chance.random() < 0.7
        ballots = {"best": chance.random() < 0.95} | {f"copy {i}": copied for i in range(6)}
        votes.append((ballots, True))
    learned = calibrate(votes[:50])
    assert share_right(learned, votes[50:]) >= sum(vote["best"] for vote, _ in votes[50:]) / 400 - 0.005


def test_the_best_voter_decides_alone_if_the_panel_is_clearly_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """No coalition outvotes it; the others decide where it gives no answer."""
    monkeypatch.setattr(calibration, "learn_blend", lambda *_: Blend({Weighting(2, 0.0): 1.0}))
    outvoted: list[Any] = [({"best": True, "p": False, "q": False, "r": False}, True)] * 10
    learned = calibrate([*outvoted, *[({"best": True, "p": True, "q": True, "r": True}, True)] * 20])
    assert learned.best_alone
    assert "ask it" in learned.advice
    assert learned.weights["best"] > sum(learned.weights.values()) / 2
    rule = learned.rule()
    assert rule(as_tally({"p": False, "q": False, "r": False, "best": True})).choice is True
    assert rule(as_tally({"p": False, "q": False, "r": True, "best": None})).choice is False


def test_a_given_exponent_is_taken_as_it_is() -> None:
    """Nothing is learned then, and nothing falls back: the weights are the powers of log-odds."""
    votes = history()
    first, second = calibrate(votes, sharpness=1), calibrate(votes, sharpness=3)
    assert second.weights == {voter: pytest.approx(weight**3) for voter, weight in first.weights.items()}


@settings(max_examples=20)
@given(
    votes=st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=3), min_size=5, max_size=25),
    names=st.permutations(["x", "y", "z"]),
)
def test_weights_belong_to_what_voters_did_and_not_to_their_names(
    votes: list[list[str]], names: list[str]
) -> None:
    """Other names for the same voters give the same weights, of which the greatest is 1."""
    known: list[Any] = [(dict(zip("xyz", row, strict=True)), "a") for row in votes]
    renamed: list[Any] = [(dict(zip(names, row, strict=True)), "a") for row in votes]
    weights, others = calibrate(known).weights, calibrate(renamed).weights
    assert others == {names["xyz".index(voter)]: weight for voter, weight in weights.items()}
    assert max(weights.values()) == pytest.approx(1)
    assert min(weights.values()) > 0


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """Fields that were added have defaults."""
    learned = calibrate(history())
    added = {"majority_accuracy", "best_alone"}
    (tmp_path / "weights.json").write_text(learned.model_dump_json(exclude=added))
    assert Calibration.load(tmp_path / "weights.json").rule() == learned.rule()


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
