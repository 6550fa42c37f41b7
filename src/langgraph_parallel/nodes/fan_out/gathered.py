"""Gather: what the branches brought, as the join reads it."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import GraphBubbleUp
from pydantic import JsonValue

from langgraph_parallel.records import Branch, Section
from langgraph_parallel.runtime.redact import describe


def in_order(branches: Mapping[str, Branch]) -> list[Branch]:
    """Branches as they were planned, whichever finished first."""
    return sorted(branches.values(), key=lambda branch: (branch.order, branch.id))


@dataclass(frozen=True)
class Gathered:
    """What came back from a fan-out: what succeeded, in the order of the plan, and what is missing.

    Error texts are not in it as results, so none can be passed on as an answer.
    """

    results: list[tuple[Section, JsonValue]]
    """Sections whose branch ended ok, with its value, in the order of the plan."""
    missing: list[str]
    """Titles of the others, in the same order."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The graph's input."""
    branches: Mapping[str, Branch] = field(default_factory=dict)
    """What came of each section, by its id."""
    sections: Sequence[Section] = ()
    """All that were planned."""
    problems: dict[str, str] = field(default_factory=dict)
    """Steps of the close that have failed, and why."""

    @classmethod
    def of(
        cls,
        sections: Sequence[Section],
        branches: Mapping[str, Branch],
        given: Mapping[str, Any] | None = None,
    ) -> "Gathered":
        """Match sections with their branches; skipped branches may have no section any more."""
        held = {section.id: section for section in sections}
        ok = {key for key, branch in branches.items() if branch.ok and key in held}
        others = [held[key].title for key in held if key not in ok]
        beyond = [branch.name for key, branch in branches.items() if key not in held]
        results = [(s, branches[s.id].value) for s in sections if s.id in ok]
        return cls(results, others + beyond, given or {}, branches, sections)

    @property
    def last_round(self) -> int:
        """The number of the last round that was planned."""
        return max((section.round for section in self.sections), default=0)

    @property
    def values(self) -> dict[str, JsonValue]:
        """The results, by the ids of their sections."""
        return {section.id: value for section, value in self.results}

    async def attempt(self, step: str, make: Callable[["Gathered"], Any]) -> Any:
        """Make something of this, sync or async; None where that fails, which the report then says.

        Raises:
            GraphBubbleUp: the step interrupts; LangGraph has to see that.
        """
        try:
            made = make(self)
            return await made if inspect.isawaitable(made) else made
        except GraphBubbleUp:
            raise
        except Exception as error:
            self.problems[step] = describe(error)
            return None

    def of_round(self, number: int) -> list[tuple[Section, JsonValue]]:
        """The results of one round."""
        return [(section, value) for section, value in self.results if section.round == number]

    def by(self, worker: str) -> list[tuple[Section, JsonValue]]:
        """The results of one worker, by its name."""
        return [(section, value) for section, value in self.results if section.worker == worker]
