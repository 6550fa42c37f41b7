"""Order of work in a plan: which sections can run now, and which never will."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from pydantic import JsonValue

from langgraph_parallel.errors import PlanError
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers.canonical import canonical


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


def stage(sections: Sequence[Section], branches: Mapping[str, Branch]) -> Stage:
    """Return the sections that can run now, and those that never will.

    A section waits while one that it needs has no branch yet, or waits for a person.

    Args:
        sections: the whole plan, checked by `check_plan`.
        branches: the branches so far, by section id.
    """
    waiting = [section for section in sections if section.id not in branches]
    causes = {key: branch.error or branch.status for key, branch in branches.items() if not branch.ok}
    blocked = _find_blocked(waiting, causes, _unique_titles(sections))
    done = {key for key, branch in branches.items() if branch.ok and not branch.escalations}
    ready = [s.id for s in waiting if s.id not in blocked and done.issuperset(s.needs)]
    return Stage(ready, blocked)


def _find_blocked(
    waiting: Sequence[Section], causes: Mapping[str, str], titles: Mapping[str, str]
) -> dict[str, str]:
    """Return the causes, by id, of waiting sections whose needs failed, directly or through other needs."""
    causes = dict(causes)
    blocked: dict[str, str] = {}
    while newly_blocked := {
        section.id: _unmet(titles[need], causes[need])
        for section in waiting
        if section.id not in blocked
        for need in section.needs
        if need in causes
    }:
        blocked |= newly_blocked
        causes |= newly_blocked
    return blocked


def start_order(sections: Sequence[Section], branches: Mapping[str, Branch]) -> list[str]:
    """Return the ids of the sections that can start now, or once others among them have ended.

    Each comes after those that it needs; else they are in plan order, those that can start at once first.

    Args:
        sections: the whole plan, checked by `check_plan`.
        branches: the branches so far, by section id.

    >>> start_order([Section(id="a", title="A", needs=["b"]), Section(id="b", title="B")], {})
    ['b', 'a']
    """
    blocked = stage(sections, branches).blocked
    done = {key for key, branch in branches.items() if branch.ok and not branch.escalations}
    left = {
        section.id: len(set(section.needs) - done)
        for section in sections
        if section.id not in branches and section.id not in blocked
    }
    needed_by: dict[str, list[str]] = {}
    for section in sections:
        for need in set(section.needs) - done if section.id in left else ():
            needed_by.setdefault(need, []).append(section.id)
    order = [id for id, needs in left.items() if needs == 0]
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
    """

    def __init__(self, sections: Sequence[Section], branches: Mapping[str, Branch]) -> None:
        self._branches = branches
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
        branches = {need: ended.get(need) or self._branches[need] for need in section.needs}
        # A copy for each: what a worker does with it is seen neither in the record nor by its siblings.
        results = {self.titles[need]: deepcopy(branches[need].value) for need in section.needs}
        return section.model_copy(update={"earlier": results})

    def unmet(self, need: Branch) -> str:
        """Return why a section is skipped that needs one that failed."""
        return _unmet(self.titles[need.id], need.error or need.status)


def _unmet(title: str, cause: str) -> str:
    return f"unmet need {title!r}: {cause}"


def earliest_round(sections: Sequence[Section], branches: Mapping[str, Branch]) -> int:
    """Return the number of the first incomplete round; one past the last round if all are complete."""
    rounds = {section.id: section.round for section in sections}
    incomplete = [rounds[key] for key in rounds if key not in branches or not branches[key].whole]
    return min(incomplete, default=max(rounds.values(), default=0) + 1)


def fingerprint(section: Section, branches: Mapping[str, Branch]) -> str:
    """Return a hash of the work of a section: its worker, its task, and the branches that it needs."""
    # The end time identifies one run of a branch: after a rerun, earlier work on its result is not reused.
    needed: list[JsonValue] = [branches[need].ended for need in section.needs if need in branches]
    work: list[JsonValue] = [section.worker, section.content, section.instructions, section.data, needed]
    return hashlib.sha256(canonical(work).encode(errors="surrogatepass")).hexdigest()


def _unique_titles(sections: Sequence[Section]) -> dict[str, str]:
    """Return titles by id; the id itself if the title is also the title or the id of another section."""
    counts = Counter([*(section.title for section in sections), *(section.id for section in sections)])
    unique = {s.id: s.title for s in sections if counts[s.title] - (s.title == s.id) == 1}
    return {s.id: unique.get(s.id, s.id) for s in sections}
