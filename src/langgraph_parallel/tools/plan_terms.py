"""What a plan may ask for: workers, rules, stops, joins and sizes, each from a closed list."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from langgraph_parallel.reducers.votes.rules import RULES
from langgraph_parallel.reducers.votes.stops import STOPS

_IN_PARTS = ("elementwise", "by_field")
"""Rules that need a schema, which a plan cannot give."""
RULE_NAMES = tuple(name for name in RULES if name not in _IN_PARTS)
"""Rules of which a plan may choose."""
_SHOWN = 40
"""Characters of the plan's own text that an error quotes."""


@dataclass(frozen=True)
class Card:
    """What a plan has to know of a worker."""

    description: str = ""
    """What it is for."""
    why_no_voter: str = ""
    """Why it cannot vote; empty if it can."""
    why_no_needs: str = ""
    """Why it cannot use results of others, unless it votes; empty if it can."""


@dataclass(frozen=True)
class Terms:
    """What a plan may ask for."""

    workers: Mapping[str, Card]
    joins: Mapping[str, str] = field(default_factory=lambda: {"concat": "one after another"})
    """What there is to join results with, each with what it does."""
    max_sections: int = 1000
    max_voters: int = 9
    max_calls: int = 2000
    """Most answers of workers: sections, each times its voters."""

    @property
    def rules_text(self) -> str:
        """The rules, for the form of the plan."""
        return f"One of {', '.join(RULE_NAMES)}; with a number as in threshold(0.7)."

    @property
    def stops_text(self) -> str:
        """The stops, for the form of the plan."""
        return f"One of {', '.join(STOPS)}; with a number as in ahead_by(2)."


def quoted(text: object, most: int = _SHOWN) -> str:
    r"""Return text of a plan as an error quotes it: on one line, shortened.

    >>> quoted("Say:\nyes"), quoted("x" * 50, 5)
    ("'Say:\\nyes'", "'xxxxx...'")
    """
    shown = str(text)
    return repr(shown if len(shown) <= most else f"{shown[:most]}...")
