"""Which sections can be worked on next: those that need nothing, or whose needs are there. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from langgraph_parallel.errors import PlanError
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers.canonical import canonical


class Stage(NamedTuple):
    """What can be done now, and what never will be."""

    ready: list[str]
    """Ids of those to be worked on at the same time."""
    blocked: dict[str, str]
    """Why others cannot be worked on any more, by id: what they need has not ended ok."""


def check_plan(sections: Sequence[Section], workers: Iterable[str] = ()) -> None:
    """Make sure that a plan can be carried out.

    Args:
        sections: all of them.
        workers: the names of the workers, where there are several.

    Raises:
        PlanError: two sections have one id, one needs what is not in the plan, several need each other in a
            circle, or one names no worker that there is.
    """
    counts = Counter(section.id for section in sections)
    if repeated := sorted(name for name, number in counts.items() if number > 1):
        raise PlanError(f"several sections have the id {repeated[0]!r}; ids must differ")
    known = sorted(workers)
    for section in sections:
        if known and section.worker not in known:
            raise PlanError(
                f"section {section.id!r} is for worker {section.worker!r}; choose one of {', '.join(known)}"
            )
        if strange := [need for need in section.needs if need not in counts]:
            raise PlanError(f"section {section.id!r} needs {strange[0]!r}, which is not in the plan")
    if circle := find_cycle({section.id: section.needs for section in sections}):
        raise PlanError(f"sections need each other in a circle: {' -> '.join(circle)}")


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Some names that need each other in a circle, the first again at the end; none where nothing does.

    >>> find_cycle({"a": ["b"], "b": ["c"], "c": ["a"]})
    ['a', 'b', 'c', 'a']
    """
    left = {name: set(wanted) for name, wanted in needs.items()}
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    path: list[str] = []
    step = next(iter(left), None)
    while step is not None and step not in path:
        path.append(step)
        step = next(name for name in needs[step] if name in left)
    return [] if step is None else [*path[path.index(step) :], step]


def stage(sections: Sequence[Section], branches: Mapping[str, Branch]) -> Stage:
    """Say what can be worked on now.

    A section waits while what it needs has no branch yet, or waits for a person.

    Args:
        sections: the whole plan, as `check_plan` lets it pass.
        branches: what has come of some of them.
    """
    titles = _titles(sections)
    lost = {key: branch.error or branch.status for key, branch in branches.items() if not branch.ok}
    blocked: dict[str, str] = {}
    left = [section for section in sections if section.id not in branches]
    while more := {
        section.id: f"it needs {titles[need]!r}: {(lost | blocked)[need]}"
        for section in left
        for need in section.needs
        if section.id not in blocked and (need in lost or need in blocked)
    }:
        blocked |= more
    done = {key for key, branch in branches.items() if branch.ok and not branch.escalations}
    ready = [s.id for s in left if s.id not in blocked and done.issuperset(s.needs)]
    return Stage(ready, blocked)


def handed(sections: Sequence[Section], branches: Mapping[str, Branch], ids: Iterable[str]) -> list[Section]:
    """Sections as their workers get them: with the results that they need."""
    titles, held = _titles(sections), {section.id: section for section in sections}
    return [
        held[key].model_copy(update={"earlier": {titles[n]: branches[n].value for n in held[key].needs}})
        if held[key].needs
        else held[key]
        for key in ids
    ]


def earliest_round(sections: Sequence[Section], branches: Mapping[str, Branch]) -> int:
    """The first round in which something is not done; one more than there are, if all is."""
    rounds = {section.id: section.round for section in sections}
    left = [rounds[key] for key in rounds if key not in branches or not branches[key].whole]
    return min(left, default=max(rounds.values(), default=0) + 1)


def fingerprint(section: Section, branches: Mapping[str, Branch]) -> str:
    """What tells work apart: what is to be done by whom, and which records of others it is done on."""
    needed: list[JsonValue] = [branches[need].ended for need in section.needs if need in branches]
    work: list[JsonValue] = [section.worker, section.content, section.instructions, section.data, needed]
    return hashlib.sha256(canonical(work).encode(errors="surrogatepass")).hexdigest()


def _titles(sections: Sequence[Section]) -> dict[str, str]:
    """Titles by id; the ids themselves, where a title is not one section's alone."""
    counts = Counter([*(section.title for section in sections), *(section.id for section in sections)])
    alone = {s.id: s.title for s in sections if counts[s.title] - (s.title == s.id) == 1}
    return {s.id: alone.get(s.id, s.id) for s in sections}
