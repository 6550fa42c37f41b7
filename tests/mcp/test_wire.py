"""The wire: what is no message, old protocols, a client that leaves, signals, a missing extra."""

import json
import signal
import sys

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.testing import Gate, ModelServer, Reply
from tests.cli.support import PATIENCE
from tests.mcp.support import raw

KEY = "sk-test-not-a-real-key"
QUESTION = {"question": "Is it done?", "choices": ["yes", "no"]}


def test_a_client_that_leaves_ends_everything(server: ModelServer) -> None:
    """Junk is skipped, an old protocol is spoken; once its input is closed, the server ends with 0."""
    server.on("Is it done?", Reply(json={"choice": "yes"}, gate=Gate()))
    variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url}
    with raw("--model", "openai:test-model", **variables) as wire:
        assert wire.begin("2024-11-05")["protocolVersion"] == "2024-11-05"
        wire.send(b"junk", b"", b'{"id": 1}', b"\xff\xfe", b"[" * 1000, {"id": 1, "method": "ping"})
        assert wire.read() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        wire.call(2, "moderate", text="Write to ann@example.org.", checks=["personal_data"])
        result = wire.read()["result"]
        assert [one["type"] for one in result["content"]] == ["text"]
        wire.call(3, "vote", **QUESTION)
        server.wait(lambda s: s.in_flight == 2, PATIENCE)
        code, out, err = wire.end()
    assert code == 0, err
    server.wait(lambda s: s.in_flight == 0 and s.cut_off == 2, PATIENCE)
    assert all(json.loads(line)["id"] == 3 for line in out.splitlines())
    assert "what the client sent is no JSON-RPC message: b'junk" in err
    assert "Traceback" not in err


def test_a_signal_lets_a_run_end_and_its_result_arrive(server: ModelServer) -> None:
    """The run closes on the voters that had answered; its result reaches the client, and the server ends."""
    server.always(Reply(json={"choice": "yes"}, gate=Gate()))
    server.on(lambda request: len(server.requests) == 1, Reply(json={"choice": "yes"}))
    variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url}
    with raw("--model", "openai:test-model", "--grace", "0.2", **variables) as wire:
        wire.begin()
        wire.call(1, "vote", **QUESTION)
        server.wait(lambda s: len(s.requests) == 2 and s.in_flight == 1, PATIENCE)
        wire.process.send_signal(signal.SIGTERM)
        result = wire.read()["result"]
        code, out, err = wire.end()
    assert result["structuredContent"]["counts"] == [{"choice": "yes", "votes": 1}]
    assert "stopped by SIGTERM" in result["content"][0]["text"]
    assert (code, out) == (0, b"")
    assert "stopping: running calls may finish" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("missing", ["mcp", "mcp.server.context"])
def test_without_the_extra_the_command_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The SDK may be missing, or be of an older version."""
    for name in [name for name in sys.modules if name.startswith("langgraph_parallel.mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert run(["mcp"]) == 2
    assert capsys.readouterr().err == (
        "langgraph-parallel: error: the server needs the SDK of MCP, version 2.3 or later: pip install "
        "'langgraph-parallel[mcp]'\n"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--root", "none"], "--root none is not a folder"),
        (["--offline", "--model", "openai:m"], "--offline and --model exclude each other"),
        (["--model", "openai:m"], "OPENAI_API_KEY"),
        (["--budget-usd", "1", "--model", "openai:unknown"], "--budget-usd needs a price"),
    ],
)
def test_options_are_checked_before_the_server_starts(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log of the client shows one line."""
    assert run(["mcp", *options]) == 2
    assert words in capsys.readouterr().err
