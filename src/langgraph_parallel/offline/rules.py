"""Explanations of the engines' rules, from `rules.toml`."""

import tomllib
from importlib.resources import files

from pydantic import TypeAdapter

from langgraph_parallel.records import Severity
from langgraph_parallel.records.base import Record


class Rule(Record):
    """An explained rule."""

    severity: Severity
    explanation: str
    """Why the defect matters."""
    suggestion: str
    """How to fix it."""


RULES = TypeAdapter(dict[str, Rule]).validate_python(
    tomllib.loads((files("langgraph_parallel.offline") / "rules.toml").read_text(encoding="utf-8"))
)
"""The explained rules, by canonical code."""

_SEVERITY_BY_PREFIX: tuple[tuple[str, Severity], ...] = (
    ("S4", "low"),
    ("S", "medium"),
    ("DUO", "medium"),
    ("PLE", "high"),
    ("F", "medium"),
    ("B", "medium"),
    ("ASYNC", "medium"),
    ("PT", "medium"),
)


def severity_for(rule: str) -> Severity:
    """Return the severity of a canonical rule; if it is not explained, the default for its prefix."""
    if rule in RULES:
        return RULES[rule].severity
    return next((severity for prefix, severity in _SEVERITY_BY_PREFIX if rule.startswith(prefix)), "low")
