"""What the engines' rules mean; the words are in `rules.toml`."""

import tomllib
from importlib.resources import files

from pydantic import TypeAdapter

from langgraph_parallel.records import Severity
from langgraph_parallel.records.base import Record


class Rule(Record):
    """One rule in our words."""

    severity: Severity
    explanation: str
    suggestion: str


RULES = TypeAdapter(dict[str, Rule]).validate_python(
    tomllib.loads((files("langgraph_parallel.offline") / "rules.toml").read_text(encoding="utf-8"))
)

_FAMILY: tuple[tuple[str, Severity], ...] = (
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
    """The severity of a canonical rule; of one that is not listed, that of its family."""
    if rule in RULES:
        return RULES[rule].severity
    return next((severity for prefix, severity in _FAMILY if rule.startswith(prefix)), "low")
