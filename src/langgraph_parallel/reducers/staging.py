"""Order of work in a plan: which sections can run now, and which never will."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from pydantic import JsonValue

from langgraph_parallel.errors import PlanError
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.needs import inputs, skipped_for, unmet


class Stage(NamedTuple):
    """The sections that can run now, and those that never will."""

    ready: list[str]
    """Ids of sections to run concurrently, in plan order."""
    blocked: dict[str, str]
    """Causes by id of the sections that can never run, because a section that they need did not end ok."""


def check_plan(sections: Sequence[Section], workers: Iterable[str] = ()) -> None:
    """Check that a plan can be run.

    Args:
        sections: the whole plan.
        workers: names of the workers; empty if there is only one worker.

    Raises:
        PlanError: an id is not unique, a section names an unknown worker or needs an unknown section, or
            the needs are cyclic.
    """
    counts = Counter(section.id for section in sections)
    if repeated := sorted(name for name, count in counts.items() if count > 1):
        raise PlanError(f"several sections have the id {repeated[0]!r}; give each its own")
    known = sorted(workers)
    for section in sections:
        if known and section.worker not in known:
            expected = ", ".join(known)
            raise PlanError(
                f"section {section.id!r} has worker {section.worker!r}; expected one of {expected}"
            )
        if unknown := [need for need in section.needs if need not in counts]:
            raise PlanError(
                f"section {section.id!r} needs {unknown[0]!r}, which is not in the plan; add it, or drop "
                "the need"
            )
    if cycle := find_cycle({section.id: section.needs for section in sections}):
        raise PlanError(f"sections have cyclic needs: {' -> '.join(cycle)}; drop one of them")


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names on a cycle of needs, with the first repeated at the end; empty if there is no cycle.

    >>> find_cycle({"a": ["b"], "b": ["c"], "c": ["a"]})
    ['a', 'b', 'c', 'a']
    """
    remaining = {name: set(needed) for name, needed in needs.items()}
    while free := [name for name, needed in remaining.items() if not needed & remaining.keys()]:
        for name in free:
            del remaining[name]
    # Each remaining name needs another remaining one, so following the needs must revisit a name.
    path: list[str] = []
    step = next(iter(remaining), None)
    while step is not None and step not in path:
        path.append(step)
        step = next(name for name in needs[step] if name in remaining)
    return [] if step is None else [*path[path.index(step) :], step]


def stage(sections: Sequence[Section], branches: Mapping[str, Branch], joins: Collection[str] = ()) -> Stage:
    """Return the sections that can run now, and those that never will.

    A section waits while one that it needs has no branch yet, or waits for a person.

    Args:
        sections: the whole plan, checked by `check_plan`.
        branches: the branches so far, by section id.
        joins: names of the workers whose sections are joins.
    """
    blocked = {id: branch.error or "" for id, branch in unmet_sections(sections, branches, joins).items()}
    known = blocked.keys() | branches.keys()
    left = _open_needs(sections, branches, blocked, joins)
    return Stage(
        [section.id for section in sections if section.id not in known and not left[section.id]], blocked
    )


def unmet_sections(
    sections: Sequence[Section], branches: Mapping[str, Branch], joins: Collection[str] = ()
) -> dict[str, Branch]:
    """Return records, by id, of the sections that can never run, because of what they need.

    Args:
        sections: the whole plan, checked by `check_plan`.
        branches: the branches so far, by section id.
        joins: names of the workers whose sections are joins.
    """
    return unmet(sections, branches, _unique_titles(sections), joins)


def _open_needs(
    sections: Sequence[Section],
    branches: Mapping[str, Branch],
    blocked: Collection[str],
    joins: Collection[str],
) -> dict[str, set[str]]:
    """Return the ids that each section still waits for, by its own id."""
    done = {key for key, branch in branches.items() if branch.ok and not branch.escalations}
    failed = {key for key, branch in branches.items() if not branch.ok}.union(blocked)
    settled = done | failed
    return {
        section.id: set(section.needs) - (settled if section.worker in joins else done)
        for section in sections
    }


def start_order(
    sections: Sequence[Section], branches: Mapping[str, Branch], joins: Collection[str] = ()
) -> list[str]:
    """Return the ids of the sections that can start now, or once others among them have ended.

    Each comes after those that it needs; else they are in plan order, those that can start at once first, and
    of these the last round.

    Args:
        sections: the whole plan, checked by `check_plan`.
        branches: the branches so far, by section id.
        joins: names of the workers whose sections are joins.

    >>> start_order([Section(id="a", title="A", needs=["b"]), Section(id="b", title="B")], {})
    ['b', 'a']
    """
    blocked = unmet_sections(sections, branches, joins)
    known = blocked.keys() | branches.keys()
    needs = _open_needs(sections, branches, blocked, joins)
    needed_by: dict[str, list[str]] = {}
    for id, open_needs in needs.items():
        for need in open_needs if id not in known else ():
            needed_by.setdefault(need, []).append(id)
    left = {id: len(open_needs) for id, open_needs in needs.items() if id not in known}
    rounds = {section.id: section.round for section in sections}
    order = sorted((id for id, count in left.items() if count == 0), key=lambda id: -rounds[id])
    for id in order:  # it grows
        for dependent in needed_by.get(id, ()):
            left[dependent] -= 1
            if left[dependent] == 0:
                order.append(dependent)
    return order


class Handed:
    """The sections as their workers receive them, with the results that they need.

    Args:
        sections: the whole plan.
        branches: the branches so far, by section id.
        joins: names of the workers whose sections are joins.
    """

    def __init__(
        self, sections: Sequence[Section], branches: Mapping[str, Branch], joins: Collection[str] = ()
    ) -> None:
        self._branches, self._joins = branches, joins
        self._by_id = {section.id: section for section in sections}

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """Titles by id, under which results are handed; the id where a title is not unique."""
        return _unique_titles(list(self._by_id.values()))

    def planned(self, id: str) -> Section:
        """Return a section as it was planned."""
        return self._by_id[id]

    def section(self, id: str, ended: Mapping[str, Branch] = MappingProxyType({})) -> Section:
        """Return a section as its worker receives it.

        Args:
            id: of the section.
            ended: branches that have ended since.
        """
        section = self._by_id[id]
        if not section.needs:
            return section
        # A copy for each: what a worker does with it is seen neither in the record nor by its siblings.
        given = inputs(section, self.needs(id, ended), self._joins)
        results = {self.titles[need]: deepcopy(branch.value) for need, branch in given.items()}
        return section.model_copy(update={"earlier": results})

    def needs(self, id: str, ended: Mapping[str, Branch] = MappingProxyType({})) -> dict[str, Branch]:
        """Return the branches that a section needs, by id.

        Args:
            id: of the section.
            ended: branches that have ended since.
        """
        return {need: ended.get(need) or self._branches[need] for need in self._by_id[id].needs}

    def unmet(self, id: str, order: int, need: Branch) -> Branch:
        """Return the record of a section that is skipped, since one that it needs has failed."""
        return skipped_for(need, self.titles[need.id], self._by_id[id], order, self._joins)


def earliest_round(sections: Sequence[Section], branches: Mapping[str, Branch]) -> int:
    """Return the number of the first incomplete round; one past the last round if all are complete."""
    rounds = {section.id: section.round for section in sections}
    incomplete = [rounds[key] for key in rounds if key not in branches or not branches[key].whole]
    return min(incomplete, default=max(rounds.values(), default=0) + 1)


def fingerprint(section: Section, branches: Mapping[str, Branch], joins: Collection[str] = ()) -> str:
    """Return a hash of the work of a section: its worker, its task, and the branches that it works with."""
    # The end time identifies one run of a branch: after a rerun, earlier work on its result is not reused.
    needed: list[JsonValue] = [branch.ended for branch in inputs(section, branches, joins).values()]
    work: list[JsonValue] = [section.worker, section.content, section.instructions, section.data, needed]
    return hashlib.sha256(canonical(work).encode(errors="surrogatepass")).hexdigest()


def _unique_titles(sections: Sequence[Section]) -> dict[str, str]:
    """Return titles by id; the id itself if the title is also the title or the id of another section."""
    counts = Counter([*(section.title for section in sections), *(section.id for section in sections)])
    unique = {s.id: s.title for s in sections if counts[s.title] - (s.title == s.id) == 1}
    return {s.id: unique.get(s.id, s.id) for s in sections}
