"""The command `map`: from items to rows, going on, failures, and what it refuses."""

import json
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.map.command import shown_command
from langgraph_parallel.cli.map.mappings import parse_inputs, parse_outputs
from langgraph_parallel.errors import UsageError
from tests.cli.support import PATIENCE, started, write
from tests.support.server import Gate, ModelServer, Reply

TABLE = "id,text,n\na,hello,1\nb,good day,2\nc,odd,3\n"
CODE = """
from pathlib import Path


def measure(text: str, n: int) -> dict:
    if n == 3 and not Path("mended").exists():
        raise ValueError(f"no {text}")
    return {"length": len(text), "more": {"twice": 2 * n}}
"""


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> str:
    """A table, and the name of a function of its rows that fails for one of them."""
    write({"items.csv": TABLE, "measures.py": CODE})
    monkeypatch.delitem(sys.modules, "measures", raising=False)
    monkeypatch.setattr(sys, "argv", ["langgraph-parallel", "map", "measures:measure", "items.csv"])
    return "measures:measure"


def rows(path: str = "out.sqlite") -> dict[str, Any]:
    """Return status and length of each row of a sink, by its key."""
    connection = sqlite3.connect(path)
    try:
        return {
            key: (status, length)
            for key, status, length in connection.execute("select key, status, length from rows")
        }
    finally:
        connection.close()


def test_each_item_has_a_row_and_failures_run_again(
    measured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary says what failed and why, and with which command it runs again."""
    command = ["map", measured, "items.csv", "--key", "id", "--sink", "out.sqlite", "--progress", "none"]
    assert run(command) == 0
    err = capsys.readouterr().err
    assert "3 items: 3 run (1 failed)" in err
    assert "Failed: 1 x ValueError: no odd" in err
    assert "Rows: out.sqlite" in err
    assert "--redrive failed" in err.splitlines()[-1]
    assert rows() == {"a": ("ok", 5), "b": ("ok", 8), "c": ("failed", None)}
    Path("mended").touch()
    assert run([*command, "--redrive", "failed"]) == 0
    assert "3 items: 1 run, 2 kept from before" in capsys.readouterr().err
    assert rows()["c"] == ("ok", 3)
    assert run(command) == 0
    assert "3 items: 0 run, 3 kept from before" in capsys.readouterr().err


def test_rows_on_standard_output_are_json_lines(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the first items alone, with the columns that are named, and nothing else on it."""
    options = ["-i", "text=text {id}", "-i", "n:=1", "-o", "size=length", "-o", "twice=more.twice"]
    assert run(["map", measured, "items.csv", "--sink", "-", "--limit", "2", "-q", *options]) == 0
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert sorted((row["key"], row["size"], row["twice"]) for row in found) == [("1", 6, 2), ("2", 6, 2)]
    assert err == ""


def test_progress_is_lines_of_json(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs that follow a log."""
    assert run(["map", measured, "items.csv", "--sink", "out.jsonl", "--progress", "json"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert json.loads(lines[-1])["state"] == "ended"


def test_nothing_succeeded_is_told_by_the_exit_code(measured: str) -> None:
    """And so is a completion policy that is not met."""
    write({"odd.csv": "id,text,n\nc,odd,3\n"})
    assert run(["map", measured, "odd.csv", "--sink", "a.sqlite", "-q"]) == 1
    policy = ["--completion", "tolerated_failures(0.1)"]
    assert run(["map", measured, "items.csv", "--sink", "b.sqlite", "-q", *policy]) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["measures:measure", "items.csv", "--sink", "out.xyz"], "'out.xyz' is not a sink"),
        (["measures:measure", "none.csv", "--sink", "o.sqlite"], "there is no file none.csv"),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "--key", "x"], "no column 'x' for the keys"),
        (
            ["measures:measure", "items.csv", "--sink", "o.sqlite", "-i", "text=x"],
            "text=x: there is no",
        ),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "-i", "text"], "write KEY=COLUMN"),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "-o", "x"], "expected COLUMN=PATH"),
        (["measures:nothing", "items.csv", "--sink", "o.sqlite"], "measures"),
        (
            ["moderation", "items.csv", "--offline", "--sink", "o.sqlite", "-o", "a=b"],
            "a=b: the output has no",
        ),
        (["labeling", "items.csv", "--sink", "o.sqlite"], "labeling needs --set labels=VALUE"),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "--query", "x"], "--query is for databases"),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "--engine", "many"], "'many'"),
        (
            ["measures:measure", "items.csv", "--sink", "o.sqlite", "--estimate", "--limit", "2"],
            "exclude each other",
        ),
    ],
    ids=[
        "sink",
        "input",
        "key",
        "column",
        "mapping",
        "output mapping",
        "function",
        "path",
        "setting",
        "query",
        "engine",
        "estimate",
    ],
)
def test_what_cannot_run_is_refused_in_words(
    measured: str, arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything runs, with the option as it is written, and no traceback."""
    assert run(["map", *arguments]) == 2
    err = capsys.readouterr().err
    assert error in err
    assert "Traceback" not in err
    assert not Path("o.sqlite").exists()


def test_rows_of_another_program_are_not_mixed(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The difference is named; `--mixed` adds them all the same."""
    command = ["map", measured, "items.csv", "--key", "id", "--sink", "out.sqlite", "-q"]
    assert run([*command, "--limit", "1"]) == 0
    other = [*command, "-i", "text=id"]
    assert run(other) == 2
    assert "text" in capsys.readouterr().err
    assert run([*other, "--mixed"]) == 0
    assert rows() == {"a": ("ok", 5), "b": ("ok", 1), "c": ("failed", None)}


def test_a_sample_gives_cost_and_time_and_stays(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it has run is not run again."""
    command = ["map", measured, "items.csv", "--sink", "out.sqlite", "--progress", "none"]
    assert run([*command, "--estimate", "--sample", "2"]) == 0
    out = capsys.readouterr().out
    assert "2 items run (a random sample)" in out
    assert "Left: 1 item" in out
    assert "Rows of the sample: out.sqlite" in out
    assert run(command) == 0
    assert "3 items: 1 run" in capsys.readouterr().err


def test_labels_of_a_table(model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A graph that takes many items in one run gets many rows, and each has its own."""
    write({"items.csv": TABLE})
    server.always(Reply(json={"rationale": "r", "choice": "complaint", "confidence": None}))
    server.on("good day", Reply(json={"rationale": "r", "choice": "praise", "confidence": None}))
    settings = ["--set", 'labels=["praise", "complaint"]', "--set", "voters=3"]
    command = ["map", "labeling", "items.csv", "--key", "id", "--sink", "-", "-q", *settings]
    assert run([*command, "--model", model]) == 0
    found = {row["key"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {key: row["label"] for key, row in found.items()} == {
        "a": "complaint",
        "b": "praise",
        "c": "complaint",
    }
    assert found["a"]["support"] == 1.0
    assert found["a"]["calls"] >= 2


def test_the_first_signal_drains(model: str, server: ModelServer) -> None:
    """What runs may end and is stored; the same command goes on."""
    write({"items.jsonl": "".join(f'{{"question": "Is {n} even?"}}\n' for n in range(40))})
    gate = Gate()
    server.always(Reply(json={"rationale": "r", "choice": "yes", "confidence": None}, gate=gate))
    command = ["map", "voting", "items.jsonl", "--sink", "out.sqlite", "--model", model, "-j", "4"]
    choices = ["--set", 'choices=["yes", "no"]', "--set", "voters=1", "--progress", "none"]
    with started(*command, *choices) as process:
        server.wait(lambda s: s.in_flight == 4, PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "stopping" in process.stderr.readline()
        gate.open()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "To go on: langgraph-parallel map voting" in err
    connection = sqlite3.connect("out.sqlite")
    stored = connection.execute("select count(*) from rows").fetchone()[0]
    connection.close()
    assert 0 < stored < 40
    with started(*command, *choices) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert f"{40 - stored} run, {stored} kept from before" in err


def test_mappings_on_the_command_line() -> None:
    """Columns, templates and constants; each key once."""
    assert parse_inputs(["q=text", "r=Is {x}?", 's:=["a"]']) == {"q": "text", "r": "Is {x}?", "s": '=["a"]'}
    assert parse_outputs(["a=b.c", "d=e=f"]) == {"a": "b.c", "d": "e=f"}
    for options in (["q"], ["=x"], ["q="], ["q:=nothing"], ["q=a", "q=b"]):
        with pytest.raises(UsageError):
            parse_inputs(options)
    for options in (["a"], ["=b"], ["a="], ["a=b", "a=c"]):
        with pytest.raises(UsageError):
            parse_outputs(options)


def test_the_command_to_go_on_with_has_no_password_and_no_limit() -> None:
    """It can be copied into a shell."""
    arguments = ["map", "voting", "postgresql://ann:secret@host/db", "--limit", "5", "--redrive=failed"]
    shown = shown_command([*arguments, "--mixed", "--input", "question=Is {x} so?"])
    assert shown == (
        "langgraph-parallel map voting 'postgresql://ann:***@host/db' --input 'question=Is {x} so?'"
    )
