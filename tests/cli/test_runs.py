"""Runs of the command line: bounded, kept on disk while they are not done, resumed and forgotten."""

import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.run_store import KEPT, RunStore
from tests.support.fans import prompts
from tests.support.server import ModelServer, Reply

CODE = "SECRET_WORD = 'xyzzy-plugh'\n"
REVIEW = ["review", "app.py", "--aspects", "security,style", "--no-engines", "--voters", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ModelServer) -> Path:
    """A folder with a file to review, and a quick answer to everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0")
    Path("app.py").write_text(CODE)
    server.always(Reply(json={"findings": []}))
    return tmp_path


def last() -> Any:
    """The run that began last."""
    return RunStore().all()[0]


def stored() -> bytes:
    """All that is on the disk of the runs."""
    return b"".join(path.read_bytes() for path in RunStore().path.parent.iterdir())


def test_a_run_that_is_done_leaves_a_line_and_nothing_of_the_code(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is listed with what was found; there is nothing left to resume."""
    assert run([*REVIEW, "--model", model]) == 0
    assert "--resume" not in capsys.readouterr().err
    assert last().state == "done"
    assert b"xyzzy" not in stored()
    assert run(["runs"]) == 0
    assert re.search(rf"{last().id} .* done +review app\.py .*: No findings\.", capsys.readouterr().out)
    assert run(["review", "--resume", last().id]) == 2
    assert "is done: there is nothing left to resume" in capsys.readouterr().err


def test_what_failed_is_run_again_by_resume(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only that, with the settings of the run, from wherever one is; the report adds up over both."""
    server.on("reviewer 2 ", Reply(status=401))
    assert run([*REVIEW, "--model", model]) == 0
    hint = re.search(r"langgraph-parallel (review --resume \S+)", capsys.readouterr().err)
    assert hint is not None
    assert last().state == "partial"
    Path("app.py").unlink()
    server.always(Reply(json={"findings": []}))
    server.requests.clear()
    assert run([*hint[1].split(), "--format", "json", "--summary", "report"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert all("reviewer 2 " in request.prompt for request in server.requests)
    assert len(server.requests) == 2
    assert out["run"]["branches"] == {"ok": 4}
    assert len(out["run"]["calls"]) == 6
    assert last().state == "done"


def test_a_killed_run_is_finished_by_resume(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kill -9, and later the rest: who had answered is not asked again."""
    server.on("reviewer 2 ", Reply(hang=True))
    command = [sys.executable, "-c", "from langgraph_parallel.cli import main; main()"]
    process = subprocess.Popen(
        [*command, *REVIEW, "--model", model], stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    server.wait(lambda s: len(s.requests) == 4 and s.in_flight == 2)
    database = RunStore().path

    def voters() -> int:
        query = (
            "SELECT COUNT(DISTINCT task_id) FROM writes WHERE channel = 'branches' AND checkpoint_ns != ''"
        )
        connection = sqlite3.connect(database)
        try:
            return int(connection.execute(query).fetchone()[0])
        finally:
            connection.close()

    while voters() < 4:  # two votes that were opened, and two voters that were heard
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert last().state == "running"
    server.on("reviewer 2 ", Reply(json={"findings": []}))
    assert run(["review", "--resume", last().id[:15]]) == 0
    assert sorted(prompts(server).values()) == [1, 1, 2, 2]
    assert "judged, 2 of 2 ballots" in capsys.readouterr().out


def test_a_stopped_run_is_resumed(model: str, server: ModelServer) -> None:
    """Ctrl-C drains: what waits is skipped, and done later."""
    server.on("reviewer 2 ", Reply(hang=True))
    command = [sys.executable, "-c", "from langgraph_parallel.cli import main; main()"]
    process = subprocess.Popen(
        [*command, *REVIEW, "--model", model, "--grace", "0.1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
        text=True,
    )
    server.wait(lambda s: len(s.requests) == 4 and s.in_flight == 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopping: what is running may finish" in err
    assert last().state == "stopped"
    server.requests.clear()
    server.on("reviewer 2 ", Reply(json={"findings": []}))
    assert run(["review", "--resume", last().id]) == 0
    assert len(server.requests) == 2


def test_a_second_signal_ends_it_at_once(model: str, server: ModelServer) -> None:
    """And says how to go on."""
    server.always(Reply(hang=True))
    command = [sys.executable, "-c", "from langgraph_parallel.cli import main; main()"]
    process = subprocess.Popen(
        [*command, *REVIEW, "--model", model, "--grace", "60"],
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
    )
    server.wait(lambda s: s.in_flight == 4)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"review --resume {last().id}" in err
    server.wait(lambda s: s.in_flight == 0)


def test_runs_belong_to_their_owner(model: str) -> None:
    """Neither the folder nor the file can be read by others."""
    assert run([*REVIEW, "--model", model]) == 0
    path = RunStore().path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_runs_can_be_forgotten(model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """One, or all; nothing of the code stays on the disk."""
    server.on("reviewer 2 ", Reply(status=401))
    for _ in range(2):
        assert run([*REVIEW, "--model", model]) == 0
    assert b"xyzzy" in stored()
    capsys.readouterr()
    assert run(["runs", "--forget", last().id]) == 0
    assert capsys.readouterr().out == "forgot 1 run\n"
    assert run(["runs", "--forget", "all"]) == 0
    assert run(["runs"]) == 0
    assert capsys.readouterr().out == "forgot 1 run\nno runs are kept\n"
    assert b"xyzzy" not in RunStore().path.read_bytes()


def test_runs_are_listed_for_programs(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format json` is a list of objects."""
    assert run([*REVIEW, "--model", model]) == 0
    capsys.readouterr()
    assert run(["runs", "--format", "json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["state"], listed["command"]) == (last().id, "done", "review app.py")


def test_only_so_many_runs_are_kept() -> None:
    """The oldest go first."""
    store = RunStore()
    ids = [store.begin(f"review {number}", {}).id for number in range(KEPT + 3)]
    kept = [held.id for held in store.all()]
    assert len(kept) == KEPT
    assert ids[-1] in kept
    assert ids[0] not in kept


def test_nothing_is_kept_where_nobody_wants_it(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--no-keep` writes nothing."""
    assert run([*REVIEW, "--model", model, "--no-keep"]) == 0
    assert not RunStore().path.exists()


def test_bad_usage_is_one_line_and_leaves_no_run(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unknown runs, paths beside --resume, what is no policy or limit, a state folder that is a file."""
    for arguments, message in [
        (
            ["review", "--resume", "nowhere"],
            "there is no run 'nowhere'; `langgraph-parallel runs` lists them",
        ),
        (["review", "--resume", "x", "app.py"], "give no paths"),
        ([*REVIEW, "--completion", "most"], "is no completion policy"),
        ([*REVIEW, "--hedge", "often"], "--hedge: Input should be"),
        ([*REVIEW, "--model", model, "--budget-usd", "1"], "the price of test-model is not known"),
        ([*REVIEW, "--model", model, "--completion", "min_success(9)"], "can never be met"),
        (["runs", "--forget", "nowhere"], "there is no run"),
    ]:
        assert run(arguments) == 2, arguments
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") <= 1
    assert RunStore().all() == []
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert run([*REVIEW, "--model", model]) == 2
    assert "use --no-keep" in capsys.readouterr().err


def test_an_estimate_asks_nobody(model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """`--estimate` says calls, tokens and dollars at most, and stops."""
    assert run([*REVIEW, "--model", "openai:gpt-5-mini", "--estimate"]) == 0
    out = capsys.readouterr().out
    assert re.match(
        r"4 calls to models, 32 requests if all are repeated; [\d,]+ tokens in and 32,000 out", out
    )
    assert re.search(r"\$0\.\d\d at most", out)
    assert (server.requests, RunStore().all()) == ([], [])


def test_a_budget_bounds_a_review(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not asked is named, with the reason, and can be resumed."""
    assert run([*REVIEW, "--model", model, "--budget-calls", "3"]) == 0
    out, err = capsys.readouterr()
    assert len(server.requests) == 3
    assert "the budget of 3 calls is spent" in " ".join((out + err).split())
    assert run(["review", "--resume", last().id]) == 0
    assert len(server.requests) == 4


def test_a_policy_that_is_not_met_is_exit_code_1(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the failed votes and their causes, and the way to go on."""
    server.on("**Security**", Reply(status=401))
    options = ["--model", model, "--completion", "tolerated_failures(0)"]
    assert run([*REVIEW, *options]) == 1
    err = capsys.readouterr().err
    assert "langgraph-parallel: tolerated_failures(0) is not met: " in err
    assert "review[security] app.py: none of 2 branches below ended ok: AuthenticationError" in err
    assert f"--resume {last().id}" in err
    server.always(Reply(json={"findings": []}))
    assert run(["review", "--resume", last().id]) == 0


def test_the_other_bounds_reach_the_run(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deadline, rates, hedging and timeouts are those of the graph."""
    server.on("reviewer 2 ", Reply(hang=True))
    options = ["--deadline", "1.5", "--rpm", "60000", "--tpm", "9000000", "--hedge", "p95", "--timeout", "60"]
    assert run([*REVIEW, "--model", model, *options]) == 0
    out, err = capsys.readouterr()
    assert "2 ok, 2 timed out" in " ".join(err.split())
    assert "the run's deadline has passed" in " ".join((out + err).split())
