"""The option `--batch`, and the command `batches`."""

import json
import signal

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.runtime.batch.settings import bounds
from tests.cli.support import PATIENCE, read_line, started
from tests.support.server import Gate, ModelServer, Reply

VOTE = ["vote", "Is it?", "--choices", "yes,no", "--batch"]


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch, server: ModelServer) -> None:
    """Let the lane of this process wait for milliseconds, and the server answer yes."""
    for name in ("quiet", "first_poll", "longest_poll"):
        monkeypatch.setattr(bounds, name, 0.05)
    server.always(Reply(json={"choice": "yes"}))


def test_a_command_in_the_lane_says_what_it_waits_for(
    server: ModelServer, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--batch` sends one file, and names the batch once on standard error."""
    assert run([*VOTE, "--model", model]) == 0
    assert [len(batch.lines) for batch in server.batches.created] == [3]
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("waiting for batch")]
    assert len(told) == 1
    assert "batch_1 (3 calls, submitted at " in told[0]


def test_what_ctrl_c_leaves_the_same_command_collects(
    server: ModelServer, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stopped command says that its batch is kept; it is listed, and the next one submits nothing."""
    server.batches.gate = Gate()
    with started(*VOTE, "--model", model) as process:
        while "waiting for batch" not in read_line(process):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert "start the same command again" in " ".join(said.split())
    assert run(["batches", "--format", "json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["remote"], listed["calls"], listed["model"]) == ("batch_1", 3, "test-model")
    server.batches.gate.open()
    assert run([*VOTE, "--model", model]) == 0
    assert len(server.batches.created) == 1
    capsys.readouterr()
    assert run(["batches"]) == 0
    assert capsys.readouterr().out == "no batches are kept\n"


def test_batches_are_cancelled_at_their_endpoint(
    server: ModelServer, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--cancel` needs the endpoint and the key of the batch; an id that is not open is an error."""
    server.batches.gate = Gate()
    with started(*VOTE, "--model", model) as process:
        while "waiting for batch" not in read_line(process):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert run(["batches", "--cancel", "batch_7"]) == 2
    assert run(["batches", "--cancel", "all", "--base-url", "http://127.0.0.1:9/v1"]) == 0
    assert "OPENAI_BASE_URL" in capsys.readouterr().out
    assert run(["batches", "--cancel", "batch_1"]) == 0
    assert capsys.readouterr().out == "batch_1: cancelled\n"
    assert server.batches.created[0].status == "cancelled"
    assert run(["batches", "--format", "json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["status"], listed["remote"]) == ("cancelled", "batch_1")
