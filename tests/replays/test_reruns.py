"""Replays against real runs under the same settings, in skipped time, so that seconds can be compared."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Ask, Limits, create_sectioning, create_voting, recording
from langgraph_parallel.recording import RunRecord, RunTotals, replay
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.ids import readable
from tests.support.recorded_runs import RandomRun
from tests.support.server import ModelServer, Reply
from tests.support.skipped_time import TimedModel, in_skipped_time, seeded_model

Graph = tuple[Any, dict[str, Any]]
ALL_HEARD = {"stop": "all_votes", "wave": "all"}
OF_LIMITS = ("concurrency", "hedge", "deadline")


def _limits(changed: dict[str, Any]) -> Limits:
    named = {name: changed[name] for name in OF_LIMITS if name in changed}
    return Limits(**named, **({"requests_per_minute": changed["rate"]} if "rate" in changed else {}))


def _of_vote(changed: dict[str, Any], voters: int) -> dict[str, Any]:
    of_vote = {name: value for name, value in changed.items() if name not in (*OF_LIMITS, "rate")}
    return {"voters": voters, **ALL_HEARD, **of_vote}


def _plan(content: str) -> list[Section]:
    needs = {9: ["p2"], 10: ["p9"], 11: ["p0", "p1"]}
    return [
        Section(id=f"p{n}", title=f"part {n}", content=f"case {content}x{n}", needs=needs.get(n, []))
        for n in range(12)
    ]


def _voting(model: Any, changed: dict[str, Any]) -> Graph:
    given = {"choices": ["yes", "no"], **_of_vote(changed, 11)}
    return create_voting(model=model, limits=_limits(changed), **given), {"question": "case alone"}


def _sections(model: Any, changed: dict[str, Any]) -> Graph:
    graph = create_sectioning(
        planner=_plan,
        worker=Ask("{content} {earlier}", model=model),
        synthesizer=Ask("case end {results}", model=model),
        limits=_limits(changed),
    )
    return graph, {"content": "sections"}


def _votes(model: Any, changed: dict[str, Any]) -> Graph:
    inner = create_voting(model=model, choices=["yes", "no"], **_of_vote(changed, 5))
    graph = create_sectioning(planner=_plan, worker=inner, limits=_limits(changed))
    return graph, {"content": "votes"}


BUILDERS: dict[str, Callable[[Any, dict[str, Any]], Graph]] = {
    "voting": _voting,
    "sections": _sections,
    "votes": _votes,
}


def _run(name: str, changed: dict[str, Any]) -> RunRecord:
    """Run a graph in skipped time, and return its record."""
    reset_limits()
    records: list[RunRecord] = []
    graph, given = BUILDERS[name](seeded_model(7), changed)

    async def main() -> None:
        await graph.ainvoke(given, recording.into(records.append))

    in_skipped_time(main())
    return records[-1]


@cache
def _recorded(name: str) -> RunRecord:
    return _run(name, {})


def _spent(totals: RunTotals) -> tuple[object, ...]:
    return totals.calls, totals.input_tokens, totals.output_tokens


def _verdicts(record: RunRecord) -> dict[tuple[str, ...], Any]:
    found = {}
    for graph in record.graphs:
        if graph.vote is not None:
            path = () if graph.branch is None else tuple(record.branches[graph.branch].path)
            found[path] = graph.vote.choice, graph.vote.status
    return found


CHANGES = [
    ("voting", {"stop": "decided", "wave": "lossless"}),
    ("voting", {"stop": "decided", "wave": "all"}),
    ("voting", {"stop": "ahead_by(2)", "wave": 3, "race": False}),
    ("voting", {"stop": "confident(0.9)", "wave": 1, "voters": 7}),
    ("voting", {"rule": "threshold(0.8)", "stop": "decided", "wave": 2}),
    ("voting", {"concurrency": 3}),
    ("voting", {"deadline": 0.15}),
    ("sections", {"concurrency": 2}),
    ("sections", {"concurrency": 5}),
    ("sections", {"rate": 1200}),
    ("sections", {"deadline": 0.2}),
    ("votes", {"stop": "decided | ahead_by(2)", "wave": "lossless", "concurrency": 9}),
    ("votes", {"stop": "decided", "wave": "all", "voters": 4}),
]


@pytest.mark.parametrize(("name", "changed"), CHANGES, ids=readable)
def test_a_replay_is_as_the_run_that_is_made_for_real(name: str, changed: dict[str, Any]) -> None:
    """Calls and answers are exact, verdicts the same, and the time within a fiftieth."""
    recorded = _recorded(name)
    replayed = replay(recorded, **changed)
    real = _run(name, changed)
    assert replayed.unknown == []
    calls, tokens, answers = _spent(replay(real).before)
    # The prompt of a call that is cut off is estimated, and the boundary around a question is another one.
    assert _spent(replayed.after) == (calls, pytest.approx(tokens, rel=0.005), answers)
    assert replayed.after.wall_seconds == pytest.approx(real.wall_seconds, rel=0.02)
    expected = _verdicts(recorded)
    expected |= {tuple(each.path): (each.after, each.after_status) for each in replayed.changed}
    assert _verdicts(real) == expected
    again = replay(real)  # of a run with waves, lines and voters that were cut off
    assert (_spent(again.after), again.changed) == (_spent(again.before), [])
    assert again.after.wall_seconds == pytest.approx(real.wall_seconds, rel=0.01)


@pytest.mark.parametrize("hedge", ["p95", 0.2], ids=str)
def test_hedges_that_are_replayed_cost_as_much_as_real_ones(hedge: Any) -> None:
    """As many second requests are sent, since when a call is late does not depend on how long they take."""
    replayed = replay(_recorded("sections"), hedge=hedge)
    real = _run("sections", {"hedge": hedge})
    assert replayed.after.calls == replay(real).before.calls
    again = replay(real)
    assert _spent(again.after) == _spent(again.before)
    assert again.after.wall_seconds == pytest.approx(real.wall_seconds, rel=0.01)


@pytest.mark.parametrize(
    "changed",
    [
        {"stop": "decided", "wave": 2},
        {"voters": 3},
        {"concurrency": 2, "wave": "lossless", "stop": "decided"},
    ],
    ids=readable,
)
async def test_calls_and_dollars_are_those_of_a_run_at_a_server(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    """Over loopback, with what the provider counts and what it costs."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    for number, choice in enumerate(["yes", "no", "yes", "yes", "no"], 1):
        said = {"rationale": "", "choice": choice, "confidence": None}
        server.on(f"voter {number} of", Reply(json=said, usage=(200 + number, 30 + number), delay=0.01))
    totals = []
    for settings in ({}, changed):
        graph, given = _voting("openai:gpt-5-mini", {"voters": 5, "race": False, **settings})
        records: list[RunRecord] = []
        await graph.ainvoke(given, recording.into(records.append))
        await asyncio.sleep(0)
        totals.append((replay(records[-1], **({} if settings else changed)), replay(records[-1]).before))
    (replayed, before), (_, real) = totals
    assert before.calls == 5
    assert real.calls < 5
    assert _spent(replayed.after) == _spent(real)
    assert replayed.after.usd == pytest.approx(real.usd)
    assert real.usd


async def test_refused_and_repeated_requests_are_replayed_as_they_were(
    server: ModelServer, model: str
) -> None:
    """One 429 with a pause, one error that is repeated, one voter that fails: nothing changes unchanged."""
    said = {"rationale": "", "choice": "yes", "confidence": None}
    server.always(Reply(json=said, delay=0.05))
    server.on("voter 1 of", Reply(status=429, headers={"retry-after": "0.2"}), times=1)
    server.on("voter 2 of", Reply(status=500), times=1)
    server.on("voter 3 of", Reply(status=400))
    graph, given = _voting(model, {"voters": 5})
    records: list[RunRecord] = []
    await graph.ainvoke(given, recording.into(records.append))
    replayed = replay(records[-1])
    assert _spent(replayed.after) == _spent(replayed.before)
    assert replayed.after.wall_seconds == pytest.approx(replayed.before.wall_seconds, rel=0.05)
    assert (replayed.changed, replayed.unknown) == ([], [])


def test_a_vote_that_a_person_decided_is_replayed_up_to_the_question() -> None:
    """Of four voters one disagrees; the first three agree, so that nobody would have been asked."""
    file: list[RunRecord] = []
    said = dict(zip("1234", ("yes", "yes", "yes", "no"), strict=True))

    def answer_of(prompt: str) -> Any:
        voter = prompt.partition("You are voter ")[2][:1]
        return {"rationale": "", "choice": said[voter], "confidence": None}

    graph = create_voting(
        model=TimedModel(lambda prompt, number: 0.1, answer_of),
        choices=["yes", "no"],
        voters=4,
        rule="threshold(0.9)",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
        name="release",
    )
    config = recording.into(file.append, {"configurable": {"thread_id": "1"}})

    async def main() -> None:
        out = await graph.ainvoke({"question": "?"}, config)
        assert out["__interrupt__"]

    in_skipped_time(main())
    replayed = replay(file[-1], voters=3)
    assert [(each.before_status, each.after) for each in replayed.changed] == [("below_threshold", "yes")]
    assert (replayed.votes, replayed.after.calls) == (1, 3)
    assert replay(file[-1]).changed == []


@pytest.mark.parametrize("seed", range(8))
async def test_random_runs_are_replayed_as_they_were(
    seed: int, server: ModelServer, model: str, tmp_path: Path
) -> None:
    """With retries, hedges, refusals and resumes; a call that leaves as a run is ended may be missing."""
    record = (await RandomRun(seed, server, tmp_path).run(model)).record
    replayed = replay(record)
    was_ended = any(invocation.status in ("cancelled", "running") for invocation in record.invocations)
    assert replayed.before.calls - replayed.after.calls in ((0, 1) if was_ended else (0,))
    assert replayed.changed == []
    if replayed.after.calls == replayed.before.calls:
        assert _spent(replayed.after) == _spent(replayed.before)
        assert replayed.after.usd == pytest.approx(replayed.before.usd)
