"""The parts of the page that need no script: facts, critical path, votes, failures, costs and waits."""

from collections.abc import Iterable, Sequence

from langgraph_parallel.records import RunReport
from langgraph_parallel.records.run_record import RecordedGraph, RunRecord
from langgraph_parallel.reducers.recorded.critical import CriticalStep
from langgraph_parallel.report.record.numbers import Measured, Share, by_branch, by_model, is_cut, waited
from langgraph_parallel.report.record.page.markup import Child, Html, tag, together
from langgraph_parallel.report.record.tree import calls_made
from langgraph_parallel.report.record.wording import WAITS, seconds, status_word, vote_result
from langgraph_parallel.report.run import causes_of
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.dollars import dollars
from langgraph_parallel.runtime.run_report import cost

MOST = 100
"""Rows of a table at most."""
_STEPS = 40
_NAMED = 12
_BRIEF = 0.02
"""Share of the run below which a step of the critical path is not named."""
_PATH_WORDS = (
    "What the end of the run waited for at each moment, from its beginning on. The run gets shorter only by "
    "what gets shorter here."
)


def section(id: str, title: str, *content: Child) -> Html:
    """Return a section of the page; nothing if there is nothing in it."""
    if not any(content):
        return Html("")
    return tag("section", tag("h2", title, id=f"{id}-title"), *content, id=id, aria_labelledby=f"{id}-title")


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: int) -> Html:
    """Return a table that can be scrolled by keys where it is wider than the page.

    Args:
        caption: what it shows.
        head: of the columns.
        rows: the first cell of each is its header.
        numbers: columns from which on cells are numbers.
    """
    written = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(
                tag("td", cell, class_="number" if place >= numbers else None)
                for place, cell in enumerate(row)
                if place
            ),
        )
        for row in rows
    ]
    if not written:
        return Html("")
    cells = (
        tag("th", text, scope="col", class_="number" if place >= numbers else None)
        for place, text in enumerate(head)
    )
    whole = tag("table", tag("caption", caption), tag("thead", tag("tr", *cells)), tag("tbody", *written))
    return tag("div", whole, class_="wide", tabindex=0, role="group", aria_label=caption)


def facts(measured: Measured) -> Html:
    """Return the main numbers of the run."""
    report, made = measured.report, calls_made(measured.record.calls)
    cut = [call for call in made if is_cut(call)]
    waiting = sum(step.waiting for step in measured.path)
    shown: list[tuple[str, str, str]] = [
        ("Time", seconds(report.wall_seconds), _faster(report)),
        ("Critical path", seconds(report.critical_path_seconds), f"{seconds(waiting)} of it waiting"),
        ("Branches", f"{sum(report.branches.values()):,}", _by_status(report.branches)),
        ("Calls", f"{len(made):,}", _retried(report)),
        ("Tokens", f"{report.usage.input_tokens + report.usage.output_tokens:,}", _tokens(report)),
        ("Cost", "unknown" if report.usd is None else dollars(report.usd), _saved(report)),
        ("Not asked", f"{report.calls_saved:,}", "voters, because their vote had ended"),
        ("Cut off", f"{len(cut):,}", _cut_cost(cost(cut))),
        ("Throttled", f"{report.throttled_share:.0%}", "of the calls were answered 429"),
    ]
    boxes = (
        tag("div", tag("dt", name), tag("dd", value), tag("dd", words, class_="quiet"))
        for name, value, words in shown
    )
    return tag("dl", *boxes, class_="facts")


def path_list(measured: Measured) -> Html:
    """Return the steps of the critical path, without the briefest."""
    steps = measured.path
    whole = sum(step.seconds for step in steps)
    named = [step for step in steps if step.seconds >= _BRIEF * whole and step.seconds > 0]
    items = [_step(step, measured, whole) for step in named[:_STEPS]]
    rest = len(steps) - len(items)
    brief = (
        f"and {count(rest, 'brief step')}, {seconds(whole - sum(s.seconds for s in named[:_STEPS]))} in all"
    )
    if not items:
        return Html("")
    listed = tag("ol", *items, *([tag("li", brief, class_="quiet")] if rest else []), class_="path")
    return together([tag("p", _PATH_WORDS, class_="quiet"), listed])


def vote_table(measured: Measured) -> Html:
    """Return the votes, those that are not decided first."""
    graphs = [(place, graph) for place, graph in enumerate(measured.record.graphs) if graph.vote is not None]
    graphs.sort(key=lambda item: item[1].vote is not None and item[1].vote.status == "decided")
    rows = [_vote_row(place, graph, measured) for place, graph in graphs[:MOST]]
    head = ("Vote", "Result", "Heard", "Not asked", "Stopped by", "at", "Rule")
    return table(
        _capped("Ballots for the choice, of those that were counted", len(rows), len(graphs)),
        head,
        rows,
        numbers=99,
    )


def failure_list(report: RunReport) -> Html:
    """Return the causes of failures, the most frequent first, with the branches that they hit."""
    causes = sorted(causes_of(report).items(), key=lambda item: -len(item[1]))
    items = [
        tag(
            "li",
            tag("strong", cause[:400]),
            tag("span", f" {count(len(names), 'time')}" if len(names) > 1 else ""),
            tag("ul", *(tag("li", name[:200]) for name in names[:_NAMED]), *_more(len(names) - _NAMED)),
        )
        for cause, names in causes[:MOST]
    ]
    return tag("ul", *items, *_more(len(causes) - MOST), class_="causes") if items else Html("")


def cost_tables(measured: Measured) -> Html:
    """Return what models and branches took."""
    models = by_model(measured.record)
    branches = by_branch(measured.tree)
    caption = _capped("Branches, with all below them", min(MOST, len(branches)), len(branches))
    return together(
        [_shares("Models and engines", "Model", models), _shares(caption, "Branch", branches[:MOST])]
    )


def wait_table(record: RunRecord) -> Html:
    """Return for what branches and calls waited, and how long."""
    sums = waited(record)
    rows = [
        (WAITS[on], f"{sum(wait.on == on for wait in record.waits):,}", seconds(length))
        for on, length in sums.items()
    ]
    return table("Waits of all branches and calls", ("For", "Waits", "Together"), rows, numbers=1)


def remark_list(record: RunRecord) -> Html:
    """Return what endpoints did not take, and the like."""
    return tag("ul", *(tag("li", remark) for remark in record.remarks)) if record.remarks else Html("")


def _shares(caption: str, head: str, shares: Sequence[Share]) -> Html:
    most = max((share.seconds for share in shares), default=0.0)
    rows = [
        (
            share.name,
            f"{share.calls:,}",
            f"{share.failed - share.cut:,}",
            f"{share.cut:,}",
            f"{share.usage.input_tokens:,}",
            f"{share.usage.output_tokens:,}",
            _usd(share.usd),
            _usd(share.wasted_usd),
            together([seconds(share.seconds), _bar(share.seconds / most if most else 0.0)]),
        )
        for share in shares
    ]
    heads = (head, "Calls", "Failed", "Cut off", "Tokens in", "out", "Cost", "of it wasted", "Time of calls")
    return table(caption, heads, rows, numbers=1)


def _bar(share: float) -> Html:
    drawn = tag("rect", width=f"{share * 100:.1f}", height=8)
    return tag(
        "svg", drawn, class_="share", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true"
    )


def _step(step: CriticalStep, measured: Measured, whole: float) -> Html:
    record = measured.record
    graph, branch = record.graphs[step.graph], step.branch
    if step.kind == "branch" and branch is not None:
        name = measured.tree.full_name(branch)
    elif step.kind == "call" and step.call is not None:
        name = f"{record.calls[step.call].target}, for {graph.name}"
    else:
        name = f"{graph.name}, between branches and calls"
    at = f"{seconds(step.seconds)} from {seconds(measured.clock.shown(step.started))} on"
    waits = f", {seconds(step.waiting)} of it waiting" if step.waiting > 0.0005 else ""
    share = f"{step.seconds / whole:.0%}"
    return tag(
        "li",
        tag("span", name[:200], class_="to-branch", data_branch=branch),
        " ",
        tag("span", f"{at} ({share}){waits}", class_="quiet"),
        _bar(step.seconds / whole),
    )


def _vote_row(place: int, graph: RecordedGraph, measured: Measured) -> list[Child]:
    vote, branch = graph.vote, measured.tree.around_graph(place)
    if vote is None:
        return []
    name = graph.name if branch is None else measured.tree.full_name(branch)
    at = "" if vote.stopped_at is None else seconds(measured.clock.shown(vote.stopped_at))
    return [
        tag("span", name[:200], class_="to-branch", data_branch=branch),
        vote_result(vote),
        f"{len(vote.ballots)} of {count(len(vote.voters), 'voter')}",
        f"{vote.not_asked:,}",
        vote.stopped or "nothing",
        at,
        vote.rule,
    ]


def _more(number: int) -> list[Html]:
    return [tag("li", f"and {number:,} more", class_="quiet")] if number > 0 else []


def _capped(caption: str, shown: int, number: int) -> str:
    return f"{caption}: {shown:,} of {number:,} shown" if shown < number else caption


def _faster(report: RunReport) -> str:
    words = f"{seconds(report.sequential_seconds)} one after another"
    return f"{words}: {report.speedup:.1f} times as fast" if report.speedup >= 1.05 else words


def _by_status(branches: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {status_word(status)}" for status, number in branches.items()) or "none"


def _retried(report: RunReport) -> str:
    words = [count(report.retries, "retry"), count(report.hedges, "hedge")]
    kept = [f"{report.kept:,} more from the cache of answers"] if report.kept else []
    return ", ".join(
        [*(word for word, number in zip(words, (1, report.hedges), strict=True) if number), *kept]
    )


def _tokens(report: RunReport) -> str:
    cached = f", {report.cached_share:.0%} of them cached" if report.usage.cache_read_tokens else ""
    return f"{report.usage.input_tokens:,} in{cached}; {report.usage.output_tokens:,} out"


def _saved(report: RunReport) -> str:
    parts = [f"saved {dollars(report.savings.total)}"] if report.savings.total > 0 else []
    parts += [f"wasted {dollars(report.wasted_usd)}"] if report.wasted_usd else []
    return ", ".join(parts) or "nothing wasted"


def _cut_cost(usd: float | None) -> str:
    return "calls that were no longer needed" + (f": {dollars(usd)}" if usd else "")


def _usd(usd: float | None) -> str:
    return "unknown" if usd is None else dollars(usd) if usd else ""
