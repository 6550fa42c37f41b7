"""The fold of events into a record: any part of a stream gives a whole document."""

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import create_sectioning, create_voting, recording
from langgraph_parallel.recording import RecordFold, RunRecord, parse_record
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.recorded.labels import AnswerLabels
from langgraph_parallel.testing import FakeModel
from tests.support.fans import GIVEN, numbered


def _stream() -> list[dict[str, Any]]:
    """Return the events of three sections with a vote each, of which one voter fails."""
    model = FakeModel(default={"choice": "yes"})
    model.on(lambda prompt: "voter 2" in prompt and "Number 1" in prompt, ValueError("no answer"))
    vote = create_voting(
        model=model, choices=["yes", "no"], voters=3, stop="all_votes", limits={"attempts": 1}
    )
    graph = create_sectioning(planner=numbered(3), worker=vote)

    async def told() -> list[dict[str, Any]]:
        stream: Any = graph.astream(GIVEN, stream_mode="custom", subgraphs=True)
        return [event async for _, event in stream]

    return asyncio.run(told())


@pytest.fixture(scope="module")
def stream() -> list[dict[str, Any]]:
    """The events of one run."""
    return _stream()


def _fold(events: list[dict[str, Any]]) -> RunRecord:
    fold = RecordFold()
    for event in events:
        fold.add(event)
    record = fold.read()
    assert record is not None
    return record


def _again(stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same events of another run."""
    again = [{**event, "run": "2", "graph_run": f"2{event['graph_run']}"} for event in stream]
    for event in again:
        event["parent"] = f"2{event['parent']}" if event.get("parent") else None
    return again


def test_every_part_of_a_stream_gives_a_document(stream: list[dict[str, Any]]) -> None:
    """Positions are within their tables, nothing ends before it has begun, and JSON gives it back."""
    for length in range(1, len(stream) + 1):
        record = _fold(stream[:length])
        assert parse_record(record.to_json()) == record
        rows: list[Any] = [*record.branches, *record.calls, *record.waits]
        for row in rows:
            assert 0 <= row.graph < len(record.graphs)
            assert row.started <= row.ended
        within: list[Any] = [*record.calls, *record.waits, *record.graphs]
        for row in within:
            assert row.branch is None or 0 <= row.branch < len(record.branches)


def test_before_the_first_event_there_is_no_record() -> None:
    """Nor after events of other code, or of a run whose begin nobody has heard."""
    fold = RecordFold()
    fold.add({"progress": 1})
    fold.add({"event": "started", "graph_run": "x", "branch": ["a"], "at": 1.0})
    assert fold.read() is None or fold.read().graphs == []  # type: ignore[union-attr]


def test_events_told_twice_count_once(stream: list[dict[str, Any]]) -> None:
    """A call and a branch are one, however often their end is told."""
    ends = [event for event in stream if event["event"] in ("called", "ended")]
    once, twice = _fold(stream), _fold([*stream, *ends])
    assert (once.calls, once.branches) == (twice.calls, twice.branches)


def test_a_failed_voter_is_no_ballot_for_no(stream: list[dict[str, Any]]) -> None:
    """It is in the record as failed, without a choice."""
    votes = [graph.vote for graph in _fold(stream).graphs if graph.vote]
    failed = [ballot for vote in votes for ballot in vote.ballots if ballot.status != "cast"]
    assert [(ballot.voter, ballot.status, ballot.choice) for ballot in failed] == [("#2", "failed", None)]


def test_a_run_that_goes_on_keeps_what_was(stream: list[dict[str, Any]]) -> None:
    """The tables of the earlier record come first, and stay as they are."""
    earlier = _fold(stream)
    fold = RecordFold(earlier)
    for event in _again(stream):
        fold.add(event)
    record = fold.read()
    assert record is not None
    assert record.graphs[: len(earlier.graphs)] == earlier.graphs
    assert record.branches[: len(earlier.branches)] == earlier.branches
    assert [graph.invocation for graph in record.graphs] == [0] * 4 + [1] * 4
    assert [graph.parent for graph in record.graphs] == [None, 0, 0, 0, None, 4, 4, 4]


def test_what_a_killed_process_has_told_ends_with_it(stream: list[dict[str, Any]]) -> None:
    """The time until another process went on belongs to neither, and the first is `running`."""
    cut = stream[: len(stream) // 2]
    pause = 1000.0
    later = [
        {**event, "at": event["at"] + pause, "run": "2", "graph_run": f"2{event['graph_run']}"}
        for event in stream
    ]
    for event in later:
        event["parent"] = f"2{event['parent']}" if event.get("parent") else None
        for name in ("started", "ended"):
            if event.get(name):
                event[name] += pause
    record = _fold([*cut, *later])
    first, second = record.invocations
    assert (first.status, second.status) == ("running", "partial")
    assert first.ended == pytest.approx(cut[-1]["at"] - cut[0]["at"], abs=1e-5)
    assert record.wall_seconds < pause
    own = [branch for branch in record.branches if record.graphs[branch.graph].invocation == 0]
    assert own
    assert all(branch.ended <= first.ended for branch in own)


def test_events_without_what_is_none_are_read(stream: list[dict[str, Any]]) -> None:
    """As an app may store them."""
    thin = [{name: value for name, value in event.items() if value is not None} for event in stream]
    assert _fold(thin) == _fold(stream)


_WORDS = st.sampled_from(["yes", "no", "answer 1", "answer 2", "Mr Smith"])
_PARTS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, 1.5]) | _WORDS
_ANSWERS = _PARTS | st.lists(_PARTS, max_size=3) | st.dictionaries(_WORDS, _PARTS, max_size=2)


@given(st.lists(_ANSWERS, max_size=8), st.lists(_WORDS, unique=True, max_size=2))
def test_labels_are_equal_as_answers_are(answers: list[Any], choices: list[str]) -> None:
    """Two answers have equal labels if and only if they are equal as JSON."""
    labels = AnswerLabels(choices)
    seen = [canonical(labels.label(answer)) for answer in answers]
    keys = [canonical(answer) for answer in answers]
    assert [a == b for a in seen for b in seen] == [a == b for a in keys for b in keys]


def test_the_schema_fits_what_is_written(stream: list[dict[str, Any]]) -> None:
    """A validator of others accepts a record, and refuses what is none."""
    schema = recording.run_record_schema()
    document = json.loads(_fold(stream).to_json())
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "calls": [{}]}, schema)
