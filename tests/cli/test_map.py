"""The command `map`: from items to rows, going on, failures, and what it refuses."""

import json
import re
import shlex
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.map.command import shown_command
from langgraph_parallel.cli.map.mappings import parse_inputs, parse_outputs
from langgraph_parallel.errors import EngineLost, UsageError
from langgraph_parallel.scale.engines.inline import InlineEngine
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
    assert "Failed once: ValueError: no odd" in err
    assert "Rows: out.sqlite" in err
    assert "--redrive failed" in err.splitlines()[-1]
    assert rows() == {"a": ("ok", 5), "b": ("ok", 8), "c": ("failed", None)}
    assert run(command) == 0
    err = capsys.readouterr().err
    assert "3 items: 0 run, 3 kept from before (1 failed)" in err
    assert "--redrive failed" in err.splitlines()[-1]
    Path("mended").touch()
    assert run([*command, "--redrive", "failed"]) == 0
    assert "3 items: 1 run, 2 kept from before" in capsys.readouterr().err
    assert rows()["c"] == ("ok", 3)
    assert run(command) == 0
    assert "3 items: 0 run, 3 kept from before" in capsys.readouterr().err


@pytest.mark.parametrize("before", [[], ["--limit", "2"]], ids=["no rows", "good rows"])
def test_nothing_to_run_again_is_said_and_no_failure(
    before: list[str], measured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether all rows are well, or there are none."""
    command = ["map", measured, "items.csv", "--key", "id", "--sink", "out.sqlite", "--progress", "none"]
    if before:
        assert run([*command, *before]) == 0
    capsys.readouterr()
    assert run([*command, "--redrive", "failed"]) == 0
    assert capsys.readouterr().err == "Nothing to run again: no row has failed.\n"


def test_rows_on_standard_output_go_nowhere(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are not kept, so that no command can go on with them, or run again what failed."""
    assert run(["map", measured, "items.csv", "--sink", "-", "--progress", "none"]) == 0
    err = capsys.readouterr().err
    assert "1 failed" in err
    assert err.splitlines()[-1] == "Rows: standard output"


def test_rows_on_standard_output_are_json_lines(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the first items alone, with the columns that are named, and nothing else on it."""
    options = ["-i", "text=text {id}", "-i", "n:=1", "-o", "size=length", "-o", "twice=more.twice"]
    assert run(["map", measured, "items.csv", "--sink", "-", "--limit", "2", "-q", *options]) == 0
    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert sorted((row["key"], row["size"], row["twice"]) for row in found) == [("1", 6, 2), ("2", 6, 2)]
    assert err == ""


def test_progress_is_lines_of_json(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And of nothing else, the summary included, for programs that follow a log."""
    assert run(["map", measured, "items.csv", "--sink", "out.jsonl", "--progress", "json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (records[-2]["event"], records[-2]["state"]) == ("progress", "ended")
    summary = records[-1]
    assert (summary["event"], summary["sink"], summary["ok"], summary["failed"]) == (
        "summary",
        "out.jsonl",
        2,
        1,
    )
    assert summary["failures"] == {"ValueError: no odd": 1}


def test_json_is_not_quiet(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--quiet` is for people: programs get what they have asked for."""
    assert run(["map", measured, "items.csv", "--sink", "out.jsonl", "--progress", "json", "-q"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert records[-1]["event"] == "summary"


def test_a_signal_leaves_json_lines_what_they_are(model: str, server: ModelServer) -> None:
    """That the run is stopping is a state of its progress, told at once; the summary has the reason."""
    write({"items.jsonl": "".join(f'{{"question": "Is {n} even?"}}\n' for n in range(40))})
    gate = Gate()
    server.always(Reply(json={"rationale": "r", "choice": "yes", "confidence": None}, gate=gate))
    command = ["map", "voting", "items.jsonl", "--sink", "out.sqlite", "--model", model, "-j", "4"]
    choices = ["--set", 'choices=["yes", "no"]', "--set", "voters=1", "--progress", "json"]
    with started(*command, *choices) as process:
        server.wait(lambda s: s.in_flight == 4, PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        records = []
        for record in map(json.loads, lines):
            records.append(record)
            if record["state"] == "draining":
                break
        gate.open()
        records += map(json.loads, lines)
    assert process.returncode == 130
    assert records[-1]["event"] == "summary"
    assert records[-1]["reason"] == "stopped by SIGINT"


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
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "-o", "=x"], "expected COLUMN=PATH"),
        (["measures:nothing", "items.csv", "--sink", "o.sqlite"], "measures"),
        (
            ["moderation", "items.csv", "--offline", "--sink", "o.sqlite", "-o", "a=b"],
            "a=b: the output has no",
        ),
        (["labeling", "items.csv", "--sink", "o.sqlite"], "labeling needs --set labels=VALUE"),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "--query", "x"], "a query is for databases"),
        (["measures:measure", "items.csv", "--sink", "o.sqlite", "--engine", "many"], "'many'"),
        (
            ["measures:measure", "items.csv", "--sink", "o.sqlite", "--estimate", "--limit", "2"],
            "exclude each other",
        ),
        (
            ["measures:measure", "items.csv", "--sink", "o.sqlite", "--sample", "2"],
            "--sample is for --estimate",
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
        "sample",
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


def test_a_column_that_the_sink_has_itself_is_renamed_by_an_option(
    measured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option is named, and not the argument of Python."""
    assert run(["map", measured, "items.csv", "--sink", "out.sqlite", "-q", "--output", "usd=length"]) == 2
    said = capsys.readouterr().err
    assert "give it another name with --output NAME=PATH" in said
    assert "outputs=" not in said


def test_rows_of_another_program_are_not_mixed(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The difference is named; `--mixed` adds them all the same."""
    command = ["map", measured, "items.csv", "--key", "id", "--sink", "out.sqlite", "-q"]
    assert run([*command, "--limit", "1"]) == 0
    other = [*command, "-i", "text=id"]
    assert run(other) == 2
    said = capsys.readouterr().err
    assert "text" in said
    assert "; --mixed adds rows of both" in said
    assert run([*other, "--mixed"]) == 0
    assert rows() == {"a": ("ok", 5), "b": ("ok", 1), "c": ("failed", None)}


def test_a_sample_gives_cost_and_time_and_stays(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it has run is not run again."""
    command = ["map", measured, "items.csv", "--sink", "out.sqlite", "--progress", "none"]
    assert run([*command, "--estimate", "--sample", "2"]) == 0
    out = capsys.readouterr().out
    assert "2 items run (a random sample)" in out
    assert re.search(r"^The one that is left: in 0:0\d \(0:0\d to 0:0\d, 95%\)$", out, re.MULTILINE)
    assert "Rows of the sample: out.sqlite" in out
    assert out.splitlines()[-1].startswith("To run the rest: langgraph-parallel map measures:measure")
    assert run(command) == 0
    assert "3 items: 1 run" in capsys.readouterr().err
    assert run([*command, "--estimate"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "All 3 items have been run; nothing is left.",
        "Rows: out.sqlite",
    ]


def test_an_estimate_is_json_where_progress_is(measured: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An object on standard output, and progress on standard error."""
    command = ["map", measured, "items.csv", "--sink", "out.sqlite", "--progress", "json"]
    assert run([*command, "--estimate", "--sample", "2"]) == 0
    said = capsys.readouterr()
    estimate = json.loads(said.out)
    assert (estimate["event"], estimate["sample"], estimate["left"]) == ("estimate", 2, 1)
    assert {json.loads(line)["event"] for line in said.err.splitlines()} == {"progress"}


def test_failures_that_are_no_fault_of_the_items_are_counted_and_not_stored(
    measured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary says how many ran, that they have no row, and what to do."""
    write({"odd.csv": "id,text,n\n" + "".join(f"{n},odd,3\n" for n in range(400))})
    assert run(["map", measured, "odd.csv", "--sink", "out.sqlite", "--progress", "none"]) == 1
    lines = capsys.readouterr().err.splitlines()
    found = re.match(r"400 items: (\d+) run \((\d+) failed, without a row\), 400 left, in ", lines[0])
    assert found is not None
    assert found[1] == found[2]
    assert 20 <= int(found[1]) < 400
    assert lines[1:3] == [
        f"Stopped: none of the first {found[1]} items succeeded, such as: ValueError: no odd",
        f"No row of these {found[1]} was stored; mend the cause, and run the same command.",
    ]


def test_an_empty_text_is_told_by_its_column(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not by a key of the graph's input, of which the user may not know; nothing is asked of a model."""
    write({"items.csv": 'id,text\na,""\nb,"  "\n'})
    command = ["map", "labeling", "items.csv", "--sink", "-", "--model", model, "--progress", "none"]
    assert run([*command, "--set", 'labels=["praise", "complaint"]']) == 1
    out, err = capsys.readouterr()
    assert "Failed 2 times: its column 'text' is empty, and the input needs items" in err
    assert [json.loads(line)["calls"] for line in out.splitlines()] == [0, 0]


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
    assert "\nStopped by Ctrl-C.\n" in err
    assert "To go on: langgraph-parallel map voting" in err
    connection = sqlite3.connect("out.sqlite")
    stored = connection.execute("select count(*) from rows").fetchone()[0]
    connection.close()
    assert 0 < stored < 40
    with started(*command, *choices) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert f"{40 - stored} run, {stored} kept from before" in err


def test_an_engine_that_is_lost_is_told_in_a_line(
    measured: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 1, and the same command goes on."""

    async def lost(*_: object) -> str:
        raise EngineLost("the scheduler is gone: run the same command again to go on")

    command = ["map", measured, "items.csv", "--key", "id", "--sink", "out.sqlite", "--progress", "none"]
    with monkeypatch.context() as patch:
        patch.setattr(InlineEngine, "run", lost)
        assert run(command) == 1
    told = "langgraph-parallel: the scheduler is gone: run the same command again to go on\n"
    assert capsys.readouterr().err == told
    assert run(command) == 0
    assert len(rows()) == 3


def test_mappings_on_the_command_line() -> None:
    """Columns, templates and constants; each key once."""
    assert parse_inputs(["q=text", "r=Is {x}?", 's:=["a"]']) == {"q": "text", "r": "Is {x}?", "s": '=["a"]'}
    assert parse_outputs(["a=b.c", "d=e=f", "g"]) == {"a": "b.c", "d": "e=f", "g": "g"}
    for options in (["q"], ["=x"], ["q="], ["q:=nothing"], ["q=a", "q=b"]):
        with pytest.raises(UsageError):
            parse_inputs(options)
    for options in (["a.b"], [""], ["=b"], ["a="], ["a=b", "a=c"], ["a=b", "a"]):
        with pytest.raises(UsageError):
            parse_outputs(options)


def test_what_the_code_of_rows_prints_is_no_row(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to standard error, so that whoever reads the rows reads JSON lines."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talking.py").write_text(
        "def row(text):\n    print('I say', text)\n    return {'is': text}\n"
    )
    (tmp_path / "items.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    assert run(["map", "talking:row", "items.jsonl", "--sink", "-", "-q"]) == 0
    out, err = capfd.readouterr()
    assert sorted(json.loads(line)["is"] for line in out.splitlines()) == ["a", "b"]
    assert err.count("I say") == 2


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("postgresql://ann:p/w@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://ann:p@ss:w@host/db", "postgresql://ann:***@host/db"),
        ("postgresql://host/db?user=ann&password=s3cr3t", "postgresql://host/db?user=ann&password=***"),
        ("--base-url=https://tok3n@host/v1", "--base-url=https://***@host/v1"),
        ("--base-url=https://host/v1?api-key=s3cr3t", "--base-url=https://host/v1?api-key=***"),
        ("--set=api_key=sk-proj-abcdefghijklmnopqrstuv", "--set=api_key=***"),
        ("postgresql://ann@host/db?table=labels", "postgresql://ann@host/db?table=labels"),
        ("question=Is {text} so?", "question=Is {text} so?"),
    ],
)
def test_the_command_to_go_on_with_holds_no_secret(argument: str, shown: str) -> None:
    """Whatever the password holds, and wherever it stands."""
    assert shown_command([argument]) == shlex.join(["langgraph-parallel", shown])


def test_the_command_to_go_on_with_has_no_password_and_no_limit() -> None:
    """It can be copied into a shell."""
    arguments = ["map", "voting", "postgresql://ann:secret@host/db", "--limit", "5", "--redrive=failed"]
    shown = shown_command([*arguments, "--mixed", "--input", "question=Is {x} so?"])
    assert shown == (
        "langgraph-parallel map voting 'postgresql://ann:***@host/db' --input 'question=Is {x} so?'"
    )
