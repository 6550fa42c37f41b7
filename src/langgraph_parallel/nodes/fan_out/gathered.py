"""Collect branch results for the join."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Branch, Section
from langgraph_parallel.runtime.explain import is_bug
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.redact import describe


def in_order(branches: Mapping[str, Branch]) -> list[Branch]:
    """Return branches in the order of the plan, whichever finished first."""
    return sorted(branches.values(), key=lambda branch: (branch.order, branch.id))


@dataclass(frozen=True)
class Gathered:
    """The results of a fan-out in the order of the plan, and what is missing.

    Errors are not among the results, so that no error text can pass for an answer. It iterates over the
    values of the results, so that a function of a list, such as `sum`, can join them.
    """

    results: list[tuple[Section, JsonValue]]
    """Sections whose branch ended ok, each with its value."""
    missing: list[str]
    """Titles of all other sections, in the order of the plan."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The graph's input."""
    branches: Mapping[str, Branch] = field(default_factory=dict)
    """The record of each branch, by section id."""
    sections: Sequence[Section] = ()
    """All sections of the plan."""
    notes: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the planner noted besides its sections."""
    problems: dict[str, str] = field(default_factory=dict)
    """Failed steps of the close, each with its cause."""
    lost: list[str] = field(default_factory=list)
    """Those of them without which there is no result."""

    @classmethod
    def of(
        cls,
        sections: Sequence[Section],
        branches: Mapping[str, Branch],
        given: Mapping[str, Any] | None = None,
        notes: Mapping[str, JsonValue] | None = None,
    ) -> "Gathered":
        """Match sections with their branches."""
        by_id = {section.id: section for section in sections}
        ok = {key for key, branch in branches.items() if branch.ok and key in by_id}
        failed = [section.title for key, section in by_id.items() if key not in ok]
        results = [(section, branches[section.id].value) for section in sections if section.id in ok]
        return cls(results, failed, given or {}, branches, sections, notes or {})

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def titles(self) -> list[str]:
        """Titles of all sections of the first round."""
        return [section.title for section in self.sections if section.round == 0]

    @property
    def last_round(self) -> int:
        """The number of the last planned round, from 0."""
        return max((section.round for section in self.sections), default=0)

    @property
    def values(self) -> list[JsonValue]:
        """The results alone, in the order of the plan."""
        return [value for _, value in self.results]

    @property
    def by_id(self) -> dict[str, JsonValue]:
        """The results by section id."""
        return {section.id: value for section, value in self.results}

    async def attempt(self, step: str, make: Callable[["Gathered"], Any], *, optional: bool = False) -> Any:
        """Run a step of the close; return None if it fails, and note the cause for the run report.

        Args:
            step: its name in the run report.
            make: a function of these results, sync or async.
            optional: whether there is a result without it, too.

        Raises:
            GraphBubbleUp: the step interrupts, which LangGraph has to see.
            Exception: the step has a bug; what models and endpoints do is noted.
        """
        try:
            made = make(self)
            return await made if inspect.isawaitable(made) else made
        except Exception as error:
            if is_for_langgraph(error):
                raise
            if is_bug(error):
                raise
            self.problems[step] = describe(error)
            if not optional:
                self.lost.append(step)
            return None

    def of_round(self, number: int) -> list[tuple[Section, JsonValue]]:
        """Return the results of one round."""
        return [(section, value) for section, value in self.results if section.round == number]

    def of_worker(self, worker: str) -> list[tuple[Section, JsonValue]]:
        """Return the results of one worker, by its name."""
        return [(section, value) for section, value in self.results if section.worker == worker]
