"""What a graph answers in a conversation, as Markdown that a person reads there."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from langgraph_parallel.records import Escalation, Idea, RunReport, Verdict
from langgraph_parallel.report.markdown import (
    bullets,
    code_lines,
    code_span,
    escape,
    escape_text,
    join_blocks,
    names_line,
)
from langgraph_parallel.report.run import NAMED, causes_of, more_names, result_status
from langgraph_parallel.report.voting import verdict_markdown
from langgraph_parallel.report.wording import count, show
from langgraph_parallel.runtime.messages import FromMessages
from langgraph_parallel.runtime.replying import Replying

_MAX_CAUSES = 5
"""Causes of failures that are shown."""
_MAX_IDEAS = 30
"""Ideas that are shown, the first ones."""
_LONGEST = 20_000
"""Characters of a report. The answer of a model is shown whole."""
_SHORTENED = "The rest is left out here; the output of the graph has all of it."


def answering(kind: str, name: str, spec: FromMessages) -> Replying:
    """Return how a graph answers in a conversation.

    Args:
        kind: the pattern.
        name: of the graph.
        spec: how it reads its input.
    """
    return Replying(kind, name, spec, partial(reply_markdown, kind), waiting_markdown)


def waiting_markdown(escalations: Sequence[Escalation]) -> str:
    """Render that a person is asked about undecided votes, and how these stand."""
    head = "**The vote is undecided**: a person is asked."
    if len(escalations) > 1:
        head = f"**{len(escalations)} votes are undecided**: a person is asked."
    blocks = [head]
    for one in escalations:
        names = [*one.path, one.title] if one.path else []
        possible = names_line("Possible choices", map(show, one.choices or ()))
        blocks += [" > ".join(map(_name, names)), verdict_markdown(one.verdict), possible]
    return _bounded(join_blocks(blocks))


def reply_markdown(kind: str, output: Mapping[str, Any], unread: Sequence[str]) -> str:
    """Render the output of a graph as an answer, with what failed and what was not read.

    Args:
        kind: the pattern.
        output: of the graph.
        unread: names of what the user sent and the graph cannot read.
    """
    content = _WRITERS[kind](output).strip("\n")
    return join_blocks(
        [
            *_failure_blocks(output, has_content=bool(content)),
            content,
            _missing_line(output["missing"]) if kind in _NAMING_MISSING else "",
            names_line("Not read", unread),
        ]
    ).strip("\n")


def _failure_blocks(output: Mapping[str, Any], *, has_content: bool) -> Iterator[str]:
    """Yield that a run has failed, or has no result, and the causes."""
    report: RunReport = output["run_report"]
    if result_status(output) == "failed":
        yield "**This failed.**" if has_content else "**This failed: there is no answer.**"
    elif not has_content:
        yield f"**There is no answer.** {escape(report.completion_reason)}".rstrip()
    elif report.status == "partial":
        yield "**Part of this failed.**"
    causes = [_cause(cause, names) for cause, names in causes_of(report).items()]
    rest = len(causes) - _MAX_CAUSES
    more = [count(rest, "more cause")] if rest > 0 else []
    yield bullets([*causes[:_MAX_CAUSES], *more])


def _cause(cause: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{_name(names[0])}: {escape_text(cause)}"
    return f"{len(names)} x {escape_text(cause)}: {', '.join(map(_name, names[:NAMED]))}{more_names(names)}"


def _missing_line(names: Iterable[str]) -> str:
    listed = ", ".join(map(_name, names))
    return f"Missing: {listed}." if listed else ""


def _name(name: str) -> str:
    """Return a name as code: brackets and the like stay as they are, also where Markdown is not rendered."""
    shown = " ".join(name.split())
    return code_span(shown) if shown else "(no name)"


def _write_verdict(output: Mapping[str, Any]) -> str:
    verdict: Verdict | None = output.get("verdict")
    if verdict is None:
        return ""
    undecided = "" if verdict.decided else "**The vote is undecided.**"
    return join_blocks([undecided, verdict_markdown(verdict), escape_text(verdict.note)])


def _write_report(output: Mapping[str, Any]) -> str:
    return _bounded(output.get("markdown") or "")


def _write_best(output: Mapping[str, Any]) -> str:
    if output.get("best") is not None:
        return _answer(output["best"])
    drafts = output.get("drafts") or []
    return f"**No draft was chosen**, of {count(len(drafts), 'draft')}." if drafts else ""


def _write_ideas(output: Mapping[str, Any]) -> str:
    ideas: Sequence[Idea] = output.get("ideas") or []
    lines = [f"{number}. {_idea(idea)}" for number, idea in enumerate(ideas[:_MAX_IDEAS], 1)]
    rest = len(ideas) - _MAX_IDEAS
    return join_blocks(["\n".join(lines), f"{count(rest, 'more idea')}. {_SHORTENED}" if rest > 0 else ""])


def _write_guarded(output: Mapping[str, Any]) -> str:
    if output.get("released"):
        return _answer(output["answer"])
    return f"**The answer is withheld**: {escape_text(output.get('reason') or 'a check has not passed')}"


def _idea(idea: Idea) -> str:
    votes = "" if idea.votes is None else f"; chosen by {idea.votes}"
    return f"**{escape(idea.title)}**: {escape(idea.text)} ({', '.join(map(_name, idea.by))}{votes})"


def _answer(value: Any) -> str:
    """Return what a model or a worker answered: a text as it is, since a chat is where it belongs."""
    if isinstance(value, str):
        return value
    return code_lines(json.dumps(value, ensure_ascii=False, indent=2))


def _bounded(text: str) -> str:
    """Return the first blocks of a report that is too long for a chat."""
    if len(text) <= _LONGEST:
        return text
    kept = text[:_LONGEST].rpartition("\n\n")[0] or text[:_LONGEST]
    return join_blocks([kept, _open_fence(kept.split("\n")), _SHORTENED])


def _open_fence(lines: Iterable[str]) -> str:
    """Return what closes the fenced block that lines end in; empty if they end in none."""
    fence = ""
    for line in lines:
        marks = line.strip()
        if not fence and marks.startswith("```"):
            fence = "`" * (len(marks) - len(marks.lstrip("`")))
        elif fence and marks == fence:
            fence = ""
    return fence


_NAMING_MISSING = frozenset({"best_of", "brainstorm", "debate"})
"""Patterns whose answers do not say by themselves what is missing."""
_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "best_of": _write_best,
    "brainstorm": _write_ideas,
    "briefing": _write_report,
    "debate": _write_verdict,
    "guarded": _write_guarded,
    "moderation": _write_report,
    "research": _write_report,
    "review": _write_report,
    "voting": _write_verdict,
}
