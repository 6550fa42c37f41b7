"""Summaries of the patterns that make something: results, drafts, ideas, reports."""

from langgraph_parallel.nodes.work.render import as_text, nested_answer
from langgraph_parallel.report.wording import count
from langgraph_parallel.tools.quoting import Block, Line, said
from langgraph_parallel.tools.summary import Output, counted, get, notice, support_of, text

_ALL_SECTIONS, _LEAST_OF_A_SECTION = 320, 24
"""Tokens of the results of a plan together, and of one of them at least."""


def summarise_result(output: Output) -> list[Block]:
    """Return the joined result; without one, that of each section in short."""
    result = output.get("result")
    if result is not None:
        uncited = output.get("uncited") or []
        return [
            text("Result", result, 0.85),
            Block([["Sections that it does not refer to: ", said(uncited)]] if uncited else [], most=60),
        ]
    ok = [one for one in (output.get("branches") or {}).values() if get(one, "status") == "ok"]
    lines = [["- ", said(get(one, "name")), ": ", said(nested_answer(get(one, "value")))] for one in ok]
    return [Block(lines, "No joined result; the sections:" if lines else "No result.", 80)]


def summarise_plan(output: Output) -> list[Block]:
    """Return the joined result of an agent's plan; without a join, that of each section in equal shares."""
    results = output.get("results")
    if results is None:
        return summarise_result(output)
    lines = [["- ", said(name), ": ", said(as_text(value))] for name, value in results.items()]
    most = max(_LEAST_OF_A_SECTION, _ALL_SECTIONS // max(1, len(lines)))
    return [Block(lines, f"Results ({len(lines):,}):" if lines else "No result.", most)]


def summarise_scatter_gather(output: Output) -> list[Block]:
    """Return the joined result, and the answers by source."""
    results, late = output.get("results") or {}, output.get("late") or []
    lines = [["- ", said(name), ": ", said(answer)] for name, answer in results.items()]
    return [
        text("Result", output.get("result"), 0.7),
        Block([["Too late: ", said(late)]] if late else [], most=60),
        Block(lines, f"Answers by source ({len(lines):,}):", 80),
    ]


def summarise_best_of(output: Output) -> list[Block]:
    """Return the best draft, and why."""
    drafts, best = output.get("drafts") or [], output.get("best")
    lines = [
        [
            "- ",
            said(get(one, "id")),
            f": score {get(one, 'score'):.3g}, judged {count(get(one, 'judged'), 'time')}",
        ]
        for one in drafts
    ]
    return [
        Block([["NOT JUDGED: no draft was chosen."]] if best is None else []),
        text("Best", best, 0.7),
        text("Why", output.get("reasons"), 0.5),
        Block(lines, f"Drafts ({len(lines):,}), the best first:" if lines else "", 40),
    ]


def summarise_brainstorm(output: Output) -> list[Block]:
    """Return the ideas, the best first."""
    ideas = output.get("ideas") or []
    lines: list[Line] = []
    for one in ideas:
        votes = support_of(get(one, "votes"))
        proposers = count(len(get(one, "by") or []), "proposer")
        unit = "vote" if get(get(one, "votes"), "n") == 1 else "votes"
        shown = f" ({votes} {unit})" if votes else f" ({proposers})"
        lines.append(["- ", said(get(one, "title")), f"{shown}: ", said(get(one, "text"))])
    return [Block(lines, f"{count(len(lines), 'idea')}, the best first:" if lines else "No ideas.", 70)]


def summarise_briefing(output: Output) -> list[Block]:
    """Return the summary, contradictions and themes."""
    briefing = output.get("briefing")
    if briefing is None:
        return [Block([["NOT WRITTEN: there is no briefing."]])]
    themes = [
        ["- ", said(get(one, "title")), ": ", said(get(one, "text"))] for one in get(briefing, "themes")
    ]
    against = [
        ["- ", said(get(one, "about")), ": ", said(get(one, "explanation"))]
        for one in get(briefing, "contradictions")
    ]
    return [
        *notice(briefing),
        text("Summary", get(briefing, "summary"), 0.5),
        Block(against, f"Contradictions ({len(against):,}):" if against else "", 60, 0.5),
        Block(themes, f"Themes ({len(themes):,}):" if themes else "", 70),
    ]


def summarise_feedback(output: Output) -> list[Block]:
    """Return the counts."""
    feedback = output.get("feedback")
    return [
        *notice(feedback),
        Block([[f"{count(len(get(feedback, 'rows') or []), 'text')}."]]),
        counted(get(feedback, "not_judged") or {}, "NOT JUDGED, number of texts:"),
        counted(get(feedback, "sentiments") or {}, "Sentiments:"),
        counted(get(feedback, "urgencies") or {}, "Urgency:"),
        counted(get(feedback, "topics") or {}, "Topics:"),
    ]


def summarise_market_study(output: Output) -> list[Block]:
    """Return the forecasts, and the report."""
    study = output.get("market_study")
    lines: list[Line] = []
    for one in get(study, "forecasts") or []:
        value, interval = get(one, "value"), get(one, "interval")
        line: list[str] = ["- ", said(get(one, "region")), ": "]
        line.append("no forecast" if value is None else f"{value:g} ")
        if value is not None:
            line.append(said(get(study, "unit")))
        if interval is not None:
            line.append(f", {get(interval, 'low'):g} to {get(interval, 'high'):g}")
        lines.append([*line, f", {len(get(one, 'forecasts'))} of {count(get(one, 'asked'), 'forecaster')}"])
    return [
        Block(lines, "Forecasts:" if lines else "", 50, 0.6),
        text("Report", get(study, "text")),
    ]


def summarise_research(output: Output) -> list[Block]:
    """Return the report, and its references."""
    research = output.get("research")
    if research is None:
        return [Block([["NOT WRITTEN: there is no report."]])]
    lines = [
        [f"- [{get(one, 'number')}] ", said(get(one, "source")), ": ", said(get(one, "quote"))]
        for one in get(research, "references")
    ]
    return [
        *notice(research),
        text("Report", get(research, "text"), 0.7),
        Block(lines, f"References ({len(lines):,}):" if lines else "No references.", 50),
    ]
