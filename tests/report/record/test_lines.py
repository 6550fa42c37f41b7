"""Five lines on a run, and the same as a table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import create_sectioning, create_voting
from langgraph_parallel.records import RunReport, Section
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.report.record.numbers import Measured, by_branch, by_model
from langgraph_parallel.report.record.tree import BranchTree
from tests.support.made_records import HOSTILE, KINDS, Maker, failed, nested, random_run


async def run_nested() -> tuple[RunReport, RunRecord]:
    """Run votes in sections, one of which fails; return the report and the record."""

    async def yes(_: Any) -> str:
        return "yes"

    async def broken(_: Any) -> str:
        raise ValueError("no such thing")

    def plan(_: str) -> list[Section]:
        return [Section(id=f"s{number}", title=f"part {number}", content="x") for number in range(3)]

    records: list[RunRecord] = []
    votes = create_voting(voters=[yes, broken, yes, yes], choices=["yes", "no"], wave=2)
    graph = create_sectioning(planner=plan, worker=votes, record=records.append)
    output = await graph.ainvoke({"content": "?"})
    return output["run_report"], records[-1]


async def test_a_record_has_the_numbers_of_the_report() -> None:
    """What is counted from the record is what the run itself has counted."""
    report, record = await run_nested()
    measured = Measured(record).report
    same = {"branches", "usage", "wasted", "usd", "retries", "kept", "calls_saved", "status", "hedges"}
    assert measured.model_dump(include=same) == report.model_dump(include=same)
    assert measured.failures == report.failures or not record.contents
    assert set(measured.failures) == set(report.failures)
    assert measured.wall_seconds == pytest.approx(report.wall_seconds, abs=0.05)
    assert measured.sequential_seconds == pytest.approx(report.sequential_seconds, abs=1e-3)
    assert measured.completion_reason == report.completion_reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_five_lines(kind: str) -> None:
    """Each is one line of a readable length, whatever is in it."""
    lines = str(KINDS[kind]()).split("\n")
    assert len(lines) == 5
    assert all(0 < len(line) < 700 and line.splitlines() == [line] for line in lines)


def test_the_lines_say_what_matters() -> None:
    """What ran and how it ended, speed-up and critical path, votes, cost, waits."""
    run, times, branches, calls, trouble = str(nested()).split("\n")
    assert run == "review: ok; all 6 branches finished"
    assert "times as fast; critical path 3.57 s, longest in vote[style-server.py#2]" in times
    assert branches == "18 branches (4 cancelled, 14 ok); 6 of 6 votes decided, 4 stopped early"
    assert calls.startswith("21 model calls; 31,717 tokens in, 3,424 out; $0.0148; wasted $0.00400")
    assert trouble.startswith("5% of calls throttled; 1 retry; waited 1.29 s for a free slot")


def test_failures_are_named_by_cause() -> None:
    """The most frequent causes with their numbers, and how many more there are."""
    trouble = str(failed()).split("\n")[-1]
    assert trouble.startswith("2 failures: throttled: 503 from api.example.org")
    assert trouble.endswith("; 5 more causes")


async def test_a_report_is_five_lines_too() -> None:
    """`print(out["run_report"])` says how the run ended, and why branches failed."""
    report, _ = await run_nested()
    lines = str(report).split("\n")
    assert len(lines) == 5
    assert lines[0] == "run: partial; all 3 branches finished"
    assert "no such thing" in lines[-1]
    assert "calls=[" in repr(report)


def test_notebooks_get_a_table_of_them() -> None:
    """With a header for each row, and nothing of the texts as HTML."""
    html = failed()._repr_html_()
    assert html.count("<tr>") == html.count('scope="row"') == 5
    assert "&lt;/script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html


@given(st.text(alphabet=st.characters() | st.sampled_from("\n\r\x0b\x1b\x85\u2028\u2029\u202e")))
def test_no_text_breaks_a_line(text: str) -> None:
    """Line breaks and control characters of names, causes and reasons are shown, not obeyed."""
    make = Maker()
    graph = make.graph(text or "g", "sectioning", 0.0, 1.0, status="failed", reason=text)
    make.branch(graph, ["a"], text, 0.0, 1.0, status="failed", error=text)
    record = make.record(1.0)
    assert len(str(record).splitlines()) == 5
    assert len(record._repr_html_().splitlines()) == 1


@given(st.integers(0, 500))
def test_shares_add_up_to_the_whole(seed: int) -> None:
    """Each call belongs to one model, and to one outermost branch or to none."""
    record = random_run(seed)
    whole = Measured(record).report
    for shares in (by_model(record), by_branch(BranchTree(record))):
        assert sum(share.calls for share in shares) == len(record.calls)
        assert sum(share.usage.input_tokens for share in shares) == whole.usage.input_tokens
        assert sum(share.usd or 0 for share in shares) == pytest.approx(whole.usd or 0)


def test_the_hostile_name_is_cut() -> None:
    """A long reason does not hide how the run ended."""
    record = Maker()
    record.graph("g", "sectioning", 0.0, 1.0, status="failed", error=HOSTILE * 50)
    first = str(record.record(1.0)).split("\n")[0]
    assert first.startswith("g: failed; </script>")
    assert len(first) < 200
