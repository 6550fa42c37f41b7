"""Sections that need each other: which can be worked on now, and what a plan must not be."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import PlanError
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers.staging import check_plan, earliest_round, find_cycle, handed, stage


def section(name: str, *needs: str, **more: Any) -> Section:
    """A section of that name."""
    return Section(id=name, title=name.upper(), needs=list(needs), **more)


def branch(name: str, status: Any = "ok", **more: Any) -> Branch:
    """What came of it."""
    return Branch(id=name, name=name, order=0, status=status, value=f"<{name}>", **more)


def branches(**statuses: str) -> dict[str, Branch]:
    """Branches by name."""
    return {name: branch(name, status) for name, status in statuses.items()}


PLAN = [section("a"), section("b", "a"), section("c", "a", "b"), section("d")]


def test_what_needs_nothing_comes_first_and_the_rest_as_its_needs_are_there() -> None:
    """In the order of the plan; what has been worked on is not ready again."""
    assert stage(PLAN, {}).ready == ["a", "d"]
    assert stage(PLAN, branches(a="ok", d="failed")).ready == ["b"]
    assert stage(PLAN, branches(a="ok", b="ok", d="ok")).ready == ["c"]
    assert stage(PLAN, branches(a="ok", b="ok", c="ok", d="ok")) == ([], {})


def test_what_needs_a_failed_section_will_never_be_ready() -> None:
    """Nor what needs that; each says why."""
    ready, blocked = stage(PLAN, {"a": branch("a", "failed", error="it broke"), "d": branch("d")})
    assert ready == []
    assert blocked == {"b": "it needs 'A': it broke", "c": "it needs 'A': it broke"}


def test_a_worker_gets_what_its_section_needs_by_title() -> None:
    """By id where two titles are the same."""
    held = branches(a="ok", b="ok")
    assert handed(PLAN, held, ["c"])[0].earlier == {"A": "<a>", "B": "<b>"}
    same = [section("a"), Section(id="b", title="A"), section("c", "a", "b")]
    assert handed(same, held, ["c"])[0].earlier == {"a": "<a>", "b": "<b>"}
    assert handed(PLAN, held, ["d"]) == [PLAN[3]]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([section("a"), section("a")], "several sections have the id 'a'"),
        ([section("a", "z")], "section 'a' needs 'z', which is not in the plan"),
        ([section("a", "a")], "in a circle: a -> a"),
        ([section("x"), section("a", "b"), section("b", "c", "x"), section("c", "a")], "a -> b -> c -> a"),
        ([section("a", worker="who")], "section 'a' is for worker 'who'; choose one of one, two"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_named(plan: list[Section], message: str) -> None:
    """With the sections that are in the way."""
    workers = ["one", "two"] if "worker" in message else []
    with pytest.raises(PlanError, match=message):
        check_plan(plan, workers)


needs = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef")), max_size=6)


@given(needs)
def test_a_plan_without_a_circle_can_be_carried_out_to_its_end(drawn: Mapping[str, set[str]]) -> None:
    """In waves, each section once, after everything that it needs; else there is a circle, and it is one."""
    known = {name: sorted(wanted & drawn.keys()) for name, wanted in drawn.items()}
    circle = find_cycle(known)
    if circle:
        assert circle[0] == circle[-1]
        assert all(after in known[before] for before, after in itertools.pairwise(circle))
        return
    plan = [section(name, *wanted) for name, wanted in known.items()]
    done: dict[str, Branch] = {}
    while ready := stage(plan, done).ready:
        assert all(need in done for name in ready for need in known[name])
        assert not done.keys() & set(ready)
        done |= branches(**dict.fromkeys(ready, "ok"))
    assert done.keys() == known.keys()


def test_a_run_goes_on_with_the_first_round_that_is_not_whole() -> None:
    """One more than there are, where all of them are."""
    plan = [section("a"), section("b", round=1), section("c", round=2)]
    assert earliest_round(plan, branches(a="ok", b="failed", c="ok")) == 1
    assert earliest_round(plan, branches(a="ok", b="ok")) == 2
    assert earliest_round(plan, branches(a="ok", b="ok", c="ok")) == 3
    assert earliest_round([], {}) == 1
