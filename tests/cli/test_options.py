"""Options that several commands share: where statistics go, which server is asked, panels, short forms."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.cli.support import CLEAN, write
from tests.support.server import ModelServer, Reply

COMMANDS: dict[str, list[str]] = {
    "brief": ["brief", "a.md", "--offline"],
    "feedback": ["feedback", "f.csv", "--offline"],
    "moderate": ["moderate", "a.md", "--offline"],
    "research": ["research", "Who wrote it?", "a.md", "--offline"],
    "review": ["review", "a.py", "--offline", "--aspects", "security"],
    "run": ["run", "moderation", "text=@a.md", "--offline"],
}
"""A command line of each command that runs a graph, without a model."""
STATISTICS = "engine run"
"""What only the statistics of these runs say."""


@pytest.fixture(autouse=True)
def files() -> None:
    """A document, a table and a module."""
    write({"a.md": "Ann wrote it in May.\n", "f.csv": "id,text\n1,Great bike!\n", "a.py": CLEAN})


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("options", "in_result", "in_stderr"),
    [
        ([], False, True),
        (["--summary", "stderr"], False, True),
        (["--summary", "none"], False, False),
        (["--summary", "report"], True, False),
        (["--quiet"], False, False),
        (["-q", "--summary", "report"], True, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_statistics_go_where_the_options_say(
    command: Sequence[str],
    options: Sequence[str],
    in_result: bool,
    in_stderr: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--summary` and `--quiet` mean the same in all commands that run a graph, in every format."""
    for format in ("text", "markdown"):
        assert run([*command, *options, "--format", format]) == 0
        out, err = capsys.readouterr()
        assert (STATISTICS in out) is in_result
        assert (STATISTICS in err) is in_stderr
    assert run([*command, *options, "--format", "json"]) == 0
    assert (json.loads(capsys.readouterr().out).get("run") is not None) is in_result


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_quiet_prints_nothing_but_the_result(
    command: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither progress nor statistics are on standard error."""
    assert run([*command, "-q"]) == 0
    out, err = capsys.readouterr()
    assert out.strip()
    assert err == ""


def test_a_table_has_no_place_for_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    """Two options that contradict each other are refused before any work."""
    assert run(["feedback", "f.csv", "--offline", "--format", "csv", "--summary", "report"]) == 2
    assert "--format csv and --summary report exclude each other" in capsys.readouterr().err


def test_an_endpoint_is_asked(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--base-url` wins over the environment, for that command alone, and needs no key."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert run(["vote", "Is it?", "--model", "openai:small", "--base-url", server.url]) == 0
    assert os.environ["OPENAI_BASE_URL"] == "http://127.0.0.1:9/v1"
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert run(["vote", "Is it?", "-m", "openai:small", "--base-url", server.url]) == 0
    assert "OPENAI_BASE_URL" not in os.environ
    assert {request.body["model"] for request in server.requests} == {"small"}


def test_an_endpoint_is_for_models_of_openai(capsys: pytest.CaptureFixture[str]) -> None:
    """Another provider would not ask it, so the combination is refused."""
    assert run(["vote", "x", "--base-url", "http://127.0.0.1:9/v1", "-m", "anthropic:claude-haiku-4-5"]) == 2
    assert "--base-url is for models of openai" in capsys.readouterr().err


def test_a_resumed_review_asks_the_endpoint_of_the_run(
    server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The endpoint is kept with the run; one that is given now wins."""
    server.on("", Reply(status=401), times=100)
    run(
        [
            "review",
            "a.py",
            "--no-engines",
            "-m",
            "openai:small",
            "--base-url",
            server.url,
            "--aspects",
            "style",
        ]
    )
    (kept,) = RunStore().all()
    reset_limits()  # the failures would let the server rest
    before = len(server.requests)
    run(["review", "--resume", kept.id])
    assert len(server.requests) > before
    with ModelServer() as other:
        reset_limits()
        run(["review", "--resume", kept.id, "--base-url", other.url])
        assert other.requests


def test_a_panel_of_several_models_votes(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each `--model` has a voter; with more voters, the models take turns."""
    command = ["vote", "Is it?", "-m", "openai:first", "-m", "openai:second", "--stop", "all_votes", "-q"]
    assert run(command) == 0
    assert sorted(request.body["model"] for request in server.requests) == ["first", "second"]
    server.requests.clear()
    assert run([*command, "-n", "4"]) == 0
    assert sorted(request.body["model"] for request in server.requests) == [
        "first",
        "first",
        "second",
        "second",
    ]
    server.requests.clear()
    assert run(["vote", "Is it?", "-m", "openai:one", "--stop", "all_votes", "-q"]) == 0
    assert len(server.requests) == 3


def test_short_forms_are_the_long_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """`-f`, `-o`, `-q` and `-j` do what `--format`, `--output`, `--quiet` and `--concurrency` do."""
    assert run(["moderate", "a.md", "--offline", "-f", "json", "-o", "out.json", "-q", "-j", "2"]) == 0
    assert capsys.readouterr() == ("", "")
    with open("out.json", encoding="utf-8") as file:
        assert json.load(file)["status"]


def test_an_estimate_is_text_or_json(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The expected and the greatest cost, without any call."""
    command = ["run", "voting", "question=Is it?", "--model", "openai:gpt-5-mini", "--estimate"]
    assert run(command) == 0
    out = capsys.readouterr().out
    assert "requests if all are repeated" in out
    assert "Expected: 2 calls, about $" in out
    assert run([*command, "--format", "json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["calls"] == 3
    assert fields["expected_calls"] == 2
    assert 0 < fields["expected_usd"] < fields["usd"]
    assert fields["best_lever"] in fields["savings"]
    assert not server.requests


@pytest.mark.parametrize(
    "command",
    [
        ["vote", "Is it?"],
        ["brief", "a.md"],
        ["moderate", "a.md"],
        ["feedback", "a.md"],
        ["research", "Is it?", "a.md"],
        ["run", "voting", "Is it?"],
        ["review", "a.py"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_asks_models_estimates(
    command: list[str], model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--estimate`, as text or JSON, to standard output or a file; `--samples` is a limit of each."""
    command = [*command, "--model", "openai:gpt-5-mini", "--estimate"]
    assert run([*command, "--samples", "off"]) == 0
    assert "requests if all are repeated" in capsys.readouterr().out
    assert run([*command, "-f", "json", "-o", "estimate.json"]) == 0
    assert json.loads(Path("estimate.json").read_text(encoding="utf-8"))["calls"] > 0
    assert run([*command, "--samples", "sometimes"]) == 2
    assert "--samples is sometimes; expected" in capsys.readouterr().err
    assert not server.requests


def test_an_estimate_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor has it the form of a report."""
    for command, format in (("feedback", "csv"), ("review", "sarif")):
        assert run([command, "a.md", "--estimate", "--format", format]) == 2
        err = capsys.readouterr().err
        assert all(option in err for option in ("--estimate", f"--format {format}", "exclude each other"))


def test_answers_are_kept_by_options(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--cache` in the default place, `--cache-file` in a file, and `--no-cache` nowhere."""
    folder = Path("caches").absolute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    server.always(Reply(json={"choice": "yes", "reason": "r"}))
    command = ["vote", "Is it?", "--choices", "yes,no", "--model", model]
    for options in (["--cache"], ["--cache-file", "own.sqlite"]):
        before = len(server.requests)
        assert run([*command, *options]) == 0
        asked = len(server.requests)
        assert asked > before
        assert run([*command, *options]) == 0
        assert len(server.requests) == asked
        assert "came from the cache of answers" in capsys.readouterr().err
    assert (folder / "langgraph-parallel" / "answers.sqlite").exists()
    assert Path("own.sqlite").exists()
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", "own.sqlite")
    assert run([*command, "--no-cache"]) == 0
    assert len(server.requests) > asked
    assert os.environ["LANGGRAPH_PARALLEL_CACHE"] == "own.sqlite"
    assert run([*command, "--no-cache", "--cache-file", "own.sqlite"]) == 2
    assert "exclude each other" in capsys.readouterr().err


@pytest.mark.parametrize("trouble", ["root", "folder", "text", "below a file"])
def test_a_file_that_keeps_nothing_is_refused(
    trouble: str, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any call, with what to do; what is there stays as it is."""
    Path("notes.txt").write_text("mine")
    Path("notes.txt").chmod(0o644)
    Path("folder").mkdir()
    files = {"root": "/", "folder": "folder", "text": "notes.txt", "below a file": "notes.txt/a.sqlite"}
    command = ["vote", "Is it?", "--choices", "yes,no", "--model", model, "--cache-file", files[trouble]]
    assert run(command) == 2
    told = capsys.readouterr().err
    assert f"--cache-file {files[trouble]} cannot be used: " in told
    assert "; name " in told
    assert not server.requests
    assert (Path("notes.txt").read_text(), Path("notes.txt").stat().st_mode & 0o777) == ("mine", 0o644)


def test_a_word_that_is_no_switch_is_refused(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment: no file of that name is made."""
    command = ["vote", "Is it?", "--choices", "yes,no", "--model", model]
    server.always(Reply(json={"choice": "yes", "reason": "r"}))
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", "none")
    assert run(command) == 2
    assert "LANGGRAPH_PARALLEL_CACHE='none': write on, off, or a file" in capsys.readouterr().err
    assert not server.requests
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", "off")
    assert run(command) == 0
    assert {"none", "off"}.isdisjoint(path.name for path in Path().iterdir())


def test_quiet_leaves_what_a_person_has_to_know(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That answers are not kept is said with `-q`, too, and nothing else."""
    Path("a.sqlite").mkdir()
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", "a.sqlite")
    server.always(Reply(json={"choice": "yes", "reason": "r"}))
    assert run(["vote", "Is it?", "--choices", "yes,no", "--model", model, "-q"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: answers are not kept in ")


def test_no_cache_wins_over_a_graph_with_one(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph of the user's that names a cache keeps and reads nothing with `--no-cache`."""
    monkeypatch.syspath_prepend(Path.cwd())
    Path("mine_kept.py").write_text(
        "from langgraph_parallel import create_voting\n"
        f"graph = create_voting(model={model!r}, choices=['yes', 'no'], voters=1, cache='./mine.sqlite')\n"
    )
    server.always(Reply(json={"choice": "yes", "reason": "r"}))
    command = ["run", "mine_kept:graph", "Is it?"]
    for options, asked in (["--no-cache"], 1), (["--no-cache"], 2), ([], 3), ([], 3), (["--no-cache"], 4):
        assert run([*command, *options]) == 0
        assert len(server.requests) == asked
