"""What becomes of a section when those that it needs have ended.

Most sections need all of them to end ok. A join works with the results that there are: it is skipped if there
are none, and if a drain or a spent budget has ended one that it needs, since then no further work begins.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from langgraph_parallel.counted import count
from langgraph_parallel.records import Branch, Section

_STOPPED = frozenset({"budget", "drain"})
_NOTHING = "none of "
"""Begins the cause of a join without results; those of the results are named beside it."""


def inputs(section: Section, branches: Mapping[str, Branch], joins: Collection[str]) -> dict[str, Branch]:
    """Return the branches whose results a section gets, by id.

    Args:
        section: with needs.
        branches: the branches so far, by section id.
        joins: names of the workers whose sections are joins.
    """
    needed = {need: branches[need] for need in section.needs if need in branches}
    if section.worker not in joins:
        return needed
    return {need: branch for need, branch in needed.items() if branch.ok}


def unmet_need(section: Section, branches: Mapping[str, Branch], joins: Collection[str]) -> Branch | None:
    """Return the branch for which a section is skipped; None if it can be worked on, or may be later.

    Args:
        section: with needs.
        branches: the branches so far, by section id.
        joins: names of the workers whose sections are joins.
    """
    failed = [branches[need] for need in section.needs if need in branches and not branches[need].ok]
    if section.worker in joins:
        stopped = [branch for branch in failed if branch.ended_by in _STOPPED]
        if not stopped and len(failed) < len(section.needs):
            return None
        # The cause is a failure, rather than one that was not needed any more.
        failed = stopped or sorted(failed, key=lambda branch: branch.ended_by is not None)
    return failed[0] if failed else None


def skipped_for(need: Branch, title: str, section: Section, order: int, joins: Collection[str]) -> Branch:
    """Return the record of a section that is skipped for one that it needs.

    Args:
        need: the one that it needs.
        title: of that one.
        section: that is skipped.
        order: its position in the plan.
        joins: names of the workers whose sections are joins. What ended the need of a join has ended it, too.
    """
    cause, ended_by = need.error or need.status, None
    why = f"unmet need {title!r}: {cause}"
    if section.worker in joins:
        ended_by = need.ended_by
        above_nothing = cause.startswith(_NOTHING) and cause.partition(": ")[2]
        why = f"{_NOTHING}{count(len(section.needs), 'result')} is there: {above_nothing or cause}"
    if ended_by in _STOPPED:
        why = cause
    return Branch(
        id=section.id, name=section.title, order=order, status="skipped", error=why, ended_by=ended_by
    )


def unmet(
    sections: Sequence[Section],
    branches: Mapping[str, Branch],
    titles: Mapping[str, str],
    joins: Collection[str],
) -> dict[str, Branch]:
    """Return records of the sections that can never run for what they need, directly or through others.

    Args:
        sections: the whole plan.
        branches: the branches so far, by section id.
        titles: of all sections, by id.
        joins: names of the workers whose sections are joins.
    """
    waiting = [(i, section) for i, section in enumerate(sections) if section.needs]
    known, skipped = dict(branches), dict[str, Branch]()
    while newly_skipped := {
        section.id: skipped_for(need, titles[need.id], section, order, joins)
        for order, section in waiting
        if section.id not in known and (need := unmet_need(section, known, joins)) is not None
    }:
        known |= newly_skipped
        skipped |= newly_skipped
    return skipped


def above(sections: Iterable[Section], ids: Iterable[str]) -> set[str]:
    """Return the ids of the sections that need some, directly or through others.

    Args:
        sections: the whole plan.
        ids: of the sections that are needed.

    >>> sorted(above([Section(id="b", title="B", needs=["a"]), Section(id="c", title="C", needs=["b"])], "a"))
    ['b', 'c']
    """
    needed_by: dict[str, list[str]] = {}
    for section in sections:
        for need in section.needs:
            needed_by.setdefault(need, []).append(section.id)
    found: set[str] = set()
    unvisited = list(ids)
    while unvisited:
        new = set(needed_by.get(unvisited.pop(), ())) - found
        found |= new
        unvisited += new
    return found


def passed_on(need: Branch, section: Section, name: str, order: int) -> Branch:
    """Return the record of a join of a single result, which is its own: there is nothing to join.

    Args:
        need: has the result.
        section: the join.
        name: of its branch.
        order: its position in the plan.
    """
    # It ended with the result, so that what is made of it later is known to be the same.
    return Branch(
        id=section.id,
        name=name,
        order=order,
        status="ok",
        value=need.value,
        started=need.ended,
        ended=need.ended,
    )
