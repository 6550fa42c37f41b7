"""KPIs as feedback on a trace, and votes that a person has to decide in an annotation queue."""

import logging
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.tracers.langchain import LangChainTracer
from langgraph.checkpoint.memory import InMemorySaver
from langsmith import Client

from langgraph_parallel import create_voting, errors
from langgraph_parallel.runtime.trace_feedback import _threads
from langgraph_parallel.testing import FakeModel
from tests.support.fans import GIVEN, YES, nested
from tests.support.feedback_sink import PROJECT, FeedbackSink
from tests.support.server import ModelServer, Reply


def traced(sink: FeedbackSink, **config: Any) -> Any:
    """Return a config whose traces go to the sink."""
    client = Client(api_url=sink.url, api_key="lsv2_not_a_real_key")
    return {"callbacks": [LangChainTracer(client=client)], **config}


def sent() -> None:
    """Wait until all that is to be sent has been."""
    _threads().submit(lambda: None).result(30)


async def test_the_kpis_are_feedback_on_the_run_of_the_graph(server: ModelServer, model: str) -> None:
    """The four of the pattern, failures and saved calls, each once, on the run that the config names."""
    server.always(Reply(json=YES, delay=0.02))
    server.on("voter 2", Reply(json={**YES, "choice": "no"}))
    run_id = uuid4()
    with FeedbackSink() as sink:
        graph = nested(2, 3, model, trace_feedback=True, limits={"price_input": 1e3, "price_output": 1e3})
        out = await graph.ainvoke(GIVEN, traced(sink, run_id=run_id))
        sent()
    scores = {each["key"]: each["score"] for each in sink.feedback}
    assert len(scores) == len(sink.feedback) == 6
    assert {(each["run_id"], each["session_id"]) for each in sink.feedback} == {(str(run_id), PROJECT)}
    assert scores["concurrency_cost"] == pytest.approx(out["run_report"].usd)
    assert scores["aggregation_quality"] == pytest.approx(2 / 3, abs=1e-4)
    assert 0 <= scores["latency_reduction"] < 1
    assert (scores["throttle_rate"], scores["failed_branches"], scores["calls_saved"]) == (0, 0, 0)


async def test_feedback_does_not_lengthen_the_keeping_of_a_trace(server: ModelServer, model: str) -> None:
    """LangSmith keeps traces with feedback for longer, at a higher price, unless it is told not to."""
    server.always(Reply(json=YES))
    with FeedbackSink() as sink:
        await nested(1, 1, model, trace_feedback=True).ainvoke(GIVEN, traced(sink))
        sent()
    assert {each["extend_trace_retention"] for each in sink.feedback} == {False}


@pytest.mark.parametrize(
    ("option", "variable", "is_sent"),
    [(None, None, False), (None, "true", True), (False, "true", False), (None, "false", False)],
    ids=["by default", "by the environment", "the graph says no", "the environment says no"],
)
async def test_feedback_is_sent_where_it_is_wanted(
    option: bool | None, variable: str | None, is_sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent unasked; the graph goes before the environment."""
    if variable:
        monkeypatch.setenv("LANGGRAPH_PARALLEL_TRACE_FEEDBACK", variable)
    with FeedbackSink() as sink:
        vote = _vote(trace_feedback=option)
        await vote.ainvoke({"question": "Is it?"}, traced(sink))
        sent()
    assert bool(sink.feedback) == is_sent


async def test_a_run_that_asks_a_person_is_in_the_queue() -> None:
    """The one whose vote is undecided, and not the one whose vote is decided."""
    asking, decided = uuid4(), uuid4()
    with FeedbackSink("to decide") as sink:
        model = FakeModel({"voter 1": {"choice": "yes"}, "voter 2": {"choice": "no"}})
        options: dict[str, Any] = {"checkpointer": InMemorySaver(), "annotation_queue": "to decide"}
        vote = _vote(model, rule="unanimous", on_undecided="escalate", **options)
        await vote.ainvoke({"question": "Is it?"}, traced(sink, run_id=asking, **_thread("1")))
        sure = _vote(rule="unanimous", on_undecided="escalate", **options)
        await sure.ainvoke({"question": "Is it?"}, traced(sink, run_id=decided, **_thread("2")))
        sent()
    (item,) = sink.queued["to decide"]
    assert (item["run_id"], item["session_id"]) == (str(asking), PROJECT)


async def test_a_queue_that_is_not_there_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its name and the way out; the run is as it was."""
    with FeedbackSink() as sink, caplog.at_level(logging.WARNING):
        model = FakeModel({"voter 1": {"choice": "yes"}, "voter 2": {"choice": "no"}})
        options: dict[str, Any] = {"checkpointer": InMemorySaver(), "annotation_queue": "gone"}
        vote = _vote(model, rule="unanimous", on_undecided="escalate", **options)
        out = await vote.ainvoke({"question": "Is it?"}, traced(sink, **_thread("1")))
        sent()
    assert "__interrupt__" in out
    assert "there is no annotation queue 'gone'; create it in LangSmith" in caplog.text


async def test_a_langsmith_that_fails_harms_no_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is logged."""
    monkeypatch.setattr(Client, "create_feedback", _fail)
    with FeedbackSink() as sink, caplog.at_level(logging.WARNING):
        out = await _vote(trace_feedback=True).ainvoke({"question": "Is it?"}, traced(sink))
        sent()
    assert out["verdict"].choice == "yes"
    assert "LangSmith did not take the feedback of a run: OSError: gone" in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trace_feedback": "yes"}, "trace_feedback is 'yes'; expected bool or None"),
        ({"annotation_queue": 3}, "annotation_queue is 3; expected str or None"),
    ],
    ids=["feedback", "queue"],
)
def test_values_that_are_none_are_refused(options: Any, words: str) -> None:
    """When the graph is built."""
    with pytest.raises(errors.UsageError, match=words):
        _vote(**options)


def _fail(*given: Any, **options: Any) -> None:
    raise OSError("gone")


def _thread(name: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


def _vote(model: Any = None, **options: Any) -> Any:
    model = model or FakeModel(default={"choice": "yes"})
    return create_voting(model=model, choices=["yes", "no"], voters=2, stop="all_votes", **options)
