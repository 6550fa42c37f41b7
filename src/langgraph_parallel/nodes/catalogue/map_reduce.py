"""Reduce in a tree: the sections of the next level, until one result is left."""

from collections.abc import Sequence

from pydantic import JsonValue

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.records import Section
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.runtime.tokens import estimate_tokens

REDUCE = "reduce"
"""The name of the worker, and the beginning of the ids of its sections."""


class Tree:
    """How the results of a fan-out are reduced to one, level by level.

    Args:
        fan_in: how many are reduced together, at most.
        max_tokens: how many tokens of them; two are always reduced together.
    """

    def __init__(self, fan_in: int, max_tokens: int | None = None) -> None:
        self.fan_in, self.max_tokens = fan_in, max_tokens

    def next_level(self, gathered: Gathered) -> list[Section]:
        """The sections of the next level; none where there is nothing more to reduce."""
        left = frontier(gathered)
        sizes = [estimate_tokens(as_text(value)) for _, value in left]
        return self._level([section for section, _ in left], sizes, gathered.last_round + 1)

    def most(self, sections: Sequence[Section]) -> list[Section]:
        """The sections of all levels, as far as they can be known before."""
        made, left, number = [], list(sections), 0
        large = 1 if self.max_tokens is None else self.max_tokens  # then they may have to be reduced in pairs
        while len(left) > 1:
            number += 1
            level = self._level(left, [large] * len(left), number)
            taken = {need for section in level for need in section.needs}
            made += level
            left = [section for section in left if section.id not in taken] + level
        return made

    def _level(self, left: Sequence[Section], sizes: Sequence[int], number: int) -> list[Section]:
        if len(left) < 2:
            return []
        parts = [part for part in groups(sizes, self.fan_in, self.max_tokens) if len(part) > 1]
        return [
            Section(
                id=f"{REDUCE}/{number}/{i}",
                title=f"{REDUCE} {number}.{i}",
                worker=REDUCE,
                needs=[left[place].id for place in part],
            )
            for i, part in enumerate(parts, 1)
        ]


def frontier(gathered: Gathered) -> list[tuple[Section, JsonValue]]:
    """The results that have not been reduced, in the order of what they were made of."""
    needs = {section.id: section.needs for section in gathered.sections}
    taken = {need for wanted in needs.values() for need in wanted}
    place = {section.id: i for i, section in enumerate(gathered.sections)}

    def first(key: str) -> int:
        return first(needs[key][0]) if needs[key] else place[key]

    left = [(section, value) for section, value in gathered.results if section.id not in taken]
    return sorted(left, key=lambda pair: first(pair[0].id))


def lost(gathered: Gathered) -> list[str]:
    """Titles of first sections that are in no result: they failed, or what they were reduced into did."""
    needs = {section.id: section.needs for section in gathered.sections}
    left = [section.id for section, _ in frontier(gathered)]
    held: set[str] = set()
    while left:
        key = left.pop()
        held.add(key)
        left += needs[key]
    first = [section for section in gathered.sections if section.round == 0]
    planned = {section.id for section in gathered.sections}
    beyond = [branch.name for key, branch in gathered.branches.items() if key not in planned]
    return [section.title for section in first if section.id not in held] + beyond
