"""`--fallback`: models that are asked where one does not answer."""

from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from tests.runtime.test_fallbacks import asked, of
from tests.support.fans import YES
from tests.support.server import ModelServer, Reply

MISSING = Reply(status=404, body={"error": {"message": "The model `a` does not exist", "code": None}})


def test_commands_ask_the_next_model(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option is repeatable, and wins over the environment; the statistics say who answered."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_FALLBACKS", "openai:d")
    server.always(Reply(json=YES))
    server.on(of("a"), MISSING)
    server.on(of("b"), MISSING)
    options = ["--model", "openai:a", "--fallback", "openai:b", "--fallback", "openai:c"]
    assert run(["vote", "Is it?", "--choices", "yes,no", "--voters", "1", *options]) == 0
    assert asked(server) == {"a": 1, "b": 1, "c": 1}
    assert "1 answer is of c in place of a: 404 from" in " ".join(capsys.readouterr().err.split())


def test_a_review_has_fallbacks(
    model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review is judged by the models that have answered."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("print(1)\n")
    server.on(of("a"), MISSING)
    options = ["--model", "openai:a", "--fallback", "openai:b", "--no-engines", "--aspects", "security"]
    assert run(["review", "app.py", *options, "--format", "json", "--output", "out.json"]) == 0
    assert '"judged_by": [\n' in (text := (tmp_path / "out.json").read_text())
    assert '"b"' in text.partition('"judged_by"')[2][:40]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fallback", "b"], "--fallback"),
        (["--fallback", "openai:b", "--offline"], "--offline and --fallback"),
        (
            ["--fallback", "openai:nobody", "--budget-usd", "1", "--model", "openai:gpt-5-mini"],
            "price of nobody",
        ),
    ],
)
def test_bad_fallbacks_are_one_line(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    """They are refused before any call, by the name of the option."""
    assert run(["run", "briefing", "documents={}", *options]) == 2
    assert message in capsys.readouterr().err
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "openai:a", "--fallback", "nope-at-all:x"], "--fallback: 'nope-at-all:x'"),
        (["--model", "openia:a"], "no provider is called 'openia'; did you mean openai?"),
        (["--model", "openai:a", "--fallback", "mistral:x"], "did you mean mistralai?"),
    ],
)
def test_a_provider_that_does_not_exist_is_refused(
    options: list[str], words: str, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any call, with the names that are near."""
    assert run(["vote", "Is it?", "--choices", "yes,no", *options]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not server.requests
