"""Kept answers beside what else makes calls cheaper: samples of one request, batches, fallbacks, leaders."""

from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import AnswerCache, Limits, create_voting
from langgraph_parallel.runtime.batch.settings import bounds
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.pool import LONG, Pool
from tests.support.server import ModelServer, Reply

YES = Reply(json={"choice": "yes"})
QUESTION = {"question": "Is it?"}


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    """Return a cache of its own."""
    return AnswerCache(tmp_path / "own" / "answers.sqlite")


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the batch lane wait for milliseconds where it waits for minutes."""
    pauses = ("first_pause", "longest_pause", "late_creation")
    for name in ("quiet", "first_poll", "longest_poll", *pauses, "settle"):
        monkeypatch.setattr(bounds, name, 0.02)


def vote(model: Any, cache: AnswerCache, voters: int = 3, **options: Any) -> Any:
    """Build a vote in which everybody is heard."""
    options.setdefault("stop", "all_votes")
    return create_voting(model=model, voters=voters, choices=["yes", "no"], cache=cache, **options)


async def test_samples_of_one_request_are_kept_for_each_voter(
    cache: AnswerCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each finds its own again, and a voter more asks for itself alone."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    reset_limits()
    with Pool(["yes"] * 3 + ["no"] * 3) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        first = await vote("openai:m", cache, 5).ainvoke(LONG)
        assert server.sizes == [5]
        assert cache.count().answers == 5
        second = await vote("openai:m", cache, 5).ainvoke(LONG)
        assert server.sizes == [5]
        assert [ballot.choice for ballot in second["ballots"]] == [b.choice for b in first["ballots"]]
        assert second["run_report"].kept == 5
        off = Limits(samples="off")
        assert (await vote("openai:m", cache, 5, limits=off).ainvoke(LONG))["run_report"].kept == 5


async def test_kept_answers_are_not_put_into_a_batch(
    server: ModelServer, model: str, cache: AnswerCache
) -> None:
    """What was answered live needs no batch, and what a batch has answered is kept for live runs."""
    server.always(YES)
    batch = Limits(lane="batch")
    first = await vote("openai:gpt-5-mini", cache, limits=batch).ainvoke(QUESTION)
    assert [len(one.lines) for one in server.batches.created] == [3]
    for limits in (batch, Limits()):
        again = await vote("openai:gpt-5-mini", cache, limits=limits).ainvoke(QUESTION)
        assert again["verdict"] == first["verdict"]
        assert again["run_report"].kept == 3
        assert again["run_report"].usd == 0
    assert [len(one.lines) for one in server.batches.created] == [3]
    assert len(server.requests) == 3


async def test_what_a_fallback_has_answered_is_kept_as_its_own(
    server: ModelServer, model: str, cache: AnswerCache
) -> None:
    """The model that did not answer is asked again; once it does, its answer counts."""
    server.always(YES)
    server.on(lambda request: bool(request.body["model"] == "a"), Reply(status=500), times=1)
    once = Limits(attempts=1)
    graph = vote("openai:a", cache, 1, limits=once, fallbacks=["openai:b"])
    first = await graph.ainvoke(QUESTION)
    assert [request.body["model"] for request in server.requests] == ["a", "b"]
    assert cache.count().answers == 1
    second = await graph.ainvoke(QUESTION)
    assert first["verdict"].choice == second["verdict"].choice == "yes"
    assert [request.body["model"] for request in server.requests] == ["a", "b", "a"]
    assert (await graph.ainvoke(QUESTION))["run_report"].kept == 1
    assert len(server.requests) == 3


async def test_nobody_waits_for_a_leader_whose_answer_is_kept(
    server: ModelServer, model: str, cache: AnswerCache
) -> None:
    """The second run of siblings with a long common prefix has no leader, and no request."""
    server.always(YES)
    led = Limits(leader="on", samples="off")
    long = {"question": "The quick brown fox jumps over the lazy dog. " * 200}
    await vote(model, cache, 5, wave="all", limits=led).ainvoke(long)
    before = len(server.requests)
    again = await vote(model, cache, 5, wave="all", limits=led).ainvoke(long)
    assert len(server.requests) == before == 5
    assert again["run_report"].kept == 5
