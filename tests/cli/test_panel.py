"""`langgraph-parallel panel`: what a panel is worth, on recorded ballots."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.records import Appraisal


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    """Sixty questions to two good voters and two that guess, with numbers as they were said."""
    chance = random.Random(4)
    lines = [
        {
            "votes": {
                name: "$1,000" if chance.random() < skill else "ERROR"
                for name, skill in (("good", 0.9), ("fair", 0.8), ("coin", 0.5), ("dice", 0.3))
            },
            "gold": "1000",
        }
        for _ in range(60)
    ]
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


READ = ["--normalise", "number"]


def appraised(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Appraisal:
    """Run the command and read its JSON."""
    assert run(["panel", str(path), "--format", "json", *options]) == 0
    return Appraisal.model_validate_json(capsys.readouterr().out)


def test_the_text_names_the_panels_and_the_voters(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the panel is worth, what is predicted of it and of smaller ones, and what each voter adds."""
    assert run(["panel", str(votes), *READ]) == 0
    out = capsys.readouterr().out
    head, worth, *_ = out.splitlines()
    assert head == "60 questions, decided by majority"
    assert worth.startswith("4 voters are worth ")
    assert "The panel is predicted to be right on " in out
    rows = [line.split() for line in out.splitlines()]
    assert ["panel", "voters", "size", "price", "right", "95%"] in rows
    assert ["voter", "right", "price", "asked", "adds", "95%", "adds", "per", "price"] in rows
    assert {"good", "fair", "coin", "dice"} <= {row[0] for row in rows if row}


def test_prices_and_a_budget_choose_a_panel(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A voter beyond the budget is not in the panel, and voters that are not asked are candidates."""
    priced = ["--price", "good=0.5", "--price", "fair=0.1", "--price", "coin=0.1", "--budget", "0.2"]
    found = appraised(votes, capsys, *READ, *priced, "--asked", "good", "--asked", "coin")
    assert found.affordable is not None
    assert "good" not in found.affordable.voters
    assert found.panel.price == pytest.approx(0.6)
    assert [voter.voter for voter in found.voters if not voter.in_panel] == ["fair", "dice"]


def test_without_gold_the_text_says_that_it_is_agreement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The columns say it, too."""
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join([json.dumps({"samples": ["a", "a", "b"]})] * 12))
    assert run(["panel", str(path)]) == 0
    out = capsys.readouterr().out
    assert "No true answer is known: this is agreement, not accuracy." in out
    assert "agree" in out.split()
    assert "right  price" not in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--price", "good"], "--price is 'good'; expected VOTER=PRICE"),
        (["--price", "good=much"], "--price is 'good=much'; expected VOTER=PRICE"),
        (["--price", "nobody=1"], "prices has 'nobody', which cast no ballot"),
        (["--asked", "nobody"], "panel has 'nobody', which cast no ballot"),
        (["--rule", "median"], "median"),
    ],
    ids=["no_price", "no_number", "unknown_price", "unknown_voter", "unknown_rule"],
)
def test_wrong_options_are_named(
    votes: Path, capsys: pytest.CaptureFixture[str], options: list[Any], message: str
) -> None:
    """One line, and exit code 2."""
    assert run(["panel", str(votes), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_budget_without_a_panel_is_told(votes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table has no row for it."""
    assert run(["panel", str(votes), *READ, "--budget", "0.5"]) == 0
    assert "No voter is within the budget of 0.5." in capsys.readouterr().out.splitlines()
    assert run(["panel", str(votes), *READ, "--budget", "1"]) == 0
    assert "within the budget" not in capsys.readouterr().out


def test_columns_stay_in_line_whatever_a_voter_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters are made visible before columns are measured."""
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join([json.dumps({"votes": {"\x1b[31mred": "a", "blue": "a"}, "gold": "a"})] * 12))
    assert run(["panel", str(path)]) == 0
    *_, header, one, other = capsys.readouterr().out.splitlines()
    assert {"\\x1b[31mred", "blue"} == {one.split()[0], other.split()[0]}
    assert {line.index("%") for line in (one, other)} == {header.index("right") + 4}
