"""`langgraph-parallel replay`: what each stop would have saved, on recorded ballots."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import create_voting
from langgraph_parallel.cli.app import run
from langgraph_parallel.records import Trial
from langgraph_parallel.reducers.votes.replay import add_trials, replay, run_trials
from langgraph_parallel.reducers.votes.rules import majority
from langgraph_parallel.reducers.votes.stops import ahead_by, all_votes, decided
from tests.reducers.test_stops import cast

VOTES = [
    {"samples": ["a", "a", "b", "b", "b"], "gold": "b"},
    {"samples": ["c", "c", "c", "c", "c"], "gold": "c"},
]


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    """Two votes of five voters."""
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join(map(json.dumps, VOTES)) + "\n\n")
    return path


def replayed(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    """Run the command and return the trials by stop."""
    assert run(["replay", str(path), "--format", "json", *options]) == 0
    return {trial["stop"]: trial for trial in json.loads(capsys.readouterr().out)}


def test_the_table_compares_stops_with_the_full_vote(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the recorded order, two ahead is wrong once, and the exact stop never is."""
    assert run(["replay", str(votes), "--orders", "0", "--stop", "decided", "--stop", "ahead_by(2)"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 votes of 5 voters; calls and rounds are means"
    assert [line.split() for line in lines[2:]] == [
        ["stop", "right", "same", "calls", "saved", "rounds"],
        ["all_votes()", "100.00%", "100.00%", "5.00", "0.0%", "1.00"],
        ["decided()", "100.00%", "100.00%", "4.00", "20.0%", "2.00"],
        ["ahead_by(2)", "50.00%", "50.00%", "2.00", "60.0%", "1.00"],
    ]


def test_orders_are_drawn_by_the_seed(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same seed gives the same result, orders add up, and fewer voters can be drawn."""
    first = replayed(votes, capsys, "--orders", "20", "--voters", "3")
    assert first == replayed(votes, capsys, "--orders", "20", "--voters", "3")
    assert first != replayed(votes, capsys, "--orders", "20", "--voters", "3", "--seed", "1")
    assert (first["all_votes()"]["votes"], first["all_votes()"]["voters"]) == (40, 120)
    assert first["decided()"]["same"] == 40
    assert {"confident()", "adaptive(0.95)", "window(3)"} < first.keys()


def test_what_a_vote_returned_can_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`ballots` as the graph returns them, with failures; without the true answer, `right` is None."""
    voters: Any = {"a": lambda q: "x", "b": _fails, "c": lambda q: "x", "d": lambda q: "y"}
    out = create_voting(voters=voters, stop="all_votes").invoke({"question": "?"})
    path = tmp_path / "own.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps({"ballots": [ballot.model_dump() for ballot in out["ballots"]]}))
    trials = replayed(path, capsys, "--orders", "0", "--stop", "decided", "--wave", "1")
    assert (trials["decided()"]["calls"], trials["decided()"]["rounds"]) == (3, 3)
    assert trials["decided()"]["right"] is None
    assert run(["replay", str(path)]) == 0
    assert "right" not in capsys.readouterr().out


def _fails(question: str) -> str:
    raise ValueError("no")


def test_answers_are_normalised_and_may_abstain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--normalise` applies to ballots and to the true answer, `--abstain` marks failures."""
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps({"votes": {"p": "$7", "q": "ERROR", "r": "7.0", "s": None}, "gold": "7"}))
    options = ("--orders", "0", "--stop", "ahead_by(2)")
    assert replayed(path, capsys, *options)["all_votes()"]["right"] == 0
    trials = replayed(path, capsys, *options, "--normalise", "number", "--abstain", "ERROR")
    assert (trials["all_votes()"]["right"], trials["ahead_by(2)"]["calls"]) == (1, 3)


def test_a_normaliser_gives_the_same_in_a_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that is not a finite number abstains, as it would in a vote."""
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps({"samples": ["7", "1e999999", "nothing", "7"]}))
    trials = replayed(path, capsys, "--orders", "0", "--stop", "ahead_by(2)", "--normalise", "number")
    assert trials["ahead_by(2)"]["calls"] == 4


def test_lists_are_replayed_under_union(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The default stops for lists are those that wait for nothing new."""
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps({"samples": [["a"], ["a", "b"], ["b"], [], ["a"]]}))
    trials = replayed(path, capsys, "--orders", "0", "--rule", "union")
    assert (trials["no_new_findings(2)"]["calls"], trials["no_new_findings(2)"]["same"]) == (4, 1)
    assert trials["decided()"]["calls"] == 5


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("not json", [], "line 1: Expecting value"),
        ('{"samples": ["a"]}\n[]', [], "line 2: a vote is an object"),
        ('{"gold": 1}', [], 'needs "ballots", "votes" or "samples"'),
        ('{"ballots": [{"voter": "a"}]}', [], "line 1: Field required"),
        ("", [], "the file is empty; expected one vote per line"),
        ('{"samples": ["a"]}', ["--voters", "2"], "vote 1 has 1 ballot; --voters asks for 2"),
        ('{"samples": ["a"]}', ["--stop", "never"], "'never' is not a stop"),
        ('{"samples": ["a"]}', ["--rule", "most"], "'most' is not a rule"),
        (
            '{"samples": ["a"]}',
            ["--wave", "some"],
            "--wave is some; expected lossless, all, or",
        ),
        ('{"samples": ["a"]}', ["--normalise", "words"], "choose from text, number"),
        ('{"samples": ["a"]}', ["--rule", "median"], "no ballot counts under median"),
        ('{"samples": ["1"], "gold": "x"}', ["--normalise", "number"], "its gold 'x' cannot be normalised"),
        ('{"samples": [1]}', ["--rule", "median", "--stop", "window(2)"], "does not decide by that"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, options: list[str], message: str
) -> None:
    """The line names the line of the file, or the valid values."""
    path = tmp_path / "votes.jsonl"
    path.write_text(content)
    assert run(["replay", str(path), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is missing, or not a gzip file."""
    (tmp_path / "bad.jsonl.gz").write_text("plain")
    for name in ("missing.jsonl", "bad.jsonl.gz"):
        assert run(["replay", str(tmp_path / name)]) == 2
        assert f"{name} cannot be read" in capsys.readouterr().err


def test_a_replay_is_a_vote_as_it_would_have_gone() -> None:
    """Verdict, calls and rounds; a stop that hears all voters is the full vote."""
    ballots = [cast(i, choice) for i, choice in enumerate("aabab")]
    stopped = replay(ballots, majority(), decided())
    assert (stopped.verdict.choice, stopped.calls, stopped.rounds) == ("a", 4, 2)
    full = replay(ballots, majority(), all_votes())
    assert (full.calls, full.rounds, str(full.verdict.support)) == (5, 1, "3/5")


def test_trials_add_up() -> None:
    """By stop; `right` is None if one true answer is unknown; a sum over no vote has saved nothing."""
    ballots = [cast(i, choice) for i, choice in enumerate("aabb")]
    known = run_trials(ballots, majority(), [ahead_by(2), decided()], truth='"a"')
    unknown = run_trials(ballots, majority(), [ahead_by(2)])
    first, second = add_trials([*known, *unknown])
    assert (first.stop, first.votes, first.right) == ("ahead_by(2)", 2, None)
    assert (second.stop, second.right) == ("decided()", 1)
    assert Trial(stop="s", votes=0, voters=0, calls=0, rounds=0, same=0).saved == 0
