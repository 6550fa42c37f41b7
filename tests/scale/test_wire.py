"""Rows, results and jobs as bytes."""

import datetime as dt
import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line.wire import (
    pack_job,
    pack_results,
    pack_rows,
    unpack,
    unpack_job,
    unpack_results,
    unpack_rows,
)
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row, Spent

TEXTS = st.text(st.characters(codec=None, exclude_categories=[]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)


@given(st.lists(st.builds(Row, TEXTS, st.dictionaries(TEXTS, VALUES)), max_size=4))
def test_rows_arrive_as_they_were(rows: list[Row]) -> None:
    """Any JSON goes through: integers of any size, half surrogate pairs, empty keys."""
    assert unpack_rows(pack_rows(rows)) == rows


@given(st.lists(st.tuples(TEXTS, st.dictionaries(TEXTS, VALUES), TEXTS), max_size=4))
def test_results_arrive_as_they_were(given: list[tuple[str, dict[str, object], str]]) -> None:
    """The same holds for results; the name of the worker is added where they arrive."""
    results = [
        Result(key, "failed" if error else "ok", output, error, Spent(1, 2, 3, None, 4), 0.5)  # type: ignore[arg-type]
        for key, output, error in given
    ]
    arrived = unpack_results(pack_results(results), "host:1")
    assert [(one.key, one.status, one.output, one.error, one.spent, one.seconds) for one in arrived] == [
        (one.key, one.status, one.output, one.error, one.spent, one.seconds) for one in results
    ]
    assert {one.worker for one in arrived} <= {"host:1"}


def test_an_output_that_is_not_json_fails_its_row_alone() -> None:
    """The others of the same batch keep their outputs."""
    given = [Result("1", "ok", {"a": 1}), Result("2", "ok", {"a": object()})]  # type: ignore[dict-item]
    good, bad = unpack_results(pack_results(given), "w")
    assert (good.status, good.output) == ("ok", {"a": 1})
    assert (bad.status, bad.output) == ("failed", {})
    assert bad.error.startswith("its output is not JSON: Object of type object")


def test_a_row_that_is_not_json_is_named() -> None:
    """Whoever reads the error finds the row."""
    with pytest.raises(UsageError, match=r"row 'seven' cannot travel to other processes: .*give JSON values"):
        pack_rows([Row("seven", {"a": object()})])


@pytest.mark.parametrize(
    "value", [dt.datetime(2026, 1, 1), dt.date(2026, 1, 1), uuid.UUID(int=1), Spent()], ids=repr
)
def test_what_would_arrive_as_something_else_is_refused(value: object) -> None:
    """In this process it would be what it is, in another one a text."""
    with pytest.raises(UsageError, match=r"row '1' cannot travel .* is not JSON serializable"):
        pack_rows([Row("1", {"a": value})])


def test_numbers_that_are_none_stay_none() -> None:
    """NaN and infinity are floats like others."""
    [row] = unpack_rows(pack_rows([Row("1", {"a": math.nan, "b": -math.inf})]))
    assert math.isnan(row.data["a"])
    assert row.data["b"] == -math.inf


def test_a_job_arrives_as_it_was() -> None:
    """Limits keep which of them were set."""
    limits = Limits(budget_usd=0.1, concurrency=8)
    program = Program(
        graph="voting", settings=["a=1"], inputs={"k": "c"}, context={"model": "openai:m"}, limits=limits
    )
    job = unpack_job(pack_job(Job(id="x", program=program, spent=0.5, spent_calls=3)))
    assert (job.id, job.spent, job.spent_calls) == ("x", 0.5, 3)
    assert job.program.limits is not None
    assert job.program.limits.model_fields_set == {"budget_usd", "concurrency"}
    assert (job.program.graph, [*job.program.settings], job.program.inputs) == ("voting", ["a=1"], {"k": "c"})


def test_an_object_in_the_context_is_named() -> None:
    """A model object stays in its process; the error says what to do."""
    job = Job(id="x", program=Program(graph="voting", context={"model": object()}))
    with pytest.raises(UsageError, match=r"model is object, which cannot travel .* give it by name"):
        pack_job(job)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91" * 5000, b"\xc7\x01\x09x"], ids=repr)
def test_other_bytes_are_a_value_error(data: bytes) -> None:
    """Nothing that a stranger sends is run, or breaks more than its connection."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the decoder's
        unpack(data)
