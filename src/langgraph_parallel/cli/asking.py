"""The commands beside the review: brief, moderate, feedback, vote, research."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from langgraph_parallel.cli.documents import read_document, read_documents, read_table
from langgraph_parallel.cli.running import stoppable
from langgraph_parallel.cli.writing import check_output, write_text
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Branch, RunReport
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.limits import Limits

OK, FOUND = 0, 1


class Written(StrEnum):
    """What a result is written as."""

    text = "text"
    markdown = "markdown"
    json = "json"


class Table(StrEnum):
    """What a table is written as."""

    text = "text"
    markdown = "markdown"
    json = "json"
    csv = "csv"


class Gate(StrEnum):
    """From which status on the exit code is 1."""

    flagged = "flagged"
    needs_review = "needs_review"


ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="PROVIDER:MODEL", help="The model that does the work.")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Use no model, whatever the environment names.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write the result to a file.")
]
FormatOption = Annotated[Written, typer.Option("--format", help="What the result is written as.")]
DeadlineOption = Annotated[
    float | None,
    typer.Option("--deadline", min=0.001, metavar="SECONDS", help="Longest time; what is there counts."),
]
CallsOption = Annotated[int | None, typer.Option("--budget-calls", min=0, help="Requests to models at most.")]
UsdOption = Annotated[float | None, typer.Option("--budget-usd", min=0, help="US dollars at most.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no numbers on standard error.")]


def brief(
    paths: Annotated[
        list[str], typer.Argument(metavar="DOCS...", help="Text, Markdown, HTML, PDF, and folders of them.")
    ],
    model: ModelOption = None,
    offline: OfflineOption = False,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Read these files below folders instead.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Leave these files out.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the briefing.")] = None,
    format: FormatOption = Written.text,
    output: OutputOption = None,
    deadline: DeadlineOption = None,
    budget_calls: CallsOption = None,
    budget_usd: UsdOption = None,
    quiet: QuietOption = False,
) -> int:
    """Write one briefing on many documents: themes, contradictions, and where each of it stands."""
    from langgraph_parallel.graphs.briefing import create_briefing

    check_output(output)
    words: Any = {} if language is None else {"language": language}
    limits = _limits(deadline=deadline, budget_calls=budget_calls, budget_usd=budget_usd)
    graph = create_briefing(model=model, offline=offline, limits=limits, **words)
    held = read_documents(paths, include=include or [], exclude=exclude or [], use="brief on")
    out = _run(graph, {"documents": held.texts}, quiet)
    for skipped in held.skipped if not quiet else []:
        print(visible(f"not read: {skipped.path} ({skipped.reason})"), file=sys.stderr)
    return _put(out, "briefing", format, output)


def moderate(
    path: Annotated[str, typer.Argument(metavar="FILE", help="The text; - reads standard input.")],
    checks: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of hate, spam, personal_data, copyright.")
    ] = None,
    model: ModelOption = None,
    offline: OfflineOption = False,
    region: Annotated[
        str | None, typer.Option(metavar="XX", help="Country whose telephone numbers need no +.")
    ] = None,
    fail_on: Annotated[
        Gate | None, typer.Option(help="Exit with 1 if the text is flagged, or also if it needs review.")
    ] = None,
    format: FormatOption = Written.text,
    output: OutputOption = None,
    deadline: DeadlineOption = None,
    budget_calls: CallsOption = None,
    budget_usd: UsdOption = None,
    quiet: QuietOption = False,
) -> int:
    """Check a text for hate speech, spam, personal data and copyright, all at once."""
    from langgraph_parallel.graphs.moderation import create_moderation

    check_output(output)
    named = None if checks is None else [name.strip() for name in checks.split(",")]
    limits = _limits(deadline=deadline, budget_calls=budget_calls, budget_usd=budget_usd)
    graph = create_moderation(model=model, offline=offline, checks=named, region=region, limits=limits)
    out = _run(graph, {"text": _text_in(path)}, quiet)
    code = _put(out, "moderation", format, output)
    status = out["status"]
    failed = status == "flagged" or (status == "needs_review" and fail_on is Gate.needs_review)
    return FOUND if fail_on is not None and failed else code


def feedback(
    path: Annotated[
        str, typer.Argument(metavar="FILE.csv", help="A table of texts, or a text with one in each line.")
    ],
    column: Annotated[str | None, typer.Option(help="The column that holds the texts.")] = None,
    dimensions: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of sentiment, topics, urgency, entities.")
    ] = None,
    model: ModelOption = None,
    offline: OfflineOption = False,
    format: Annotated[Table, typer.Option(help="What the result is written as.")] = Table.text,
    output: OutputOption = None,
    deadline: DeadlineOption = None,
    budget_calls: CallsOption = None,
    budget_usd: UsdOption = None,
    quiet: QuietOption = False,
) -> int:
    """Say what feedback feels, speaks of and names, and how urgent it is."""
    from langgraph_parallel.graphs.feedback import create_feedback_analysis

    check_output(output)
    named: Any = (
        {} if dimensions is None else {"dimensions": [name.strip() for name in dimensions.split(",")]}
    )
    limits = _limits(deadline=deadline, budget_calls=budget_calls, budget_usd=budget_usd)
    graph = create_feedback_analysis(model=model, offline=offline, limits=limits, **named)
    out = _run(graph, {"texts": read_table(path, column)}, quiet)
    if format is Table.csv and out["csv"] is not None:
        write_text(out["csv"], output)
        return OK
    return _put(out, "feedback", Written(format.value), output)


def vote(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the voters answer.")],
    choices: Annotated[str | None, typer.Option(metavar="A,B", help="The valid answers.")] = None,
    model: ModelOption = None,
    voters: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 3,
    rule: Annotated[str, typer.Option(metavar="RULE", help="What decides, such as 'threshold(0.7)'.")] = (
        "majority"
    ),
    stop: Annotated[
        str, typer.Option(metavar="STOP", help="When it may end, such as 'confident(0.95)'.")
    ] = "decided",
    format: FormatOption = Written.text,
    output: OutputOption = None,
    deadline: DeadlineOption = None,
    budget_calls: CallsOption = None,
    budget_usd: UsdOption = None,
    quiet: QuietOption = False,
) -> int:
    """Put a question to several models, and decide by a rule; exit with 1 where it is undecided."""
    from langgraph_parallel.graphs.voting import create_voting
    from langgraph_parallel.report.voting import verdict_markdown

    check_output(output)
    named = None if choices is None else [name.strip() for name in choices.split(",")]
    limits = _limits(deadline=deadline, budget_calls=budget_calls, budget_usd=budget_usd)
    graph = create_voting(model=model, voters=voters, choices=named, rule=rule, stop=stop, limits=limits)
    out = _run(graph, {"question": question}, quiet)
    _put({**out, "markdown": verdict_markdown(out["verdict"])}, "verdict", format, output)
    return OK if out["verdict"].decided else FOUND


def research(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to find out.")],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="FILES...", help="Documents and folders to search in.")
    ] = None,
    model: ModelOption = None,
    offline: OfflineOption = False,
    topics: Annotated[int, typer.Option(min=1, help="Topics in one round, at most.")] = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of topics, at most.")] = 2,
    format: FormatOption = Written.text,
    output: OutputOption = None,
    deadline: DeadlineOption = None,
    budget_calls: CallsOption = None,
    budget_usd: UsdOption = None,
    quiet: QuietOption = False,
) -> int:
    """Look into a question in documents, from several sides at once, and report with references."""
    from langgraph_parallel.graphs.research import create_research

    check_output(output)
    limits = _limits(deadline=deadline, budget_calls=budget_calls, budget_usd=budget_usd)
    graph = create_research(model=model, offline=offline, topics=topics, rounds=rounds, limits=limits)
    files = read_documents(paths, use="search").texts if paths else {}
    return _put(_run(graph, {"question": question, "files": files}, quiet), "research", format, output)


COMMANDS: Sequence[Callable[..., int]] = (brief, moderate, feedback, vote, research)
"""In the order in which help lists them."""


def _limits(**bounds: float | None) -> Limits:
    try:
        return Limits.model_validate({name: value for name, value in bounds.items() if value is not None})
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}") from None


def _text_in(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    held = read_document(Path(path))
    if not isinstance(held, str):
        raise UsageError(f"cannot moderate {path}: {held.reason}")
    return held


def _run(graph: Any, given: Mapping[str, Any], quiet: bool) -> dict[str, Any]:
    """Run a graph, tell what has finished, and the numbers in the end. A signal stops it gracefully."""

    async def follow() -> dict[str, Any]:
        out: dict[str, Any] = {}
        shown: Any = graph.astream(given, stream_mode=["custom", "values"])
        async for mode, data in shown:
            if mode == "values":
                out = data
            elif not quiet and data.get("event") == "finished":
                _tell(data["branch"])
        return out

    async def whole() -> dict[str, Any]:
        return await stoppable(follow())

    out = asyncio.run(whole())
    if not quiet:
        _summarise(out["report"])
    return out


def _tell(branch: Branch) -> None:
    said = "" if branch.ok else f": {branch.error or branch.status}"
    print(visible(f"{branch.name}{said}, {branch.ended - branch.started:.1f} s"), file=sys.stderr, flush=True)


def _summarise(report: RunReport) -> None:
    from langgraph_parallel.report.run import run_summary

    sys.stderr.write("\n" + run_summary(report))


def _put(out: Mapping[str, Any], key: str, format: Written, output: Path | None) -> int:
    """Write the result; where there is none, say why."""
    made = out.get(key)
    if made is None:
        causes = "; ".join(f"{name}: {cause}" for name, cause in out["report"].failures.items())
        print(visible(f"langgraph-parallel: there is no {key}: {causes}"), file=sys.stderr)
        return FOUND
    if format is Written.json:
        write_text(made.model_dump_json(indent=2) + "\n", output)
    else:
        write_text(out["markdown"], output, rendered=format is Written.text)
    return OK
