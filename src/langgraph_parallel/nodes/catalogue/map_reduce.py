"""Map-reduce: reduce the results of all items in a tree, until one is left.

Without a limit of tokens the number of items decides on all groups: the whole tree is planned at once, and a
group is reduced as soon as its own members have ended. With a limit the sizes of the results decide: a level
is planned when all results of the one below are there.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from langgraph_parallel.arguments import at_least
from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.synthesizer import Synthesizer
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.inputs import as_json_data, found
from langgraph_parallel.nodes.work.json_data import as_json
from langgraph_parallel.nodes.work.parts import halve, in_parts
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import Composed, asks_in
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.tokens import estimate_tokens

MAP, REDUCE = "map", "reduce"
"""Names of the two workers; ids of reductions start with `reduce`."""


def _halve_results(named: list[tuple[str, JsonValue]]) -> list[list[tuple[str, JsonValue]]]:
    """Cut a group in two; two results are always reduced together."""
    middle = len(named) // 2
    return [named[:middle], named[middle:]] if len(named) > 3 else []


class Reducing(Composed):
    """The worker that joins the results of one group.

    Args:
        synthesizer: joins them.
    """

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask` of the synthesizer, if a model writes."""
        return asks_in(self._synthesizer)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Join the results that a section needs: in two halves first, if all are too long for the model."""
        section: Section = input
        return await in_parts(self._join, list(section.earlier.items()), _halve_results, self.join)

    async def join(self, values: Sequence[Any]) -> Any:
        """Join the results of the parts of one item, or of a group."""
        return await self._join([(f"part {i}", value) for i, value in enumerate(values, 1)])

    async def _join(self, named: Sequence[tuple[str, Any]]) -> Any:
        results = [(Section(id=title, title=title), as_json(value)) for title, value in named]
        joined = self._synthesizer(Gathered(results, []))
        return await joined if inspect.isawaitable(joined) else joined

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of joining a group whose results are as long as answers may be."""
        more = len(input.needs) * run.limits.answer_tokens
        total = Estimate()
        for ask in self.asks:
            total += ask.estimate(dict.fromkeys(ask.variables, ""), run, context, more=more)
        return total


class MapAsk(Composed):
    """The `Ask` that handles one item: in parts, which are reduced, if its prompt is too long for the model.

    Args:
        ask: with `{content}`.
        reducing: joins the results of the parts.
    """

    def __init__(self, ask: Ask, reducing: Reducing) -> None:
        self._ask, self._reducing = ask, reducing

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`."""
        return [self._ask]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Handle an item."""
        return await in_parts(
            lambda item: self._ask.ainvoke(item, config), input, _halve_item, self._reducing.join
        )

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of one answer: nothing is known of the context of the model."""
        return self._ask.estimate(input, run, context)


def _halve_item(section: Section) -> list[Section]:
    return [section.model_copy(update={"content": half}) for half in halve(section.content)]


class MapReduceSteps:
    """The plan, the levels and the close of a map-reduce.

    Args:
        fan_in: maximum results in a group, at least 2.
        max_tokens: maximum tokens of the results in a group, though two are always reduced together; None for
            no limit.

    Raises:
        UsageError: a number is out of range.
    """

    def __init__(self, fan_in: int, max_tokens: int | None = None) -> None:
        at_least(fan_in, "fan_in", 2)
        if max_tokens is not None:
            at_least(max_tokens, "max_tokens")
        self.fan_in, self.max_tokens = fan_in, max_tokens

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each item, and the reductions of all levels if their groups are known.

        Raises:
            InputError: `items` is not a list or a mapping, or an item is not JSON data.
        """
        items = [(title, as_json(as_json_data(item, title))) for title, item in _name_items(given)]
        sections = [
            Section(id=str(i), title=title, content=as_text(item), worker=MAP, data={"item": item})
            for i, (title, item) in enumerate(items, 1)
        ]
        return sections if self.is_sized else [*sections, *self._tree(sections, 1)]

    @property
    def is_sized(self) -> bool:
        """Whether the sizes of the results decide on the groups, so that each level waits for all results."""
        return self.max_tokens is not None

    def next_round(self, gathered: Gathered) -> list[Section]:
        """Return the sections of the next level, by the sizes of the results; none if one is left."""
        remaining = frontier(gathered)
        sizes = [estimate_tokens(as_text(value)) for _, value in remaining]
        return self._level([section for section, _ in remaining], sizes, gathered.last_round + 1)

    def later_sections(self, sections: Sequence[Section]) -> list[Section]:
        """Return the sections of all levels that are not planned yet, for an estimate."""
        # At worst, results are reduced in pairs.
        return [] if self.max_tokens is None else self._tree(sections, self.max_tokens)

    def _tree(self, sections: Sequence[Section], size: int) -> list[Section]:
        """Return the sections of all levels, for results of this size, each with its level as the round."""
        planned: list[Section] = []
        remaining, number = list(sections), 0
        while len(remaining) > 1:
            number += 1
            level = self._level(remaining, [size] * len(remaining), number)
            planned += level
            reduced = {need: section for section in level for need in section.needs}
            remaining = list({s.id: s for s in (reduced.get(s.id, s) for s in remaining)}.values())
        return planned

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the root of the tree, and the items that are not in it."""
        remaining = frontier(gathered)
        if len(remaining) != 1:
            return {"result": None, "missing": missing_items(gathered)}
        root, result = remaining[0]
        return {"result": result, "missing": missing_items(gathered, root.id)}

    def _level(self, remaining: Sequence[Section], sizes: Sequence[int], number: int) -> list[Section]:
        """Return a section for each group; a result that is alone in its group waits for a later level."""
        if len(remaining) < 2:
            return []
        parts = [part for part in groups(sizes, self.fan_in, self.max_tokens) if len(part) > 1]
        return [
            Section(
                id=f"{REDUCE}/{number}/{i}",
                title=f"{REDUCE} {number}.{i}",
                worker=REDUCE,
                round=number,
                needs=[remaining[place].id for place in part],
            )
            for i, part in enumerate(parts, 1)
        ]


def map_input(section: Section) -> object:
    """Return the item of a section, for functions and other Runnables."""
    return section.data["item"]


def _name_items(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the items of an input, each with its name or its number."""
    items = given.get("items")
    if isinstance(items, list | tuple):
        return [(f"item {i}", item) for i, item in enumerate(items, 1)]
    if not isinstance(items, dict):
        raise InputError(
            f"{found(given, 'items')}; expected a list, or a mapping of name to item: {{'items': [...]}}"
        )
    if invalid := [name for name in items if not isinstance(name, str)]:
        raise InputError(f"items has the key {invalid[0]!r}; expected strings as names")
    return list(items.items())


def frontier(gathered: Gathered) -> list[tuple[Section, JsonValue]]:
    """Return the results that are not reduced yet, ordered by the first item in each."""
    needs = {section.id: section.needs for section in gathered.sections}
    reduced = {need for group in needs.values() for need in group}
    place = {section.id: i for i, section in enumerate(gathered.sections)}

    def first_item(key: str) -> int:
        return first_item(needs[key][0]) if needs[key] else place[key]

    remaining = [(section, value) for section, value in gathered.results if section.id not in reduced]
    return sorted(remaining, key=lambda pair: first_item(pair[0].id))


def missing_items(gathered: Gathered, root: str | None = None) -> list[str]:
    """Return the titles of the items that are not below a root: they failed, or a reduction of them did.

    Args:
        gathered: all results.
        root: id of the section whose value is the result; None if there is no result.
    """
    needs, values = {section.id: section.needs for section in gathered.sections}, gathered.by_id
    unvisited = [] if root is None else [root]
    included: set[str] = set()
    while unvisited:
        key = unvisited.pop()
        included.add(key)
        unvisited += [need for need in needs[key] if need in values]
    return [s.title for s in gathered.sections if s.round == 0 and s.id not in included]
