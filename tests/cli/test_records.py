"""`--record` and `--html` of commands, and `runs show`: what a run did, on disk."""

import errno
import json
import os
from pathlib import Path

import pytest

from langgraph_parallel.cli import recorded
from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.run_store import RunStore
from langgraph_parallel.recording import read_record
from langgraph_parallel.runtime import recorder
from langgraph_parallel.runtime.record_setting import CONTENTS, RECORD
from tests.support.made_records import nested
from tests.support.server import ModelServer, Reply

CODE = "SECRET_WORD = 'xyzzy-plugh'\n"
REVIEW = ["review", "app.py", "--aspects", "security", "--no-engines", "--voters", "2", "--quiet"]
COMMANDS = {
    "brief": ["brief", "notes.md", "--offline"],
    "feedback": ["feedback", "texts.csv", "--offline"],
    "moderate": ["moderate", "notes.md", "--offline"],
    "research": ["research", "What is late?", "notes.md", "--offline"],
    "review": ["review", "app.py", "--offline", "--aspects", "security"],
    "run": ["run", "moderation", "text=hello", "--offline"],
}


@pytest.fixture(autouse=True)
def files(folder: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what commands read into the current folder."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0")
    Path("app.py").write_text(CODE)
    Path("notes.md").write_text("# Notes\n\nThe train is late. It rains.\n")
    Path("texts.csv").write_text("text\nThe train is late.\nGood coffee.\n")
    server.always(Reply(json={"findings": []}))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_writes_the_record_and_the_page(command: str) -> None:
    """Of its own run, without any answer; the environment is as it was."""
    before = dict(os.environ)
    assert run([*COMMANDS[command], "--quiet", "--record", "run.json", "--html", "run.html"]) == 0
    record = read_record("run.json")
    assert record.branches
    assert record.status == "ok"
    assert not record.contents
    assert Path("run.html").read_text() == record.to_html()
    assert dict(os.environ) == before


@pytest.mark.parametrize("command", ["brief", "review"])
def test_a_folder_has_a_record_for_each_run(command: str) -> None:
    """It is made, and the page is that of the last run."""
    for _ in range(2):
        assert run([*COMMANDS[command], "--quiet", "--record", "runs/", "--html", "run.html"]) == 0
    first, second = sorted(Path("runs").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert read_record(first).started < read_record(second).started
    assert Path("run.html").read_text() == read_record(second).to_html()


def test_a_page_alone_leaves_no_record(model: str, server: ModelServer) -> None:
    """Only the page is in the folder; it names the vote's branches."""
    server.always(Reply(text="yes"))
    known = {*Path().iterdir()}
    assert run(["vote", "Is it?", "--choices", "yes,no", "--quiet", "--html", "run.html"]) == 0
    assert {*Path().iterdir()} - known == {Path("run.html")}
    assert "vote[voting#1]" in Path("run.html").read_text()


@pytest.mark.parametrize("contents", [True, False], ids=["asked for", "not asked for"])
def test_messages_are_kept_if_that_is_asked_for(model: str, server: ModelServer, contents: bool) -> None:
    """Else a failure has its kind alone, in the record and on the page."""
    server.always(Reply(status=418))
    option = ["--record-contents"] * contents
    assert run([*REVIEW, "--model", model, "--html", "run.html", "--record", "run.json", *option]) == 2
    for file in ("run.html", "run.json"):
        assert ("status 418" in Path(file).read_text()) == contents
    assert any(branch.status == "failed" for branch in read_record("run.json").branches)


def test_a_run_that_ends_with_an_error_has_its_page(model: str, server: ModelServer) -> None:
    """Where a completion policy is not met, the page says which branches failed."""
    server.always(Reply(status=418))
    options = ["--completion", "tolerated_failures(0)", "--html", "run.html"]
    assert run([*REVIEW, "--model", model, *options]) == 1
    assert "Failures by cause" in Path("run.html").read_text()


def test_a_kept_run_is_shown(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As five lines, as JSON, and in all views; the record on disk has nothing of the code."""
    assert run([*REVIEW, "--model", model]) == 0
    id = RunStore().all()[0].id
    file = RunStore().recording(id)
    assert b"xyzzy" not in file.read_bytes()
    capsys.readouterr()
    assert run(["runs", "show", id[:-2]]) == 0
    assert capsys.readouterr().out == f"{read_record(file)}\n"
    assert run(["runs", "show", id, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["invocations"][0]["status"] == "ok"
    names = {
        "--html": "a.html",
        "--perfetto": "a.json",
        "--csv": "a.csv",
        "--mermaid": "a.mmd",
        "--record": "b.json",
    }
    assert run(["runs", "show", id, *(word for pair in names.items() for word in pair)]) == 0
    record = read_record("b.json")
    assert record == read_record(file)
    assert Path("a.html").read_text() == record.to_html()
    assert json.loads(Path("a.json").read_text())["traceEvents"]
    assert len(Path("a.csv").read_text().splitlines()) == len(record.calls) + 1
    assert Path("a.mmd").read_text().startswith("flowchart")
    assert capsys.readouterr().out == ""


def test_a_resumed_review_goes_on_with_its_record(model: str, server: ModelServer) -> None:
    """Both invocations are in it, and what is written for the second one has both as well."""
    server.on("reviewer 2 ", Reply(status=418))
    assert run([*REVIEW, "--model", model]) == 0
    id = RunStore().all()[0].id
    first = read_record(RunStore().recording(id))
    server.always(Reply(json={"findings": []}))
    assert run(["review", "--resume", id, "--quiet", "--record", "all.json"]) == 0
    record = read_record("all.json")
    assert record.status == "ok"
    assert len(record.invocations) > len(first.invocations) == 1
    assert len(record.calls) == len(first.calls) + 1
    assert record == read_record(RunStore().recording(id))


def test_the_record_of_a_kept_run_is_also_where_the_environment_wants_it(
    model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a folder for records of all runs, with contents if the environment says so."""
    (tmp_path / "records").mkdir()
    monkeypatch.setenv(RECORD, str(tmp_path / "records"))
    monkeypatch.setenv(CONTENTS, "true")
    assert run([*REVIEW, "--model", model]) == 0
    (file,) = (tmp_path / "records").iterdir()
    assert read_record(file).contents


def test_a_page_takes_no_record_from_the_environment(
    model: str, monkeypatch: pytest.MonkeyPatch, server: ModelServer
) -> None:
    """Records go where it wants them, with contents if it says so, and the page is of that record."""
    assert (recorded.RECORD, recorded.CONTENTS) == (RECORD, CONTENTS)
    monkeypatch.setenv(RECORD, "mine.json")
    monkeypatch.setenv(CONTENTS, "true")
    server.always(Reply(text="yes"))
    assert run(["vote", "Is it?", "--choices", "yes,no", "--quiet", "--html", "run.html"]) == 0
    assert read_record("mine.json").contents
    assert Path("run.html").read_text() == read_record("mine.json").to_html()


def test_the_file_of_a_record_is_shown_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever wrote it: a program of the user's, or another machine."""
    Path("mine.json").write_text(nested().to_json())
    assert run(["runs", "show", "mine.json"]) == 0
    assert capsys.readouterr().out == f"{nested()}\n"
    assert run(["runs", "show", "mine.json", "--html", "mine.html"]) == 0
    assert Path("mine.html").read_text() == nested().to_html()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["vote", "x", "--html", "nowhere/run.html"], "--html nowhere/run.html: there is no folder nowhere"),
        (["vote", "x", "--record", "nowhere/run.json"], "--record nowhere/run.json: there is no folder"),
        (["vote", "x", "--record-contents"], "--record-contents needs --record FILE or --html FILE"),
        (["runs", "show"], "runs show needs a run; `langgraph-parallel runs` lists them"),
        (["runs", "show", "nothing"], "there is no run 'nothing'"),
        (["runs", "show", "app.py"], "app.py is not the record of a run"),
        (["runs", "--html", "x.html"], "--html needs a run: `langgraph-parallel runs show RUN`"),
        (["runs", "forget", "x", "--csv", "x.csv"], "--csv needs a run: `langgraph-parallel runs show RUN`"),
        (["runs", "list"], "'list' is not one of 'show', 'forget'"),
    ],
    ids=["page", "record", "contents", "no run", "unknown run", "other file", "list", "forget", "other word"],
)
def test_bad_usage_is_one_line(
    arguments: list[str], problem: str, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any call, with what to do."""
    assert run(arguments) == 2
    assert problem in capsys.readouterr().err
    assert server.requests == []


def test_a_variable_that_is_neither_true_nor_false_is_refused(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Contents are not kept by mistake."""
    monkeypatch.setenv(RECORD, "run.json")
    monkeypatch.setenv(CONTENTS, "perhaps")
    assert run(["vote", "x", "--choices", "a,b"]) == 2
    assert "LANGGRAPH_PARALLEL_RECORD_CONTENTS='perhaps': expected true or false" in capsys.readouterr().err


def test_an_estimate_has_no_page(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, and does not leave an empty one."""
    assert run(["vote", "x", "--estimate", "--html", "run.html"]) == 0
    assert "nothing has run that could be recorded" in capsys.readouterr().err
    assert not Path("run.html").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/proc/run.json", "--record /proc/run.json cannot be written: "),
        ("/proc/runs/", "--record /proc/runs/: nothing can be written there: "),
        ("/dev/full", "the record cannot go to /dev/full"),
    ],
    ids=["file", "folder", "device"],
)
def test_a_place_that_takes_no_record_is_refused_before_any_call(
    place: str, said: str, model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Although its rights allow it, as those of /proc do for root; the last line says what was wrong."""
    assert run(["vote", "x", "--choices", "a,b", "--model", model, "--record", place]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert said in last
    assert server.requests == []


def test_a_record_that_is_lost_in_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line does not say that nothing has run; what has been answered is there."""

    def fail(record: object, file: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(recorder, "write_record", fail)
    assert run([*COMMANDS["moderate"], "--record", "run.json"]) == 0
    printed = capsys.readouterr()
    assert printed.out
    assert printed.err.splitlines()[-1] == (
        "langgraph-parallel: the record of the run was not written: OSError: "
        "[Errno 28] No space left on device"
    )


def test_a_map_has_a_record_for_each_run(capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder; `runs show` reads each."""
    command = ["map", "moderation", "texts.csv", "--sink", "rows.sqlite", "--offline", "-q"]
    assert run([*command, "--record", "records"]) == 0
    files = sorted(Path("records").iterdir())
    assert len(files) == 2
    assert run(["runs", "show", str(files[0])]) == 0
    assert capsys.readouterr().out.startswith("moderation: ok; ")


def test_nothing_is_written_over_the_record(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by the page of its run, nor by a view of it, whatever the path is called."""
    assert run(["vote", "x", "--choices", "a,b", "--record", "run.json", "--html", "./run.json"]) == 2
    assert "the record and --html are the same file, run.json; name another one" in capsys.readouterr().err
    Path("run.json").write_text(nested().to_json())
    before = Path("run.json").read_bytes()
    assert run(["runs", "show", "run.json", "--html", "./run.json"]) == 2
    assert "the record that is shown and --html are the same file" in capsys.readouterr().err
    assert Path("run.json").read_bytes() == before


def test_two_views_are_two_files(capsys: pytest.CaptureFixture[str]) -> None:
    """One would be lost."""
    Path("run.json").write_text(nested().to_json())
    assert run(["runs", "show", "run.json", "--csv", "view", "--mermaid", "view"]) == 2
    assert "--csv and --mermaid are the same file, view" in capsys.readouterr().err
    assert not Path("view").exists()
