"""Render results as text, for a synthesizer, a later worker or a reader."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Section
from langgraph_parallel.reducers.canonical import canonical

GRAPH = "graph"
"""The key by which the branch value of a nested graph says which pattern it comes from."""
_ANSWERS = {
    "best_of": "best",
    "guarded": "answer",
    "map_reduce": "result",
    "scatter_gather": "result",
    "sectioning": "result",
}
"""For each pattern that has a single answer, the key of it."""


def nested_answer(value: JsonValue) -> JsonValue:
    """Return the answer of a nested graph: a verdict's choice, or its result; any other value as it is."""
    if not isinstance(value, dict):
        return value
    kind, verdict = value.get(GRAPH), value.get("verdict")
    if kind in ("voting", "debate") and isinstance(verdict, dict):
        return verdict.get("choice")
    return value.get(_ANSWERS[kind]) if isinstance(kind, str) and kind in _ANSWERS else value


def as_text(value: JsonValue) -> str:
    """Render a result: a nested graph as its report or its answer, anything but text as JSON."""
    if isinstance(value, dict) and GRAPH in value:
        verdict, markdown, answer = value.get("verdict"), value.get("markdown"), nested_answer(value)
        if isinstance(verdict, dict):
            return _decision(verdict)
        if isinstance(markdown, str):
            return markdown
        if isinstance(answer, str):
            return answer
    return value if isinstance(value, str) else canonical(value)


def as_sections(results: Iterable[tuple[str, JsonValue]]) -> str:
    """Render results one after another, each under its title."""
    return "\n\n".join(f"### {title}\n\n{as_text(value)}" for title, value in results)


def missing_line(titles: Sequence[str]) -> str:
    """Return the line by which a text names what it leaves out."""
    return f"Missing: {', '.join(titles)}."


def section_text(section: Section) -> str:
    """Return a section as one text: instructions, content, and the results that it needs."""
    parts = (section.instructions, section.content, as_sections(section.earlier.items()))
    return "\n\n".join(part for part in parts if part)


def _decision(verdict: Mapping[str, Any]) -> str:
    """Render a verdict: `yes (4/5)`, with its status unless it is decided."""
    support, choice = verdict.get("support") or {}, verdict.get("choice")
    shown = "no choice" if choice is None else as_text(choice)
    status = "" if verdict.get("status") == "decided" else f", {str(verdict.get('status')).replace('_', ' ')}"
    return f"{shown} ({support.get('k', 0)}/{support.get('n', 0)}{status})"
