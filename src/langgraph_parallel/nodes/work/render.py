"""Results as texts, as a synthesizer, a later worker or a reader gets them."""

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.reducers.canonical import canonical

_VERDICT = frozenset(("rule", "status", "choice", "support", "counts"))
"""Fields by which a verdict of ours is known."""
_SECTIONING = frozenset(("result", "missing", "unreferenced"))
_REPORTS = frozenset(("briefing", "research", "study", "moderation", "feedback", "review"))
"""What our graphs give beside a text to be read."""


def as_text(value: JsonValue) -> str:
    """A result as a text; of a vote, what it decided."""
    if isinstance(value, dict):
        verdict, made = value.get("verdict"), value.get("markdown")
        if isinstance(verdict, dict) and verdict.keys() >= _VERDICT:
            return _decision(verdict)
        if value.keys() == _SECTIONING and isinstance(value["result"], str):
            return value["result"]
        if isinstance(made, str) and value.keys() & _REPORTS:
            return made
    return value if isinstance(value, str) else canonical(value)


def titled(results: Iterable[tuple[str, JsonValue]]) -> str:
    """Results one after another, each under its title."""
    return "\n\n".join(f"### {title}\n\n{as_text(value)}" for title, value in results)


def _decision(verdict: dict[str, Any]) -> str:
    """What a vote decided: `yes (4/5)`, and why not, where it is undecided."""
    support, choice = verdict.get("support") or {}, verdict.get("choice")
    shown = "no choice" if choice is None else as_text(choice)
    status = "" if verdict.get("status") == "decided" else f", {str(verdict.get('status')).replace('_', ' ')}"
    return f"{shown} ({support.get('k', 0)}/{support.get('n', 0)}{status})"
