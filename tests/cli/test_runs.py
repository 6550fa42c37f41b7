"""Runs of the command line: limited, kept on disk until they are done, resumed and forgotten."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.run_store import KEPT, RunStore
from tests.cli.support import PATIENCE, read_line, started
from tests.support.fans import prompts
from tests.support.server import ModelServer, Reply

ROOT = Path(__file__).parents[2]
CODE = "SECRET_WORD = 'xyzzy-plugh'\n"
REVIEW = ["review", "app.py", "--aspects", "security,style", "--no-engines", "--voters", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ModelServer) -> Path:
    """A folder with a file to review, and a server that answers every request at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0")
    Path("app.py").write_text(CODE)
    server.always(Reply(json={"findings": []}))
    return tmp_path


def last() -> Any:
    """Return the run that began last."""
    return RunStore().all()[0]


def stored() -> bytes:
    """Return everything that the disk holds of the runs."""
    return b"".join(path.read_bytes() for path in RunStore().path.parent.rglob("*") if path.is_file())


def wait_for_checkpoints(process: "subprocess.Popen[str]", server: ModelServer) -> None:
    """Wait until both first voters are on the disk, while both second voters are still asked."""
    server.wait(lambda s: len(s.requests) == 4 and s.in_flight == 2, PATIENCE)
    query = "SELECT COUNT(DISTINCT task_id) FROM writes WHERE channel = 'branches' AND checkpoint_ns != ''"
    stored_branches, end = 0, time.monotonic() + PATIENCE
    while stored_branches < 2:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
        file = RunStore().files.checkpoints(last().id)
        with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE)) as connection:
            stored_branches = int(connection.execute(query).fetchone()[0])


def test_a_run_that_is_done_leaves_a_line_and_nothing_of_the_code(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is listed with its result; there is nothing left to resume."""
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
    """Only that, with the settings of the run, from any folder; the report adds up over both runs."""
    server.on("reviewer 2 ", Reply(status=418))
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
    """After kill -9, the rest is run; voters who had answered are not asked again."""
    server.on("reviewer 2 ", Reply(hang=True))
    with started(*REVIEW, "--model", model) as process:
        wait_for_checkpoints(process, server)
        process.send_signal(signal.SIGKILL)
    assert last().state == "running"
    server.on("reviewer 2 ", Reply(json={"findings": []}))
    assert run(["review", "--resume", last().id[:15]]) == 0
    assert sorted(prompts(server).values()) == [1, 1, 2, 2]
    assert "judged, 2 of 2 ballots" in capsys.readouterr().out


def test_a_run_that_died_before_a_checkpoint_is_finished_by_resume(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the results of a step and the checkpoint that holds them, at every step of the review."""
    assert run([*REVIEW, "--model", model, "--format", "json"]) == 0
    undisturbed = json.loads(capsys.readouterr().out)
    expected = set(prompts(server))
    died = subprocess.run(
        [sys.executable, "-m", "tests.support.dying_cli", "1,2,3,4,5,6,7", *REVIEW, "--model", model],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        capture_output=True,
        check=True,
    )
    signals = json.loads(died.stdout)
    assert signals[:5] == [signal.SIGKILL] * 5
    first, *others = reversed([kept for kept in RunStore().all() if kept.state == "running"])
    assert len(others) == signals.count(signal.SIGKILL) - 1
    for kept in others:
        server.requests.clear()
        assert run(["review", "--resume", kept.id, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["findings"] == undisturbed["findings"]
        assert set(prompts(server)) <= expected
        assert [again.state for again in RunStore().all() if again.id == kept.id] == ["done"]
    assert run(["review", "--resume", first.id]) == 2
    problem = f"run {first.id} ended before anything was stored; start it again"
    assert capsys.readouterr().err.splitlines() == [f"langgraph-parallel: error: {problem}"]


def test_a_stopped_run_is_resumed(model: str, server: ModelServer) -> None:
    """Ctrl-C drains the run: what waits is skipped, and run later."""
    server.on("reviewer 2 ", Reply(hang=True))
    with started(*REVIEW, "--model", model, "--grace", "0.1") as process:
        wait_for_checkpoints(process, server)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "stopping: running calls may finish" in err
    assert last().state == "stopped"
    server.requests.clear()
    server.on("reviewer 2 ", Reply(json={"findings": []}))
    assert run(["review", "--resume", last().id]) == 0
    assert len(server.requests) == 2


def test_a_second_signal_ends_it_at_once(model: str, server: ModelServer) -> None:
    """The run is cancelled, and the command prints how to resume it."""
    server.always(Reply(hang=True))
    with started(*REVIEW, "--model", model, "--grace", "600") as process:
        server.wait(lambda s: s.in_flight == 4, PATIENCE)
        process.send_signal(signal.SIGINT)
        while "stopping" not in (line := read_line(process)):
            assert line  # an empty line is the end of standard error
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"review --resume {last().id}" in err
    server.wait(lambda s: s.in_flight == 0, PATIENCE)


async def test_a_cancelled_write_does_not_lock_the_file() -> None:
    """A run can be recorded as stopped although its last checkpoint was cancelled before the commit."""
    store = RunStore()
    kept = store.begin("review app.py", {})
    async with store.checkpointer(kept.id) as saver:
        await saver.setup()
        cursor = await saver.conn.executemany(
            "INSERT INTO writes (thread_id, checkpoint_id, task_id, idx, channel) VALUES (?, ?, ?, ?, ?)",
            [(kept.id, "c", "t", 0, "x")],
        )
    store.finish(kept.id, "stopped", "cancelled")
    assert last().state == "stopped"
    del cursor  # alive until here, as in the traceback of a cancelled task


async def test_a_write_that_goes_on_does_not_lock_the_file() -> None:
    """LangGraph may still write checkpoints while the run that was cancelled closes the file."""
    store = RunStore()
    kept = store.begin("review app.py", {})
    config: Any = {"configurable": {"thread_id": kept.id, "checkpoint_ns": "", "checkpoint_id": "c"}}

    has_begun = asyncio.Event()

    async def write_on(saver: Any) -> None:
        while True:
            await saver.aput_writes(config, [("channel", "value")], "task")
            has_begun.set()

    async with store.checkpointer(kept.id) as saver:
        writer = asyncio.create_task(write_on(saver))
        await has_begun.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    store.finish(kept.id, "stopped", "cancelled")
    assert last().state == "stopped"


def test_runs_belong_to_their_owner(model: str) -> None:
    """Neither the folder nor the file can be read by others."""
    assert run([*REVIEW, "--model", model]) == 0
    path = RunStore().path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_runs_can_be_forgotten(model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    """One run, or all; none of the code stays on the disk."""
    server.on("reviewer 2 ", Reply(status=418))
    for _ in range(2):
        assert run([*REVIEW, "--model", model]) == 0
    assert all(RunStore().files.checkpoints(kept.id).exists() for kept in RunStore().all())
    capsys.readouterr()
    assert run(["runs", "forget", last().id]) == 0
    assert capsys.readouterr().out == "forgot 1 run\n"
    assert run(["runs", "forget", "all"]) == 0
    assert run(["runs"]) == 0
    assert capsys.readouterr().out == "forgot 1 run\nno runs are kept\n"
    assert [path for path in RunStore().path.parent.rglob("*") if path.is_file()] == [RunStore().path]


def test_runs_are_listed_as_json(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format json` is a list of objects."""
    assert run([*REVIEW, "--model", model]) == 0
    capsys.readouterr()
    assert run(["runs", "--format", "json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["state"], listed["command"]) == (last().id, "done", "review app.py")


def test_the_number_of_kept_runs_is_limited() -> None:
    """The oldest are deleted first."""
    store = RunStore()
    ids = [store.begin(f"review {number}", {}).id for number in range(KEPT + 3)]
    kept = [kept_run.id for kept_run in store.all()]
    assert len(kept) == KEPT
    assert ids[-1] in kept
    assert ids[0] not in kept


def test_no_keep_keeps_nothing(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even the file exists."""
    assert run([*REVIEW, "--model", model, "--no-keep"]) == 0
    assert not RunStore().path.exists()


def test_bad_usage_is_one_line_and_leaves_no_run(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unknown runs, paths beside --resume, an invalid policy or limit, a state folder that is a file."""
    for arguments, message in [
        (
            ["review", "--resume", "nowhere"],
            "there is no run 'nowhere'; `langgraph-parallel runs` lists them",
        ),
        (["review", "--resume", "x", "app.py"], "give no paths"),
        ([*REVIEW, "--completion", "most"], "is not a completion policy"),
        ([*REVIEW, "--hedge", "often"], "--hedge is often; expected off, p95, or a number of seconds > 0"),
        ([*REVIEW, "--model", model, "--budget-usd", "1"], "the price of test-model is not known"),
        ([*REVIEW, "--model", model, "--completion", "min_success(9)"], "can never be met"),
        (["runs", "forget", "nowhere"], "there is no run"),
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


def test_bad_usage_of_resume_keeps_the_run(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was paid for is not lost to a typing error or a missing key."""
    server.on("reviewer 2 ", Reply(status=418))
    assert run([*REVIEW, "--model", model]) == 0
    assert run(["review", "--resume", last().id, "--completion", "most"]) == 2
    with monkeypatch.context() as without_key:
        without_key.delenv("OPENAI_API_KEY")
        without_key.delenv("OPENAI_BASE_URL")
        assert run(["review", "--resume", last().id]) == 2
    assert last().state == "partial"
    server.always(Reply(json={"findings": []}))
    server.requests.clear()
    assert run(["review", "--resume", last().id]) == 0
    assert len(server.requests) == 2


def test_an_estimate_makes_no_call(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--estimate` prints upper bounds of calls, tokens and dollars."""
    assert run([*REVIEW, "--model", "openai:gpt-5-mini", "--estimate"]) == 0
    out = capsys.readouterr().out
    assert re.match(
        r"4 calls to models, 32 requests if all are repeated; [\d,]+ tokens in and 32,000 out", out
    )
    assert re.search(r"at most \$0\.\d{3,4} if no request has to be repeated\.", out)
    assert (server.requests, RunStore().all()) == ([], [])


def test_a_budget_limits_a_review(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Voters that were not asked are named, with the reason, and can be resumed."""
    assert run([*REVIEW, "--model", model, "--budget-calls", "3"]) == 0
    out, err = capsys.readouterr()
    assert len(server.requests) == 3
    assert "the budget of 3 calls is spent" in " ".join((out + err).split())
    assert run(["review", "--resume", last().id]) == 0
    assert len(server.requests) == 4


def test_a_policy_that_is_not_met_is_exit_code_1(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the failed votes and their causes, and how to resume."""
    server.on("**Security**", Reply(status=418))
    options = ["--model", model, "--completion", "tolerated_failures(0)"]
    assert run([*REVIEW, *options]) == 1
    err = capsys.readouterr().err
    assert "langgraph-parallel: tolerated_failures(0) is not met: " in err
    assert "review[security] app.py: none of 2 branches below ended ok: 418 from http" in err
    assert f"--resume {last().id}" in err
    server.always(Reply(json={"findings": []}))
    assert run(["review", "--resume", last().id]) == 0


def test_the_other_limits_reach_the_run(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deadline, rates, hedging and time-outs are those of the graph."""
    assert run([*REVIEW, "--model", model]) == 0  # so that no import or connection is within the deadline
    server.on("reviewer 2 ", Reply(hang=True))
    options = ["--deadline", "6", "--rpm", "60000", "--tpm", "9000000", "--hedge", "p95", "--timeout", "60"]
    capsys.readouterr()
    assert run([*REVIEW, "--model", model, *options]) == 0
    out, err = capsys.readouterr()
    assert "2 ok, 2 timed out" in " ".join(err.split())
    assert "the run's deadline has passed" in " ".join((out + err).split())
