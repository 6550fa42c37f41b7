"""A review inside a foreign agent: streamed, killed half way, resumed."""

import asyncio
import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel import Limits
from tests.support.embedded_agent import build
from tests.support.fans import GIVEN, nested
from tests.support.server import Gate, ModelServer, Reply

ROOT = Path(__file__).parents[2]
FOUND = {
    "findings": [
        {
            "path": "app.py",
            "line": 2,
            "quote": "return name.lenght",
            "severity": "high",
            "message": "The attribute lenght does not exist",
            "explanation": "AttributeError",
            "suggestion": "len(name)",
        }
    ]
}


def _start(database: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.embedded_agent", str(database)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    result: dict[str, Any] = json.loads(output)
    return result


def _finished_voters(database: Path) -> int:
    """Voters' branches whose result the checkpointer has put on disk; `open` writes there too, to reset."""
    query = """
        SELECT COUNT(DISTINCT task_id) FROM writes
        WHERE channel = 'branches' AND checkpoint_ns LIKE '%|vote:%'
        AND task_id NOT IN (SELECT task_id FROM writes WHERE channel = 'voters')
    """
    with closing(sqlite3.connect(database)) as connection:
        found: int = connection.execute(query).fetchone()[0]
    return found


def _until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    while not condition():
        time.sleep(0.005)


def _prompts(server: ModelServer) -> Counter[str]:
    return Counter(request.prompt for request in server.requests)


def test_killed_half_way_only_unfinished_branches_run_again(
    model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After kill -9 no voter that had finished is asked again, and the result is the undisturbed one."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    server.always(Reply(json=FOUND))
    undisturbed = _finish(_start(tmp_path / "undisturbed.sqlite"))
    expected = _prompts(server)
    assert len(expected) == 12

    server.requests.clear()
    gate = Gate()
    server.on("You are reviewer 2 ", Reply(json=FOUND, gate=gate))
    server.on("one aspect only: **Security**", Reply(json=FOUND, gate=gate))
    database = tmp_path / "killed.sqlite"
    process = _start(database)
    server.wait(lambda s: len(s.requests) == 12 and s.in_flight == 6)
    while _finished_voters(database) < 6:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    server.wait(lambda s: s.in_flight == 0)
    before = list(server.requests)
    answered = {request.prompt for request in before if request.status == 200}
    assert len(answered) == 6

    gate.open()
    resumed = _finish(_start(database))
    again = {request.prompt for request in server.requests[len(before) :]}
    assert again == set(expected) - answered
    assert _prompts(server) == Counter({prompt: 1 if prompt in answered else 2 for prompt in expected})
    assert resumed == undisturbed
    assert (resumed["log"], resumed["missing"]) == (["start", "finish"], 7)
    assert resumed["branches"] == {"ok": 12}
    assert (resumed["calls"], resumed["tokens"]) == (12, 120)


async def test_it_streams_through_every_level(
    model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Updates come from the agent, the review and the votes; custom events name each branch."""
    server.always(Reply(json=FOUND))
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db.sqlite")) as checkpointer:
        graph = build().compile(checkpointer=checkpointer)
        config: Any = {"configurable": {"thread_id": "1"}}
        modes: Any = ["updates", "custom"]
        seen: list[Any] = [
            part async for part in graph.astream({"task": "x"}, config, stream_mode=modes, subgraphs=True)
        ]
    updates = Counter((len(place), node) for place, mode, data in seen if mode == "updates" for node in data)
    assert updates[(0, "review")] == updates[(1, "plan")] == updates[(1, "unite")] == 1
    assert (updates[(1, "vote")], updates[(2, "voter")]) == (4, 12)
    events = [data for _, mode, data in seen if mode == "custom"]
    told = Counter((e["kind"], e["event"]) for e in events if e["event"] in ("started", "ended"))
    assert told == {
        ("section", "started"): 4,
        ("section", "ended"): 4,
        ("voter", "started"): 12,
        ("voter", "ended"): 12,
    }
    voter = next(e for e in events if e["event"] == "ended" and e["kind"] == "voter")
    assert voter["branch"][0] in {
        f"{aspect}/1" for aspect in ("security", "correctness", "performance", "style")
    }
    assert voter["status"] == "ok"


async def test_a_second_change_on_the_same_thread_is_a_new_review(
    model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The review of the first change is not counted into that of the second."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    server.always(Reply(json=FOUND))
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "db.sqlite")) as checkpointer:
        graph = build().compile(checkpointer=checkpointer)
        config: Any = {"configurable": {"thread_id": "1"}}
        first = await graph.ainvoke({"task": "one"}, config)
        second = await graph.ainvoke({"task": "two"}, config)
    assert first["markdown"] == second["markdown"]
    assert second["run_report"].branches == {"ok": 12}
    assert len(server.requests) == 24


async def test_it_is_a_runnable_like_any_other(model: str, server: ModelServer) -> None:
    """In a chain, in a batch, as a copy with a config, and as a stream of events."""
    chain = (
        RunnableLambda(lambda _: GIVEN) | nested(2, 2, model) | RunnableLambda(lambda out: out["run_report"])
    )
    assert (await chain.ainvoke(None)).branches == {"ok": 4}
    copy = nested(2, 2, model, limits=Limits(budget_calls=3)).with_config({"tags": ["mine"]})
    outs = await copy.abatch([GIVEN, GIVEN])
    assert [out["run_report"].branches for out in outs] == [{"ok": 3, "skipped": 1}] * 2
    events = [event["event"] async for event in copy.astream_events(GIVEN, version="v2")]
    assert events.count("on_chat_model_end") == 3


async def test_a_foreign_context_is_left_alone(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever context the agent around it has, the review runs as it was built."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    out = await build().compile().ainvoke({"task": "x"}, context={"model": 7, "colour": "blue"})
    assert out["run_report"].branches == {"ok": 12}


async def test_cancelled_half_way_and_resumed_in_the_same_process(
    model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled run leaves what had finished in the checkpoint; resuming asks only for the rest."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    gate = Gate()
    server.always(Reply(json=FOUND))
    server.on("You are reviewer 1 ", Reply(json=FOUND, gate=gate))
    database = tmp_path / "db.sqlite"
    config: Any = {"configurable": {"thread_id": "1"}}
    async with AsyncSqliteSaver.from_conn_string(str(database)) as checkpointer:
        graph = build().compile(checkpointer=checkpointer)
        run = asyncio.ensure_future(graph.ainvoke({"task": "x"}, config))
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 4 and len(s.requests) == 12)
        await asyncio.to_thread(_until, lambda: _finished_voters(database) == 8)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        server.wait(lambda s: s.in_flight == 0)
        gate.open()
        out = await graph.ainvoke(None, config)
    assert sorted(_prompts(server).values()) == [1] * 8 + [2] * 4
    assert (out["run_report"].branches, len(out["run_report"].calls)) == ({"ok": 12}, 12)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """`examples/embedding.py` does what the README says, without a key."""
    spec = importlib.util.spec_from_file_location("embedding", ROOT / "examples" / "embedding.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert asyncio.run(module.main()).startswith("sent back to ada: 3 severe findings")
    assert "    voter" in capsys.readouterr().out
