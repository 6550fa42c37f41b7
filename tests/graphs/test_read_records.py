"""Records in checkpoints: read back without a word where annotations name them; elsewhere it is said."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_parallel.records import Verdict, allow_records, record_types
from langgraph_parallel.runtime.read_records import WAY_OUT, unread_records
from tests.support.read_back import CASES, outcome

ROOT = Path(__file__).parents[2]
LOST = {"bare", "bare, in a function", "workflow"}
"""Cases in which nothing tells the checkpointer of records."""
STRICT = os.environ.get("LANGGRAPH_STRICT_MSGPACK", "").lower() in ("1", "true", "yes")


@pytest.fixture(scope="module")
def strict() -> dict[str, Any]:
    """The outcomes in a process in which types are restricted."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.read_back"],
        cwd=ROOT,
        env=os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes: dict[str, Any] = json.loads(done.stdout)
    return outcomes


@pytest.mark.skipif(STRICT, reason="LANGGRAPH_STRICT_MSGPACK is set")
@pytest.mark.parametrize("case", CASES)
async def test_unrestricted_types_are_read_without_a_warning(case: str) -> None:
    """LangGraph's warning about types that nothing names is about no record of this package."""
    found = await outcome(case)
    assert (found["log"], found["error"]) == ([], None)
    assert found["ended"]
    assert "plain" not in found["read"] + found["ended"]


@pytest.mark.parametrize("case", [case for case in CASES if case not in LOST])
def test_restricted_types_are_read_where_something_names_them(strict: dict[str, Any], case: str) -> None:
    """With a checkpointer of its own, or an annotated key around it, a graph needs nothing else."""
    found = strict[case]
    assert (found["log"], found["error"]) == ([], None)
    assert found["ended"]
    assert "plain" not in found["read"] + found["ended"]


def test_a_node_whose_records_would_be_lost_is_refused_before_any_call(strict: dict[str, Any]) -> None:
    """The error names the key, what it holds, and the one line that is needed."""
    error = strict["bare"]["error"]
    assert error.startswith("node 'vote' writes Verdict to the key 'verdict'")
    assert error.endswith(f"annotate the key with Verdict, {WAY_OUT}")
    assert strict["bare"]["ended"] == []


@pytest.mark.parametrize("case", sorted(LOST - {"bare"}))
def test_records_that_a_function_returns_are_named_when_they_are_lost(
    strict: dict[str, Any], case: str
) -> None:
    """What a function passes on nobody can foresee; the error is logged when it is read, once for a type."""
    found = strict[case]
    assert found["ended"] == ["plain"]
    (line,) = found["log"]
    assert line.startswith("ERROR: Verdict is read from checkpoints as plain data")
    assert line.endswith(WAY_OUT)


def test_every_record_is_allowed() -> None:
    """A checkpointer that was told reads all records; one that was told of others reads none."""
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=[("a", "B")]))
    allowing = allow_records(saver)
    for record in record_types():
        kind: Any = record
        assert unread_records(saver, list[kind] | None) == [record]
        assert unread_records(allowing, dict[str, kind]) == []


def test_a_checkpointer_that_reads_everything_stays_as_it_is() -> None:
    """Types that only LangGraph warns about are not restricted by telling it of records."""
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=True))
    assert allow_records(saver) is saver
    assert unread_records(None, Verdict) == []


def test_warnings_about_other_types_stay(caplog: pytest.LogCaptureFixture) -> None:
    """Only what LangGraph says of records of this package is put into other words."""
    logger = logging.getLogger(jsonplus.__name__)
    logger.warning("Deserializing unregistered type %s.%s from checkpoint. ...", "theirs", "Thing")
    logger.warning("Blocked deserialization of %s.%s - ...", "theirs", "Thing")
    logger.warning("Something else about %s", "langgraph_parallel.records")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert [record.getMessage()[:9] for record in caplog.records] == ["Deseriali", "Blocked d", "Something"]
