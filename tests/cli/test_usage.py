"""Bad usage: one line that names options, exit code 2, and no call."""

import re
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.review import settings
from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.runtime import providers
from tests.cli.support import CLEAN, write
from tests.support.server import ModelServer

CONFLICT = ["--offline", "--model", "openai:x"]
PYTHON = re.compile(r"\w=|\w\(.*\w=|pass \{|True|False|None|--(call-timeout|section-tokens|requests-per)")
"""What a message for the command line must not have: arguments of Python, and names of fields."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["review", "nowhere"], "there is no file or folder nowhere"),
        (["review", "empty"], "nothing to review in empty"),
        (["review", "latin.py"], "cannot review latin.py: not UTF-8 text"),
        (["review", "binary.py"], "cannot review binary.py: binary"),
        (["review", "--aspects", "speed", "a.py"], "--aspects: 'speed' is not an aspect; choose one of"),
        (["review", "--aspects", "", "a.py"], "--aspects has an empty name"),
        (["review", "--aspects", "style,style", "a.py"], "--aspects has 'style' twice"),
        (["review", "--aspects", "missing.md", "a.py"], "cannot read the prompt missing.md"),
        (["review", "--model", "gpt", "a.py"], "--model: 'gpt' is not a model"),
        (["review", "--model", "openai:gpt-5-mini", "a.py"], "no key for openai:gpt-5-mini"),
        (
            ["review", "--model", "xai:x", "a.py"],
            "--model: the provider of 'xai:x' needs langchain: pip install",
        ),
        (["review", "a.py", *CONFLICT], "--offline and --model exclude each other"),
        (["review", "--offline", "--no-engines", "a.py"], "--offline and --no-engines exclude each other"),
        (["review", "--offline", "--reconcile", "a.py"], "--offline and --reconcile exclude each other"),
        (["review", "--no-engines", "a.py"], "--no-engines needs a model: pass --model"),
        (["review", "--reconcile", "a.py"], "--reconcile needs a model: pass --model"),
        (["review", "--voters", "0", "a.py"], "--voters"),
        (["review", "--format", "pdf", "a.py"], "--format"),
        (["review", "--fail-on", "grave", "a.py"], "--fail-on"),
        (["review", "--output", "no/such/folder.txt", "a.py"], "there is no folder no/such"),
        (["review", "--output", ".", "a.py"], "is a folder"),
        (["review", "--also", "a.pdf", "a.py"], "--also a.pdf: expected a name that ends with .txt, "),
        (["review", "--also", "no/a.md", "a.py"], "--also no/a.md: there is no folder no"),
        (["review", "--timeout", "inf", "a.py"], "--timeout is inf; expected a finite number"),
        (["review", "--rpm", "inf", "a.py"], "--rpm is inf; expected a finite number"),
        (["review", "--tpm", "inf", "a.py"], "--tpm is inf; expected a finite number"),
        (["review", "--max-tokens", "100", "a.py"], "--max-tokens"),
        (["review", "--hedge", "0", "a.py"], "--hedge is 0; expected off, p95, or a number of seconds > 0"),
        (["review", "--samples", "9", "a.py"], "--samples is 9; expected 'auto', 'on' or 'off'"),
        (["review", "--completion", "most", "a.py"], "--completion: 'most' is not a completion policy"),
        (["review", "--resume", "x", "a.py"], "--resume uses the code of that run; give no paths"),
        (["review", "--resume", "x", "--estimate"], "--resume and --estimate exclude each other"),
        (["review", "--resume", "x", "--offline"], "--resume and --offline exclude each other"),
        (["review", "--bogus", "a.py"], "--bogus"),
        (["review"], "give files or folders"),
        (["review", "-", "a.py"], "reads a diff from standard input"),
        (["review", "--diff", "HEAD", "a.py"], "cannot compare with 'HEAD'"),
        (["review", "--diff=--output=x", "a.py"], "is not a revision"),
        (["brief", "a.md", *CONFLICT], "--offline and --model exclude each other"),
        (["brief", "a.md", "--deadline", "inf"], "--deadline is inf; expected a finite number"),
        (["brief", "a.md", "--model", "gpt"], "--model: 'gpt' is not a model"),
        (["moderate", "a.md", *CONFLICT], "--offline and --model exclude each other"),
        (["moderate", "a.md", "--checks", "hat"], "--checks: 'hat' is not valid; choose from copyright"),
        (
            ["moderate", "a.md", "--region", "us"],
            "--region: region is 'us'; expected an ISO 3166",
        ),
        (["brief", ""], "a path to brief on is empty; write . for the current folder"),
        (["review", "a.py", ""], "a path to review is empty; write . for the current folder"),
        (["research", "Why?", "", "--offline"], "is empty; write . for the current folder"),
        (["moderate", ""], "the path to moderate is empty; name a file, or - for standard input"),
        (["feedback", ""], "the path to read is empty; name a file, or - for standard input"),
        (["review", "a.py", "-o", "b.json", "--also", "b.json"], "b.json is named before; each report"),
        (["review", "a.py", "--also", "b.md", "--also", "./b.md"], "b.md is named before; each report"),
        (["replay", "nowhere.jsonl"], "nowhere.jsonl cannot be read: No such file or directory"),
        (["moderate", "empty.md"], "cannot moderate empty.md: it has no text"),
        (["feedback", "f.csv", *CONFLICT], "--offline and --model exclude each other"),
        (["feedback", "f.csv", "--dimensions", "x"], "--dimensions: 'x' is not valid; choose from sentiment"),
        (["feedback", "f.csv", "--dimensions", "urgency,urgency"], "--dimensions has 'urgency' twice"),
        (["feedback", "f.csv", "--column", "x"], "has no column 'x'; name one of id, text with --column"),
        (["research", "Why?", "a.md", *CONFLICT], "--offline and --model exclude each other"),
        (["research", "Why?", "a.md", "--max-topics", "0"], "--max-topics"),
        (["research", "Why?", "a.md", "--max-rounds", "0"], "--max-rounds"),
        (["research", "", "a.md"], "QUESTION is empty"),
        (["research", "Why?", "--model", "openai:x"], "research needs documents; give files or folders"),
        (["vote", " "], "QUESTION is empty"),
        (["vote", "x"], "no model: pass --model PROVIDER:MODEL"),
        (["vote", "x", "--voters", "101"], "--voters"),
        (["vote", "x", "--choices", "a,a"], "--choices has 'a' twice"),
        (["vote", "x", "--choices", "a,"], "--choices has an empty name"),
        (["vote", "x", "--rule", "most"], "--rule: 'most' is not a rule"),
        (["vote", "x", "--rule", "median", "--choices", "a,b"], "decides among numbers; leave out --choices"),
        (["vote", "x", "--stop", "never"], "--stop: 'never' is not a stop"),
        (["vote", "x", "--stop", "ahead_by(2)", "--rule", "union"], "--stop: ahead_by(2)"),
        (
            ["vote", "x", "--model", "openai:unpriced", "--budget-usd", "1"],
            "--budget-usd needs a price, and the price of unpriced is not known; set LANGGRAPH_",
        ),
        (["vote", "x", "--trace", "most"], "'most' is not one of 'full', 'branches', 'graph'"),
        (["review", "a.py", "--trace", ""], "'' is not one of 'full', 'branches', 'graph'"),
        (["frobnicate"], "frobnicate"),
        (["vote"], "Missing argument 'QUESTION'"),
        (["vote", "x", "--base-url", "localhost:8000"], "expected http://host/v1 or https://host/v1"),
        (["vote", "x", "--base-url", "http://ann:secret@host/v1"], "without a user, ? or #"),
        (["vote", "x", "--base-url", "http://h/v1", "-m", "acme:x"], "no provider is called 'acme'"),
        (["brief", "a.md", "--offline", "--base-url", "http://h/v1"], "--offline and --base-url exclude"),
        (["review", "a.py", "--offline", "--base-url", "http://h/v1"], "--offline and --base-url exclude"),
        (["vote", "x", "-m", "openai:a", "-m", "openai:b", "-n", "1"], "--voters: the roster has 2 models"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line says what is wrong in terms of the command line, and no model is called."""
    monkeypatch.setattr(providers, "find_spec", lambda name: None)  # langchain is not installed
    write({"a.py": CLEAN, "latin.py": "x = 'é'".encode("latin-1"), "binary.py": b"x\0y"})
    write({"a.md": "text", "empty.md": "\n", "f.csv": "id,text\n1,good\n"})
    Path("empty").mkdir()
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("langgraph-parallel: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not PYTHON.search(err.replace("--output=x", ""))
    assert server.requests == []


def test_a_budget_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the variable that sets the budget, not an option that was not given."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BUDGET_USD", "1")
    assert run(["vote", "x", "--model", "openai:unpriced"]) == 2
    assert "error: LANGGRAPH_PARALLEL_BUDGET_USD needs a price" in capsys.readouterr().err


def test_a_budget_needs_no_price_where_no_model_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a model whose price is unknown, and --offline leaves it out."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", "openai:unpriced")
    write({"a.txt": "Buy now: win a prize!!!", "a.py": CLEAN})
    for arguments in (
        ["moderate", "a.txt"],
        ["brief", "a.txt"],
        ["research", "Why?", "a.txt"],
        ["review", "a.py"],
    ):
        assert run([*arguments, "--offline", "--budget-usd", "1"]) == 0


def test_a_review_without_any_voter_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No engine is installed, and no model is named."""
    write({"a.py": CLEAN})
    monkeypatch.setattr(settings, "installed_engines", list)
    assert run(["review", "a.py"]) == 2
    err = capsys.readouterr().err
    assert "install the static engines (pip install 'langgraph-parallel[offline]'), or pass --model" in err


def test_an_offline_run_is_not_resumed_with_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The conflict is with an option of the earlier command, so the message says so."""
    run_id = RunStore().begin("review a.py", {"offline": True}).id
    assert run(["review", "--resume", run_id, "--model", "openai:x"]) == 2
    assert f"run {run_id} was started with --offline; leave out --model" in capsys.readouterr().err
