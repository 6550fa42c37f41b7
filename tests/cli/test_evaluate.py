"""The command `evaluate`: from a file to a recommendation, going on, its plot, and what it refuses."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.evaluation.plot import frontier_svg
from langgraph_parallel.evaluation.result import Evaluation, VariantResult
from tests.cli.support import write

ITEMS = "".join(f'{{"id": "q{n}", "question": "Is {n} odd?", "gold": "{n % 2 == 1}"}}\n' for n in range(200))
CODE = """
import random


def guesses(question: str) -> bool:
    return random.Random(question).random() < 0.5


def knows(question: str) -> bool:
    return int(question.split()[1]) % 2 == 1


def same(answer, expected) -> bool:
    return str(answer) == expected
"""
CONFIG = """
dataset = "items.jsonl"
key = "id"
expected = "gold"
scorer = "answering:same"
store = "kept.sqlite"

[limits]
concurrency = 4

[variants.guesses]
graph = "answering:guesses"

[variants."knows <it>"]
graph = "answering:knows"
"""


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of an evaluation that knows after a few dozen items."""
    write({"items.jsonl": ITEMS, "answering.py": CODE, "evaluation.toml": CONFIG.replace(" <it>", "")})
    monkeypatch.delitem(sys.modules, "answering", raising=False)
    return "evaluation.toml"


def test_it_recommends_and_draws_and_goes_on(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Progress on standard error, the result on standard output, the plot in its file."""
    assert run(["evaluate", config, "--plot", "frontier.svg"]) == 0
    told = capsys.readouterr()
    assert "Recommended: knows, better than guesses, by +" in told.out
    assert "stopped, because it is known" in told.out
    assert "32 of 200 items: knows" in told.err
    assert ET.parse("frontier.svg").getroot().tag.endswith("svg")
    Path("answering.py").write_text(CODE + "\nraise SystemExit\n")  # it is not imported again
    assert run(["evaluate", config, "-q", "--format", "json", "--output", "found.json"]) == 0
    assert capsys.readouterr().err == ""
    found = json.loads(Path("found.json").read_text())
    assert found["recommendation"]["variant"] == "knows"
    assert Evaluation.model_validate(found).variants[0].name == "guesses"


def test_options_win_over_the_file(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Another store, and fewer items."""
    assert (
        run(["evaluate", config, "--store", "other.sqlite", "--limit", "8", "-q", "--concurrency", "2"]) == 0
    )
    assert "8 of 200 items" in capsys.readouterr().out
    assert Path("other.sqlite").exists()
    assert not Path("kept.sqlite").exists()


def test_without_any_score_it_exits_with_one(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A variant that always fails is told of."""
    Path("answering.py").write_text(CODE.replace(".split()[1]", ".split()[9]"))
    assert run(["evaluate", config, "-q"]) == 1
    assert "knows: none of the first" in capsys.readouterr().out


def test_all_faults_of_the_file_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong names, wrong kinds, and what is missing, in one message."""
    text = 'datset = "a"\nmargin = "x"\nscorer = "exactly"\n[variants.a]\ngrph = "b"\n[limits]\n'
    write({"evaluation.toml": text})
    assert run(["evaluate", "evaluation.toml"]) == 2
    told = capsys.readouterr().err
    for part in [
        "there is no 'datset'; did you mean 'dataset'?",
        "margin is 'x'; expected number",
        "it has no dataset",
        "variants.a has no field 'grph'; did you mean 'graph'?",
        "scorer is 'exactly'",
    ]:
        assert part in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dataset = ", "is not TOML"),
        ('dataset = "items.jsonl"\nvariants = 3', "variants is 3; expected table"),
        (CONFIG.replace("concurrency = 4", "concurrent = 4"), "unknown key 'concurrent'"),
        (CONFIG.replace("items.jsonl", "none.jsonl"), "none.jsonl"),
        (CONFIG.replace("answering:knows", "answering:nothing"), "variant 'knows"),
        (CONFIG.replace(" <it>", "").replace("gold", "golden"), "has no column 'golden'"),
        (CONFIG, "'knows <it>' cannot be the name of a variant"),
    ],
    ids=["syntax", "kind", "limit", "dataset", "graph", "column", "name"],
)
def test_files_that_are_not_valid_are_refused(
    text: str, said: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2, before anything is asked."""
    Path(config).write_text(text.replace(' <it>"]', '"]') if "cannot be" not in said else text)
    assert run(["evaluate", config]) == 2
    assert said in capsys.readouterr().err
    assert not Path("kept.sqlite").exists()


@pytest.mark.parametrize("option", ["--plot", "--output"])
def test_a_file_that_cannot_be_written_is_told_first(
    option: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is asked for a result that would be lost."""
    assert run(["evaluate", config, option, "nowhere/out.svg"]) == 2
    assert f"{option} nowhere/out.svg: there is no folder" in capsys.readouterr().err


def test_names_are_escaped_in_the_plot_and_the_frontier_leaves_out_what_is_dominated() -> None:
    """A plot is opened in a browser; it has a title, a description, and its own colours for the dark."""

    def variant(name: str, score: float, usd: float, **more: Any) -> VariantResult:
        return VariantResult(
            name=name, items=9, score=score, low=score - 0.1, high=score + 0.1, usd=usd, **more
        )

    found = Evaluation(
        scorer="exact",
        level=0.95,
        margin=0.0,
        stops=True,
        items=9,
        of=9,
        variants=[
            variant("<script>", 0.5, 0.001, on_frontier=True),
            variant("dear", 0.4, 0.003),
            variant("best & last", 0.7, 0.002, on_frontier=True),
        ],
        comparisons=[],
        recommendation=None,
        reason="known",
        calls=3,
        tokens=3,
        usd=0.1,
        seconds=1.0,
    )
    svg = frontier_svg(found)
    assert "<script>" not in svg
    assert "prefers-color-scheme: dark" in svg
    root = ET.fromstring(svg)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"<script> 50.0%", "dear 40.0%", "best & last 70.0%", "US dollars for an item"} <= {*texts}
    line = next(element for element in root.iter() if element.tag.endswith("polyline"))
    assert len(line.attrib["points"].split()) == 2
    assert not re.search(r"(href|src|url)\s*[=(]", svg)
