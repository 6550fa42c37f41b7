"""Records of runs that never were, for replays: each part lasts as long as a test says."""

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Usage
from langgraph_parallel.records.recorded_vote import RecordedBallot, RecordedVote
from langgraph_parallel.records.run_record import (
    Invocation,
    RecordedBranch,
    RecordedCall,
    RecordedGraph,
    RecordedSection,
    RunRecord,
)

OPENING, CLOSING, OWN, LAG = 0.01, 0.02, 0.001, 0.0005
"""Seconds before the first branch, after the last one, around the call of a branch, and to the count of a
ballot."""


def call(number: int, seconds: float, started: float, **fields: Any) -> RecordedCall:
    """Return a call of the branch with its number."""
    given: dict[str, Any] = {
        "id": f"call-{number}",
        "kind": "model",
        "target": "test-model",
        "started": started,
        "ended": started + seconds,
        "graph": 0,
        "branch": number,
        "usage": Usage(input_tokens=100 + number, output_tokens=10),
        "usd": 0.001,
        "prompt_tokens": 90 + number,
        "prompt_usd": 0.0005,
    }
    return RecordedCall(**given | fields)


def _record(graph: RecordedGraph, branches: list[RecordedBranch], calls: list[RecordedCall]) -> RunRecord:
    ended = max(branch.ended for branch in branches) + CLOSING
    closed = graph.model_copy(update={"ended": ended, "status": "ok"})
    return RunRecord(
        started=1_700_000_000.0,
        invocations=[Invocation(run="run", started=0.0, ended=ended, status="ok")],
        graphs=[closed],
        branches=branches,
        calls=sorted(calls, key=lambda each: each.started),
    )


def fan_out(seconds: Sequence[float], needs: dict[int, list[int]] | None = None) -> RunRecord:
    """Return the record of sections with one call each, which nothing held up but those that they need."""
    ends: list[float] = []
    branches, calls = [], []
    for number, lasted in enumerate(seconds):
        needed = (needs or {}).get(number, [])
        started = max([OPENING + number * 1e-4, *(ends[need] for need in needed)])
        calls.append(call(number, lasted, started + OWN))
        ends.append(started + lasted + 2 * OWN)
        branches.append(
            RecordedBranch(
                graph=0,
                path=[f"s{number}"],
                name=f"s{number}",
                order=number,
                status="ok",
                started=started,
                ended=ends[-1],
            )
        )
    sections = [
        RecordedSection(id=f"s{n}", name=f"s{n}", needs=[f"s{need}" for need in (needs or {}).get(n, [])])
        for n in range(len(seconds))
    ]
    graph = RecordedGraph(
        id="graph", name="sectioning", kind="sectioning", invocation=0, started=0, ended=0, sections=sections
    )
    return _record(graph, branches, calls)


def vote(choices: Sequence[JsonValue], seconds: Sequence[float], **fields: Any) -> RunRecord:
    """Return the record of a vote in which all voters were asked at once, and all were heard."""
    names = [f"#{number}" for number in range(1, len(choices) + 1)]
    branches, calls, ballots = [], [], []
    for number, (name, lasted) in enumerate(zip(names, seconds, strict=True)):
        started = OPENING + number * 1e-4
        ended = started + lasted + 2 * OWN
        calls.append(call(number, lasted, started + OWN))
        branches.append(
            RecordedBranch(
                graph=0,
                path=[name],
                name=f"vote[{name}]",
                kind="voter",
                order=number,
                status="ok",
                started=started,
                ended=ended,
            )
        )
        ballots.append(
            RecordedBallot(voter=name, order=number, at=ended + LAG, status="cast", choice=choices[number])
        )
    given: dict[str, Any] = {
        "rule": "majority()",
        "stop": "all_votes()",
        "wave": "all",
        "ties_matter": False,
        "voters": names,
        "choices": ["yes", "no"],
        "ballots": sorted(ballots, key=lambda ballot: ballot.at),
        "status": "decided",
        "choice": max(
            choices, key=lambda choice: [list(choices).count(choice), -list(choices).index(choice)]
        ),
        "k": 1,
        "n": len(names),
    }
    graph = RecordedGraph(
        id="graph",
        name="voting",
        kind="voting",
        invocation=0,
        started=0,
        ended=0,
        vote=RecordedVote(**given | fields),
    )
    return _record(graph, branches, calls)
