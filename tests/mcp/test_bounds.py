"""Bounds of results, and progress from events: laws of single functions."""

import json
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Limits
from langgraph_parallel.mcp.arguments import VoteArguments
from langgraph_parallel.mcp.bounds import QUOTES, bounded, bounded_report
from langgraph_parallel.mcp.calling import answer
from langgraph_parallel.mcp.events import Progress
from langgraph_parallel.mcp.patterns import Settings, vote
from langgraph_parallel.mcp.reading import Texts
from langgraph_parallel.mcp.results import FeedbackResult, ModerateCheck, ModerateResult, VoteCount
from langgraph_parallel.mcp.runs import SCHEME, KeptRun, Runs
from langgraph_parallel.runtime.tokens import estimate_tokens

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.text("añ漢\n", max_size=400), max_size=40).map("\n".join))
def test_a_report_fits_and_says_what_it_leaves_out(text: str) -> None:
    """Whatever its lines are; a report that fits is whole."""
    report = bounded_report(lambda lines: text, "THERE", 300)
    assert estimate_tokens(report) <= 300
    assert report.startswith(QUOTES)
    is_whole = report == f"{QUOTES}\n\n{text}"
    assert is_whole is (estimate_tokens(f"{QUOTES}\n\n{text}") <= 300)
    assert is_whole or "lines are left out here; the whole report is THERE." in report


@given(st.lists(TEXT, max_size=200), st.lists(TEXT, max_size=200), TEXT)
def test_a_result_fits_and_counts_what_it_leaves_out(
    names: list[str], problems: list[str], notice: str
) -> None:
    """The first entries of each list stay, and all of them are accounted for."""
    topics = [VoteCount(choice=name, votes=1) for name in names]
    full: dict[str, Any] = {"texts": 1, "sentiments": {}, "urgencies": {}, "topics": topics, "urgent": names}
    data = bounded(FeedbackResult(run="r", status="ok", notice=notice, problems=problems, **full), 400)
    assert estimate_tokens(json.dumps(data, ensure_ascii=False)) <= 400
    for name, whole in {"topics": names, "urgent": names, "problems": problems}.items():
        assert len(data[name]) + data["left_out"].get(name, 0) == len(whole)
    FeedbackResult.model_validate(data)


@given(st.lists(st.text("añ漢", max_size=3000), max_size=60))
def test_a_list_that_stays_whole_has_short_texts(quotes: list[str]) -> None:
    """Every check is there, whatever it quotes."""
    checks = [
        ModerateCheck(check=name, status="flagged", reasons=quotes, quotes=quotes)
        for name in ("a", "b", "c", "d")
    ]
    data = bounded(
        ModerateResult(run="r", status="ok", outcome="flagged", checks=checks), 1000, whole="checks"
    )
    assert estimate_tokens(json.dumps(data, ensure_ascii=False)) <= 1000
    assert [check["check"] for check in data["checks"]] == ["a", "b", "c", "d"]
    assert data["left_out"].get("checks.quotes", 0) == 4 * max(0, len(quotes) - 10)


def of_run(event: str, branch: str = "", **fields: Any) -> dict[str, Any]:
    """Return an event as a run tells it."""
    path = [branch] if branch else []
    return {"v": 1, "event": event, "at": 0.0, "run": "r", "graph_run": "r", "branch": path, **fields}


def planned(number: int, *kept: str) -> dict[str, Any]:
    """Return a plan of sections."""
    return of_run("planned", sections=[{"id": f"{n}", "name": f"{n}"} for n in range(number)], kept=kept)


def started(name: str, kind: str = "section") -> dict[str, Any]:
    """Return the start of a branch."""
    return of_run("started", name, kind=kind, name=name, order=0)


def ended(name: str, kind: str = "section", status: str = "timed_out") -> dict[str, Any]:
    """Return the end of a branch."""
    return of_run("ended", name, kind=kind, name=name, order=0, status=status)


def heard(cast: int, leader: str, branch: str = "") -> dict[str, Any]:
    """Return the progress of a vote of nine."""
    return of_run("vote", branch, voter="a", cast=cast, heard=cast, of=9, leader=leader)


NAMES = st.sampled_from("abc")
KINDS = st.sampled_from(["section", "voter"])
EVENTS = st.lists(
    st.one_of(
        st.builds(planned, st.integers(0, 5)),
        st.builds(started, NAMES, KINDS),
        st.builds(ended, NAMES, KINDS),
        st.just(heard(1, "yes")),
        st.sampled_from(["of other code", {"event": "ended"}, {"v": 1}, {"v": 2, "event": "ended"}, None]),
    ),
    max_size=60,
)


@given(EVENTS)
def test_progress_only_grows_and_stays_below_one(events: list[Any]) -> None:
    """Whatever comes in whatever order, what other code has written to the stream included."""
    sent: list[tuple[float, float, str]] = []

    async def report(done: float, total: float, message: str) -> None:
        sent.append((done, total, message))

    progress = Progress(report)
    for event in events:
        coroutine = progress.on_event(event)
        with_end = iter(coroutine.__await__())
        assert next(with_end, None) is None
    done = [share for share, _, _ in sent]
    assert done == sorted(set(done))
    assert all(0 < share < 1 == total for share, total, _ in sent)
    assert bool(sent) is any(isinstance(one, dict) and "status" in one for one in events)


async def test_progress_says_how_many_branches_there_are() -> None:
    """Those that are planned count before they start; how a branch ended, and who leads a vote, is said."""
    sent: list[tuple[float, str]] = []

    async def report(done: float, total: float, message: str) -> None:
        sent.append((round(done, 3), message))

    progress = Progress(report)
    for event in (
        planned(4, "zero"),
        started("one"),
        heard(2, "yes"),
        heard(1, "no", branch="one"),
        ended("two\x1b", status="skipped"),  # while another one works
        ended("one"),
    ):
        await progress.on_event(event)
    assert sent == [
        (0.25, "1 of 3 branches done: two\\x1b, skipped; 2 of 9 voters heard, yes leads"),
        (0.5, "2 of 3 branches done: one, timed out"),
    ]


def test_only_the_latest_runs_are_kept() -> None:
    """By number and by size; the newest is kept, however large."""
    runs = Runs()
    for number in range(60):
        runs.keep(f"{number}", KeptRun("vote", "x", "{}"))
    assert [run for run, _ in runs.list()][:2] == ["59", "58"]
    assert len(runs.list()) == 50
    assert runs.read(f"{SCHEME}0") is None
    assert runs.read(f"{SCHEME}59/json") == ("application/json", "{}")
    assert runs.read(f"{SCHEME}59/csv") is None
    assert runs.read("file:///59") is None
    runs.keep("large", KeptRun("vote", "x" * 60_000_000, "{}"))
    assert [run for run, _ in runs.list()] == ["large"]


async def test_a_run_that_a_limit_left_without_a_result_is_an_error(model: str) -> None:
    """Its cause stands first; the run report calls it partial, since nothing has broken."""
    settings = Settings(models=[model], options={"limits": Limits(deadline=1e-9)})
    work = vote(VoteArguments(question="Is it?", choices=["yes", "no"]), settings, Texts({}))  # type: ignore[arg-type]
    output = await work.graph.ainvoke(work.inputs)
    assert output["run_report"].status == "partial"
    result = answer(SimpleNamespace(name="vote", whole=""), work, "r", output, Runs(), "")  # type: ignore[arg-type]
    assert result.is_error
    assert result.structured_content is not None
    assert result.structured_content["status"] == "failed"
    assert "there is no result: 3 x the run's deadline has passed" in str(result.content[0])
