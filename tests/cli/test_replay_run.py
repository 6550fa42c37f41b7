"""`langgraph-parallel replay` of a recorded run."""

import gzip
import json
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.recording import Replayed, replay, write_record
from tests.support.timed_records import vote


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The record of a vote of five."""
    file = tmp_path / "run.json"
    write_record(vote(["no", "no", "yes", "yes", "yes"], [0.1, 0.2, 0.3, 0.2, 0.1]), file)
    return file


def test_it_says_before_and_after(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is that of Python's `replay`."""
    assert run(["replay", str(record), "--set", "voters=3", "--set", "concurrency=1"]) == 0
    said = capsys.readouterr().out
    assert said == f"{replay(record, voters=3, concurrency=1)}\n"
    assert "'yes' (decided) -> 'no' (decided)" in said


def test_a_record_may_be_compressed(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As files of votes may; one that is cut off is told of."""
    compressed = record.with_suffix(".json.gz")
    compressed.write_bytes(gzip.compress(record.read_bytes()))
    assert run(["replay", str(compressed), "--set", "voters=3"]) == 0
    assert capsys.readouterr().out == f"{replay(record, voters=3)}\n"
    assert run(["runs", "show", str(compressed)]) == 0
    compressed.write_bytes(compressed.read_bytes()[:-20])
    assert run(["replay", str(compressed), "--set", "voters=3"]) == 2
    assert "cannot be read: Compressed file ended" in capsys.readouterr().err


def test_json_is_the_record_of_the_replay(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read again as a `Replayed`."""
    assert run(["replay", str(record), "--set", "stop=ahead_by(2)", "--format", "json"]) == 0
    assert Replayed.model_validate_json(capsys.readouterr().out) == replay(record, stop="ahead_by(2)")


def test_a_record_over_several_lines_is_one(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody may have formatted it and sorted its keys; nothing is changed here."""
    record.write_text(json.dumps(json.loads(record.read_text()), indent=2, sort_keys=True))
    assert run(["replay", str(record)]) == 0
    assert "nothing changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--voters", "3"], "--voters is for recorded votes"),
        (["--stop", "decided"], "pass what would be otherwise as --set"),
        (["--set", "voters=none"], "voters is 'none'; expected an integer"),
    ],
    ids=["voters", "stop", "no number"],
)
def test_options_of_votes_are_not_for_records(
    record: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """They would be ignored, so they are refused, with what to pass."""
    assert run(["replay", str(record), *options]) == 2
    assert said in capsys.readouterr().err


def test_votes_are_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--set` is for the record of a run, and a file of votes is none."""
    votes = tmp_path / "votes.jsonl"
    votes.write_text('{"samples": ["a", "b"]}\n')
    assert run(["replay", str(votes), "--set", "voters=1"]) == 2
    assert "is not the record of a run" in capsys.readouterr().err
    assert run(["replay", str(votes)]) == 0
