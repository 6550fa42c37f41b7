"""Explanations of the engines' rules, from `rules.toml`."""

import tomllib
from importlib.resources import files

from pydantic import TypeAdapter

from langgraph_parallel.records import Severity
from langgraph_parallel.records.base import Record
from langgraph_parallel.reducers.findings.aliases import has_prefix


class Rule(Record):
    """An explained rule."""

    severity: Severity
    explanation: str
    """Why the defect matters."""
    suggestion: str
    """How to fix it."""
    overrides: str = ""
    """Why `severity` replaces that of the engine; empty if the engine's is used."""


RULES = TypeAdapter(dict[str, Rule]).validate_python(
    tomllib.loads((files("langgraph_parallel.offline") / "rules.toml").read_text(encoding="utf-8"))
)
"""The explained rules, by canonical code."""

_SEVERITY_BY_PREFIX: tuple[tuple[str, Severity], ...] = (
    ("S4", "low"),  # an import does nothing yet
    ("S", "medium"),
    ("DUO", "medium"),
    ("PLE", "high"),
    ("F", "medium"),
    ("B", "medium"),
    ("ASYNC", "medium"),
    ("PT", "medium"),
)


def severity_for(rule: str, by_engine: Severity | None = None) -> Severity:
    """Return the severity of a canonical rule.

    Args:
        rule: its code. If it is not explained, the default for its prefix is its severity.
        by_engine: what the engine says, which goes first unless the rule overrides it; None for nothing.
    """
    explained = RULES.get(rule)
    if by_engine and not (explained and explained.overrides):
        return by_engine
    if explained:
        return explained.severity
    return next((severity for prefix, severity in _SEVERITY_BY_PREFIX if has_prefix(rule, prefix)), "low")
