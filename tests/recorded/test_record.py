"""Records of runs: where they go, what they hold, and what becomes of them when a run does not end well."""

import asyncio
import json
import logging
import os
import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from langgraph_parallel import Limits, aredrive, create_labeling, create_voting, drain, errors, recording
from langgraph_parallel.recording import Recording, RunRecord, read_record
from langgraph_parallel.runtime.record_report import measure_record
from langgraph_parallel.testing import FakeModel
from tests.support import made_records
from tests.support.clock import Clock
from tests.support.fans import GIVEN, WORDS, YES, flat, nested
from tests.support.server import Gate, ModelServer, Reply

THREAD: Any = {"configurable": {"thread_id": "one"}}
ONCE = Limits(attempts=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "run.json"


async def test_a_file_has_the_run(server: ModelServer, model: str, file: Path) -> None:
    """Graphs, branches, calls and votes of all levels are in it, and nobody else may read it."""
    server.always(Reply(json=YES))
    out = await nested(2, 3, model, record=file).ainvoke(GIVEN)
    record = read_record(file)
    assert (record.status, record.name, record.thread) == ("ok", "sectioning", None)
    assert [graph.kind for graph in record.graphs] == ["sectioning", "voting", "voting"]
    assert [graph.parent for graph in record.graphs] == [None, 0, 0]
    assert len(record.branches) == 2 + 6
    assert {call.id for call in record.calls} == {call.id for call in out["run_report"].calls}
    votes = [graph.vote for graph in record.graphs if graph.vote]
    assert [(vote.status, vote.choice, vote.k, vote.n) for vote in votes] == [("decided", "yes", 3, 3)] * 2
    assert [ballot.choice for ballot in votes[0].ballots] == ["yes"] * 3
    assert _rights(file) == 0o600


async def test_a_record_counts_from_when_the_run_was_called(file: Path) -> None:
    """As its deadline and its report do: what LangGraph does before the first node is part of the run."""
    looked_up: list[float] = []

    class Saver(InMemorySaver):
        async def aget_tuple(self, config: Any) -> Any:
            looked_up.append(time.time())
            return await super().aget_tuple(config)

    await _vote(record=file, checkpointer=Saver()).ainvoke({"question": "Is it?"}, THREAD)
    assert read_record(file).started < looked_up[0]


async def test_every_call_is_in_the_branch_that_made_it(server: ModelServer, model: str, file: Path) -> None:
    """The positions lead from a call to its voter, from there to the vote, and to the section around it."""
    server.always(Reply(json=YES))
    await nested(2, 1, model, record=file).ainvoke(GIVEN)
    record = read_record(file)
    for call in record.calls:
        assert call.branch is not None
        voter = record.branches[call.branch]
        vote = record.graphs[voter.graph]
        assert (voter.kind, vote.kind, call.graph) == ("voter", "voting", voter.graph)
        assert vote.branch is not None
        assert record.branches[vote.branch].path == voter.path[:1]


async def test_a_folder_has_a_file_for_each_run(tmp_path: Path) -> None:
    """Runs at the same time do not write over each other."""
    vote = _vote(record=f"{tmp_path}/runs/")
    await asyncio.gather(*(vote.ainvoke({"question": f"{number}?"}) for number in range(3)))
    assert [record.status for record in _records(tmp_path)] == ["ok"] * 3


async def test_a_function_gets_the_record() -> None:
    """It is called once, at the end."""
    got: list[RunRecord] = []
    await _vote(record=got.append).ainvoke({"question": "Is it?"})
    assert [record.status for record in got] == ["ok"]


async def test_an_error_of_the_function_does_not_harm_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """What was answered is worth more than its record, whose loss is logged."""

    def fail(record: RunRecord) -> None:
        raise OSError("disk full")

    with caplog.at_level(logging.WARNING):
        out = await _vote(record=fail).ainvoke({"question": "Is it?"})
    assert out["verdict"].choice == "yes"
    assert "the record of the run was not written: OSError: disk full" in caplog.text


async def test_the_config_goes_before_the_graph_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several places the nearest one counts."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_RECORD", f"{tmp_path}/environment/")
    await _vote().ainvoke({"question": "Is it?"})
    await _vote(record=tmp_path / "graph.json").ainvoke({"question": "Is it?"})
    config = recording.into(tmp_path / "config.json", THREAD)
    await _vote(record=tmp_path / "other.json").ainvoke({"question": "Is it?"}, config)
    assert _names(tmp_path) == ["config.json", "environment", "graph.json"]
    assert len(_names(tmp_path / "environment")) == 1
    assert "langgraph_parallel_record" not in str(THREAD)


@pytest.mark.parametrize("record", ["", "  ", 3], ids=["empty", "blank", "a number"])
def test_a_place_that_is_none_is_refused(record: Any) -> None:
    """Before anything is run, with the forms that there are."""
    with pytest.raises(errors.UsageError, match=r"expected a file, a folder/, a function, or a Recording"):
        _vote(record=record)


async def test_a_file_that_holds_something_else_stays(file: Path) -> None:
    """It is refused before any call."""
    _write(file, "my notes")
    model = FakeModel(default={"choice": "yes"})
    with pytest.raises(errors.UsageError, match=r"is not the record of a run.*name another file"):
        await _vote(model=model, record=file).ainvoke({"question": "Is it?"})
    assert (_text(file), model.prompts) == ("my notes", [])


async def test_a_record_goes_into_no_device_or_pipe() -> None:
    """Reading /dev/full or /dev/stdout would never end: what is no file is refused before any call."""
    model = FakeModel(default={"choice": "yes"})
    with pytest.raises(errors.UsageError, match=r"neither a file nor a folder; name a file"):
        await _vote(model=model, record=os.devnull).ainvoke({"question": "Is it?"})
    assert model.prompts == []


async def test_a_second_run_replaces_the_record_of_the_first(file: Path) -> None:
    """A new question is a new run, on the same thread too."""
    vote = _vote(record=file, checkpointer=InMemorySaver())
    await vote.ainvoke({"question": "One?"}, THREAD)
    first = read_record(file)
    await vote.ainvoke({"question": "Two?"}, THREAD)
    second = read_record(file)
    assert len(second.invocations) == 1
    assert first.invocations[0].run != second.invocations[0].run


@pytest.mark.parametrize("place", ["run.json", "runs/"])
async def test_a_redrive_goes_on_with_the_record(
    place: str, server: ModelServer, model: str, tmp_path: Path
) -> None:
    """All calls of all invocations are in one record, which equals the report of the last one."""
    server.always(Reply(json=YES))
    server.on(WORDS.format(1), Reply(status=400), times=1)
    graph = flat(3, model, limits=ONCE, record=f"{tmp_path}/{place}", checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, THREAD)
    out = await aredrive(graph, THREAD)
    (record,) = _records(tmp_path)
    assert [each.status for each in record.invocations] == ["partial", "ok"]
    assert record.graphs[1].kept == ["0", "2"]
    assert len(record.calls) == 4
    assert measure_record(record).branches == out["run_report"].branches == {"ok": 3}


async def test_a_vote_that_goes_on_is_one_vote(file: Path) -> None:
    """Asked by one invocation and decided by a person in the next: one of one is decided, in a replay too."""
    answers = {"a": lambda question: "yes", "b": lambda question: "no"}
    vote = create_voting(
        voters=answers,
        choices=["yes", "no"],
        rule="unanimous",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
        record=file,
    )
    await vote.ainvoke({"question": "Is it?"}, THREAD)
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "yes"}}}
    await vote.ainvoke(Command(resume={"decisions": [edit]}), THREAD)
    record = read_record(file)
    assert len([graph.vote for graph in record.graphs if graph.vote]) == 2
    assert "1 of 1 vote decided" in str(record)
    assert recording.replay(record).votes == 1


async def test_a_person_is_waited_for(server: ModelServer, model: str, file: Path) -> None:
    """The record says so, and goes on with the answer."""
    server.on("voter 1", Reply(json=YES))
    server.on("voter 2", Reply(json={**YES, "choice": "no"}))
    vote = create_voting(
        model=model,
        choices=["yes", "no"],
        voters=2,
        rule="unanimous",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
        record=file,
    )
    await vote.ainvoke({"question": "Is it?"}, THREAD)
    assert read_record(file).status == "interrupted"
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "yes"}}}
    await vote.ainvoke(Command(resume={"decisions": [edit]}), THREAD)
    record = read_record(file)
    assert [each.status for each in record.invocations] == ["interrupted", "ok"]
    assert [each.resumed for each in record.invocations] == [False, True]
    last = record.graphs[-1].vote
    assert last is not None
    assert (last.choice, last.decided_by) == ("yes", "person")


async def test_a_cancelled_run_has_a_record(server: ModelServer, model: str, file: Path) -> None:
    """With what had ended, and with the calls that were cut off."""
    server.always(Reply(json=YES))
    server.on(WORDS.format(1), Reply(hang=True))
    running = asyncio.ensure_future(flat(2, model, record=file).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.hanging == 1 and len(s.requests) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    record = read_record(file)
    assert record.status == "cancelled"
    assert sorted(call.ok for call in record.calls) == [False, True]


@pytest.mark.parametrize("ends", ["drain", "budget"])
async def test_what_the_run_itself_ended_has_no_cause(
    ends: str, server: ModelServer, model: str, file: Path
) -> None:
    """Nothing has failed: `ended_by` says what ended the branch, in the record and in words in its report."""
    gate = Gate()
    server.always(Reply(json=YES, gate=gate))
    limits = Limits(concurrency=1, samples="off", budget_calls=1 if ends == "budget" else None)
    running = asyncio.ensure_future(flat(3, model, record=file, limits=limits).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
    if ends == "drain":
        drain()
    gate.open()
    await running
    record = read_record(file)
    skipped = [branch for branch in record.branches if branch.status == "skipped"]
    assert [(branch.cause, branch.ended_by) for branch in skipped] == [(None, ends)] * 2
    said = {"drain": "the run was stopped", "budget": "the budget is spent"}[ends]
    assert list(measure_record(record).failures.values()) == [said] * 2


async def test_a_run_that_raises_has_a_record(server: ModelServer, model: str, file: Path) -> None:
    """With the calls that were paid, and how it ended."""
    server.always(Reply(status=400))
    with pytest.raises(errors.CompletionError):
        await flat(2, model, limits=ONCE, completion="min_success(1)", record=file).ainvoke(GIVEN)
    record = read_record(file)
    assert (record.status, record.graphs[0].error) == ("failed", "CompletionError")
    assert [branch.cause for branch in record.branches] == ["request", "request"]


async def test_a_killed_process_leaves_what_it_had_recorded(
    server: ModelServer, model: str, file: Path, clock: Clock
) -> None:
    """A record is written while its run goes on: what has ended is in it, and the run is `running`."""
    first, rest = Gate(), Gate()
    server.always(Reply(json=YES, gate=rest))
    server.on(WORDS.format(0), Reply(json=YES, gate=first))
    running = asyncio.ensure_future(flat(3, model, limits={"concurrency": 2}, record=file).ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 2)
    clock.advance(2)
    first.open()
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 3)
    left = read_record(file)
    assert (left.status, sorted(call.ok for call in left.calls)) == ("running", [False, True])
    rest.open()
    await running
    assert read_record(file).status == "ok"


async def test_contents_are_left_out(server: ModelServer, model: str, file: Path) -> None:
    """Answers, values, questions and messages of errors are in no record that was not asked for them."""
    server.on("voter 1", Reply(json={**YES, "choice": "SECRET-ANSWER", "rationale": "SECRET-WHY"}))
    server.on("voter 2", Reply(status=400, body={"error": {"message": "SECRET-MESSAGE"}}))
    server.on("voter 3", Reply(json={**YES, "choice": "SECRET-ANSWER"}))
    vote = create_voting(model=model, voters=3, stop="all_votes", limits=ONCE, record=file)
    await vote.ainvoke({"question": "SECRET-QUESTION"})
    assert "SECRET" not in _text(file)
    vote_record = read_record(file).graphs[0].vote
    assert vote_record is not None
    assert [ballot.choice for ballot in vote_record.ballots if ballot.status == "cast"] == ["answer 1"] * 2
    assert vote_record.choice == "answer 1"


async def test_contents_are_kept_where_they_are_asked_for(
    server: ModelServer, model: str, file: Path
) -> None:
    """Answers and messages of errors; prompts never."""
    server.on("voter 1", Reply(json={**YES, "choice": "the answer"}))
    server.on("voter 2", Reply(status=400))
    vote = create_voting(
        model=model, voters=2, stop="all_votes", limits=ONCE, record=Recording(file, contents=True)
    )
    await vote.ainvoke({"question": "the question"})
    text = _text(file)
    assert "the answer" in text
    assert "voter 2" not in text
    assert [branch.error is None for branch in read_record(file).branches] == [True, False]
    assert "the question" not in text


async def test_no_key_is_in_a_record(server: ModelServer, model: str, file: Path) -> None:
    """Nor in one with contents, where an error quotes it."""
    key = "sk-test-not-a-real-key"
    server.always(Reply(status=401, body={"error": {"message": f"Incorrect API key provided: {key}"}}))
    await flat(1, model, limits=ONCE, record=Recording(file, contents=True)).ainvoke(GIVEN)
    assert key not in _text(file)


class Given(TypedDict):
    """The state of a graph around."""

    question: str


@pytest.mark.parametrize("streamed", [False, True], ids=["invoked", "streamed"])
async def test_within_a_graph_of_the_users(streamed: bool, file: Path) -> None:
    """The node is named, and the run is recorded however the graph around is run."""
    builder = StateGraph(Given)
    builder.add_node("ask", _vote(record=file))
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    app: Any = builder.compile()
    if streamed:
        async for _ in app.astream({"question": "Is it?"}, stream_mode="custom", subgraphs=True):
            pass
    else:
        await app.ainvoke({"question": "Is it?"})
    record = read_record(file)
    assert (record.status, record.graphs[0].node) == ("ok", "ask")


def test_sync_runs_are_recorded(file: Path) -> None:
    """As the others."""
    _vote(record=file).invoke({"question": "Is it?"})
    assert read_record(file).status == "ok"


async def test_events_are_the_same_with_a_record(file: Path) -> None:
    """Who listens to a run hears no other events because it is recorded."""

    async def heard(**options: Any) -> list[str]:
        vote = _vote(**options)
        return [e["event"] async for e in vote.astream({"question": "Is it?"}, stream_mode="custom")]

    assert await heard() == await heard(record=file)
    assert read_record(file).status == "ok"


async def test_nested_votes_are_recorded_on_the_short_way(file: Path) -> None:
    """Those of a labeling, which runs without LangGraph, too."""
    model = FakeModel(default={"choice": "yes"})
    graph = create_labeling(labels=["yes", "no"], model=model, record=file)
    await graph.ainvoke({"items": ["a", "b"]})
    record = read_record(file)
    assert [graph.kind for graph in record.graphs] == ["labeling", "voting", "voting"]
    assert [graph.status for graph in record.graphs] == ["ok"] * 3
    assert len(record.calls) == len(model.prompts)


def test_a_record_of_a_later_version_is_refused(file: Path) -> None:
    """It is not misread."""
    file.write_text(json.dumps({"v": 2, "started": 0}))
    with pytest.raises(errors.UsageError, match=r"a record of version 2, and this release reads version 1"):
        read_record(file)


def test_a_field_of_a_later_release_is_told(file: Path) -> None:
    """Within a version fields are added: such a document is a record, and not one that this release reads."""
    file.write_text(json.dumps({**_document(), "weather": "fine"}))
    with pytest.raises(
        errors.UsageError, match=r"has weather, which this release does not know; read it with"
    ):
        read_record(file)


@pytest.mark.parametrize(
    ("table", "column", "value", "said"),
    [
        ("calls", "branch", 99, "calls.0.branch is 99, and leads nowhere"),
        ("calls", "graph", -1, "calls.0.graph is -1, and leads nowhere"),
        ("branches", "path", [], "branches.0.path is empty"),
        ("graphs", "parent", 0, "graphs.0.parent is 0, and leads nowhere"),
        ("graphs", "invocation", 1, "graphs.0.invocation is 1, and leads nowhere"),
        ("waits", "ended", 1e300, "waits.0.ended is no time: 1e+300"),
        ("calls", "started", float("nan"), "calls.0.started is no time: nan"),
        ("invocations", "ended", float("inf"), "invocations.0.ended is no time: inf"),
    ],
    ids=["no branch", "no graph", "no path", "in itself", "no invocation", "far away", "NaN", "infinite"],
)
def test_a_damaged_record_is_refused(file: Path, table: str, column: str, value: Any, said: str) -> None:
    """What no view could show is told when it is read, with its place."""
    document = _document()
    document[table][0][column] = value
    file.write_text(json.dumps(document))
    with pytest.raises(errors.UsageError, match=rf"{re.escape(said)}; it was changed since it was written"):
        read_record(file)


def test_a_graph_is_in_a_branch_of_its_parent(file: Path) -> None:
    """A branch of itself would never end to be shown."""
    document = _document()
    own = next(place for place, row in enumerate(document["branches"]) if row["graph"] == 1)
    document["graphs"][1]["branch"] = own
    file.write_text(json.dumps(document))
    with pytest.raises(errors.UsageError, match=rf"graphs.1.branch is {own}, which is in another graph than"):
        read_record(file)


async def test_half_of_a_character_does_not_cost_the_record(file: Path) -> None:
    """JSON cannot hold it, and names of files and texts that were cut have some."""
    vote = create_voting(
        voters={"cut \ud800": lambda question: "ja \udfff"}, record=Recording(file, contents=True)
    )
    await vote.ainvoke({"question": "Is it?"})
    record = read_record(file)
    assert record.graphs[0].vote is not None
    assert record.graphs[0].vote.voters == ["cut \ufffd"]
    assert [ballot.choice for ballot in record.graphs[0].vote.ballots] == ["ja \ufffd"]
    assert [call.target for call in record.calls] == ["vote[voting#cut \ufffd]"]


def test_a_byte_order_mark_is_no_damage(file: Path) -> None:
    """Editors and shells write one."""
    file.write_text(json.dumps(_document()), encoding="utf-8-sig")
    assert read_record(file) == made_records.nested()


def _document() -> Any:
    return json.loads(made_records.nested().to_json())


def _vote(model: Any = None, **options: Any) -> Any:
    model = model or FakeModel(default={"choice": "yes"})
    return create_voting(model=model, choices=["yes", "no"], voters=2, **options)


def _records(folder: Path) -> list[RunRecord]:
    return [read_record(each) for each in sorted(folder.rglob("*.json")) if each.is_file()]


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def _text(file: Path) -> str:
    return file.read_text()


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def _rights(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)
