"""A record as a trace for Perfetto, as CSV and as Mermaid."""

import csv
import io
import json
import re
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.report.record.calls import COLUMNS
from langgraph_parallel.report.record.mermaid import MOST
from tests.support.made_records import HOSTILE, Maker, failed, huge, nested, random_run

RUNS = st.integers(0, 10_000).map(random_run)


def events(record: RunRecord) -> list[dict[str, Any]]:
    """Return the events of the trace."""
    found: list[dict[str, Any]] = json.loads(record.to_perfetto())["traceEvents"]
    return found


@given(RUNS)
def test_each_begin_has_its_end(record: RunRecord) -> None:
    """Spans of one category and id do not overlap, so that nothing else can end them."""
    opened: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    spans = 0
    for event in events(record):
        place = (event.get("cat", ""), event.get("id", ""))
        if event["ph"] == "b":
            assert not opened[place]
            opened[place].append(event)
        elif event["ph"] == "e":
            begun = opened[place].pop()
            assert begun["name"] == event["name"]
            assert begun["ts"] <= event["ts"]
            spans += 1
    assert not any(opened.values())
    assert spans == len(record.graphs) + len(record.branches) + len(record.calls) + len(record.waits)


@given(RUNS)
def test_the_path_and_the_counter_are_whole(record: RunRecord) -> None:
    """Steps of the critical path follow each other; the last count of calls in flight is 0."""
    steps = [event for event in events(record) if event["ph"] == "X"]
    for step, following in pairwise(steps):
        assert step["ts"] + step["dur"] == following["ts"]
    counts = [event["args"]["calls"] for event in events(record) if event["ph"] == "C"]
    assert all(number >= 0 for number in counts)
    assert counts[-1:] == [0] * bool(counts)


def test_two_requests_of_one_branch_at_the_same_time_have_ids_of_their_own() -> None:
    """A hedge overlaps with the request that it stands in for."""
    make = Maker()
    graph = make.graph("g", "sectioning", 0.0, 3.0)
    branch = make.branch(graph, ["a"], "a", 0.0, 3.0)
    make.call(graph, branch, 0.0, 2.0, target="m")
    make.call(graph, branch, 1.0, 3.0, target="m", hedge=True)
    make.call(graph, branch, 2.0, 3.0, target="m")
    begun = [
        event["id"] for event in events(make.record(3.0)) if event["ph"] == "b" and event["cat"] == "call"
    ]
    assert begun == ["b0", "b0.2", "b0"]


def test_stops_are_in_the_trace() -> None:
    """At the moment at which they fired."""
    fired = [event for event in events(nested()) if event["ph"] == "i"]
    votes = [graph.vote for graph in nested().graphs if graph.vote and graph.vote.stopped_at is not None]
    assert [event["ts"] for event in fired] == [round((vote.stopped_at or 0) * 1e6) for vote in votes]


def read(record: RunRecord) -> list[dict[str, str]]:
    """Return the rows of the CSV."""
    return list(csv.DictReader(io.StringIO(record.to_csv())))


def test_the_csv_has_a_row_for_each_call() -> None:
    """With its branch, times, tokens and cost; those of the planner have no branch."""
    record = nested()
    rows = read(record)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["id"] for row in rows] == [call.id for call in record.calls]
    assert (rows[0]["branch"], rows[0]["target"], rows[0]["graph"]) == ("", "gpt-5-mini", "review")
    assert {row["outcome"] for row in rows} == {"ok", "throttled", "cancelled"}
    assert sum(float(row["usd"]) for row in rows) == pytest.approx(
        sum(call.usd or 0 for call in record.calls)
    )


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t=", " ="], ids=["equals", "plus", "minus", "at", "tab", "space"]
)
def test_no_cell_is_a_formula(start: str) -> None:
    """A name that a spreadsheet would run is text, with an apostrophe before it."""
    make = Maker()
    name = f'{start}HYPERLINK("http://x")'
    graph = make.graph(name, "sectioning", 0.0, 1.0)
    make.call(graph, make.branch(graph, [name], name, 0.0, 1.0), 0.0, 1.0, target=name)
    (row,) = read(make.record(1.0))
    assert all(row[column] == f"'{name}" for column in ("graph", "branch", "path", "target"))


NODE = re.compile(r'  ([gb]\d+(?:_others)?)\["([^"<>\[\]{}]*(?:<br/>[^"<>\[\]{}]*)*)"\]:::(ok|bad|cut)')
EDGE = re.compile(r"  ([gb]\d+) --> ([gb]\d+(?:_others)?)")


def drawn(record: RunRecord) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the nodes and the arrows of the flowchart; each line must be one of them."""
    first, *lines = record.to_mermaid().rstrip("\n").split("\n")
    assert first == "flowchart LR"
    nodes, arrows = {}, []
    for line in lines:
        if node := NODE.fullmatch(line):
            assert node[1] not in nodes
            nodes[node[1]] = node[2]
        elif arrow := EDGE.fullmatch(line):
            arrows.append((arrow[1], arrow[2]))
        else:
            assert line.startswith("  classDef ")
    return nodes, arrows


@given(RUNS)
def test_the_flowchart_is_a_tree_of_what_ran(record: RunRecord) -> None:
    """Every graph and branch is a node, and every node but the outermost graph has one arrow to it."""
    nodes, arrows = drawn(record)
    assert {start for start, _ in arrows} <= set(nodes)
    assert sorted(end for _, end in arrows) == sorted(node for node in nodes if node != "g0")


@given(st.text(alphabet=st.characters() | st.sampled_from('"[]{}()<>|;#&`%\n\\-')))
def test_no_name_leaves_its_label(name: str) -> None:
    """Whatever a branch is called, the flowchart has its one node and arrow."""
    make = Maker()
    make.branch(make.graph(name, "sectioning", 0.0, 1.0), ["a"], name, 0.0, 1.0)
    nodes, arrows = drawn(make.record(1.0))
    assert (len(nodes), arrows) == (2, [("g0", "b0")])


def test_many_branches_are_one_box_and_failed_ones_stay() -> None:
    """Of 1,250 branches a few are drawn, those that failed first."""
    nodes, _ = drawn(huge(5000))
    assert len(nodes) < 60 * (MOST + 1)
    assert nodes["g0_others"].startswith("1,239 branches more")
    assert sum("failed" in label for label in nodes.values()) >= MOST - 1


def test_files_are_written(tmp_path: Any) -> None:
    """Each view writes what it returns, also names with halves of characters."""
    make = Maker()
    graph = make.graph("g\ud800", "sectioning", 0.0, 1.0)
    make.call(graph, None, 0.0, 1.0, target="m\udfff")
    for record in (failed(), make.record(1.0)):
        for view in (record.to_html, record.to_perfetto, record.to_csv, record.to_mermaid):
            text = view(tmp_path / "file")
            assert (tmp_path / "file").read_bytes() == text.encode(errors="backslashreplace")
    assert HOSTILE not in failed().to_html()
