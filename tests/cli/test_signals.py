"""Signals: the first drains a run, the second cancels it; a closed pipe is not a failure."""

import json
import signal
from pathlib import Path

import pytest

from langgraph_parallel.cli.signals import run_to_end
from tests.cli.support import PATIENCE, UNSAFE, read_line, started, write
from tests.support.server import Gate, ModelServer, Reply


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_prints_what_has_finished(
    number: signal.Signals, model: str, server: ModelServer
) -> None:
    """Votes that were cut short count with the ballots that they had; every connection is closed."""
    write({"unsafe.py": UNSAFE})
    finding = {
        "path": "unsafe.py",
        "line": 5,
        "quote": "subprocess.call('ls ' + name, shell=True)",
        "severity": "high",
        "message": "Command injection",
        "explanation": "The name reaches a shell.",
        "suggestion": "Use a list.",
    }
    later, never = Gate(), Gate()
    server.always(Reply(json={"findings": [finding]}))
    server.on("one aspect only: **Security**", Reply(json={"findings": [finding]}, gate=later))
    server.on(lambda r: "reviewer 3 " in r.prompt and "**Correctness**" in r.prompt, Reply(gate=never))
    options = ["--aspects", "security,correctness", "--no-engines", "--model", model, "--grace", "0.3"]
    with started("review", "unsafe.py", *options) as process:
        server.wait(lambda s: len(s.requests) == 6 and s.in_flight == 4, PATIENCE)
        later.open()  # two voters of correctness were heard before the vote on security closes
        assert read_line(process) == "6 voters in 2 votes\n"
        assert "review[security] unsafe.py: 3 of 3 voters" in read_line(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "The run was stopped before all voters had answered." in out
    assert "Traceback" not in err
    assert "security: judged, 3 of 3 ballots" in out
    assert "correctness: partly judged, 2 of 3 ballots, 1 failed" in out
    assert "3/3 reported by model#1 (test-model), model#2 (test-model), model#3 (test-model)" in " ".join(
        out.split()
    )
    server.wait(lambda s: s.in_flight == 0, PATIENCE)


@pytest.mark.parametrize(
    "command",
    [
        ["vote", "Is it?", "--choices", "yes,no", "--voters", "3"],
        ["run", "voting", "question=Is it?", "--set", 'choices=["yes", "no"]', "--set", "voters=3"],
    ],
    ids=["vote", "run"],
)
def test_an_answer_of_a_run_that_was_stopped_is_no_success(
    command: list[str], model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell that goes on with `&&` does not take the ballots so far for a vote: it is 130, as elsewhere."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_GRACE", "0.1")
    server.always(Reply(hang=True))
    server.on("voter 1", Reply(json={"choice": "yes"}))
    with started(*command, "--model", model, "--quiet") as process:
        server.wait(lambda s: s.hanging == s.in_flight == 1 and len(s.requests) == 2, PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "yes" in out


def test_a_closed_pipe_is_not_a_failure() -> None:
    """`langgraph-parallel ... | head` exits with 0 and prints no error."""
    Path("votes.jsonl").write_text(json.dumps({"samples": ["a", "a", "b"]}))
    with started("replay", "votes.jsonl") as process:
        assert process.stdout is not None
        process.stdout.close()  # long before the process can write
        assert process.wait(PATIENCE) == 0
        assert read_line(process) == ""


def test_a_large_result_is_not_written_down_at_the_end() -> None:
    """A run in an event loop of its own returns its result, and never asks for the text of it."""

    class Result:
        def __repr__(self) -> str:
            raise AssertionError("the result was written down")

    async def run() -> Result:
        return Result()

    assert isinstance(run_to_end(run()), Result)
