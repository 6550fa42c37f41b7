"""Staging: which sections of a plan can run now, and which plans are not valid."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.errors import PlanError
from langgraph_parallel.records import Branch, Section
from langgraph_parallel.reducers.staging import (
    Handed,
    check_plan,
    earliest_round,
    find_cycle,
    fingerprint,
    stage,
    start_order,
    unmet_sections,
)


def section(name: str, *needs: str, **more: Any) -> Section:
    """Build a section with this id, and the id in upper case as title."""
    return Section(id=name, title=name.upper(), needs=list(needs), **more)


def branch(name: str, status: Any = "ok", **more: Any) -> Branch:
    """Build the branch of a section."""
    return Branch(id=name, name=name, order=0, status=status, value=f"<{name}>", **more)


def branches(**statuses: str) -> dict[str, Branch]:
    """Build branches by id from their statuses."""
    return {name: branch(name, status) for name, status in statuses.items()}


PLAN = [section("a"), section("b", "a"), section("c", "a", "b"), section("d")]


def test_sections_without_needs_come_first_and_the_others_once_their_needs_are_met() -> None:
    """Sections become ready in plan order, and only once."""
    assert stage(PLAN, {}).ready == ["a", "d"]
    assert stage(PLAN, branches(a="ok", d="failed")).ready == ["b"]
    assert stage(PLAN, branches(a="ok", b="ok", d="ok")).ready == ["c"]
    assert stage(PLAN, branches(a="ok", b="ok", c="ok", d="ok")) == ([], {})


def test_what_needs_a_failed_section_will_never_be_ready() -> None:
    """Sections that need those are blocked too, each with a cause."""
    ready, blocked = stage(PLAN, {"a": branch("a", "failed", error="it broke"), "d": branch("d")})
    assert ready == []
    assert blocked == {"b": "unmet need 'A': it broke", "c": "unmet need 'A': it broke"}


def test_a_worker_gets_what_its_section_needs_by_title() -> None:
    """Results are keyed by title, or by id if titles repeat."""
    done = branches(a="ok", b="ok")
    assert Handed(PLAN, done).section("c").earlier == {"A": "<a>", "B": "<b>"}
    same_title = [section("a"), Section(id="b", title="A"), section("c", "a", "b")]
    assert Handed(same_title, done).section("c").earlier == {"a": "<a>", "b": "<b>"}
    assert Handed(PLAN, done).section("d") == PLAN[3]
    late = Handed(PLAN, branches(a="ok", b="failed"))
    assert late.section("c", {"b": branch("b")}).earlier == {"A": "<a>", "B": "<b>"}


TREE = [
    *(section(name) for name in "abcd"),
    section("ab", "a", "b", worker="join", round=1),
    section("cd", "c", "d", worker="join", round=1),
    section("all", "ab", "cd", worker="join", round=2),
]


def test_a_join_is_ready_when_its_needs_have_ended_however() -> None:
    """It gets the results that there are; without any it is skipped, and so is what needs only such ones."""
    done = branches(a="ok", b="failed", c="failed")
    assert stage(TREE, done, ["join"]) == (["d", "ab"], {})
    assert start_order(TREE, done, ["join"]) == ["ab", "d", "cd", "all"]
    assert Handed(TREE, done, ["join"]).section("ab").earlier == {"A": "<a>"}
    done |= branches(d="failed")
    assert stage(TREE, done, ["join"]) == (["ab"], {"cd": "none of 2 results is there: failed"})
    done |= branches(a="failed")
    assert list(stage(TREE, done, ["join"]).blocked) == ["ab", "cd", "all"]
    assert stage(TREE, done).blocked["all"].startswith("unmet need 'AB': unmet need 'A'")


@pytest.mark.parametrize("ended_by", ["drain", "budget", "deadline", "completion"])
def test_what_stops_a_run_stops_its_joins(ended_by: Any) -> None:
    """A drain and a budget do at once; what others ended is missing, and is named where nothing is there."""
    done = branches(a="ok", c="ok", d="ok")
    done["b"] = branch("b", "cancelled", error="enough", ended_by=ended_by)
    skipped = {id: (one.error, one.ended_by) for id, one in unmet_sections(TREE, done, ["join"]).items()}
    stopped = ("enough", ended_by)
    assert skipped == ({"ab": stopped, "all": stopped} if ended_by in ("drain", "budget") else {})
    done["a"] = branch("a", "timed_out", error="late", ended_by=ended_by)
    assert unmet_sections(TREE, done, ["join"])["ab"].ended_by == ended_by


def test_the_work_of_a_join_is_the_same_with_the_same_results() -> None:
    """Whatever has become of what is missing since; other sections depend on all that they need."""
    first, later = branches(a="ok", b="failed"), branches(a="ok")
    later["b"] = branch("b", "timed_out", ended=5.0)
    assert fingerprint(TREE[4], first, ["join"]) == fingerprint(TREE[4], later, ["join"])
    assert fingerprint(TREE[4], first) != fingerprint(TREE[4], later)
    changed = later | {"b": branch("b", ended=5.0)}
    assert fingerprint(TREE[4], first, ["join"]) != fingerprint(TREE[4], changed, ["join"])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ([section("a"), section("a")], "several sections have the id 'a'"),
        ([section("a", "z")], "section 'a' needs 'z', which is not in the plan"),
        ([section("a", "a")], "cyclic needs: a -> a"),
        ([section("x"), section("a", "b"), section("b", "c", "x"), section("c", "a")], "a -> b -> c -> a"),
        ([section("a", worker="who")], "section 'a' has worker 'who'; expected one of one, two"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(plan: list[Section], message: str) -> None:
    """The error names the sections at fault."""
    workers = ["one", "two"] if "worker" in message else []
    with pytest.raises(PlanError, match=message):
        check_plan(plan, workers)


needs = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef")), max_size=6)


@given(needs)
def test_a_plan_without_a_cycle_can_be_run_to_its_end(drawn: Mapping[str, set[str]]) -> None:
    """Every section runs once, after all that it needs; otherwise `find_cycle` returns a real cycle."""
    needs_by_name = {name: sorted(needed & drawn.keys()) for name, needed in drawn.items()}
    cycle = find_cycle(needs_by_name)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(after in needs_by_name[before] for before, after in itertools.pairwise(cycle))
        return
    plan = [section(name, *needed) for name, needed in needs_by_name.items()]
    done: dict[str, Branch] = {}
    while ready := stage(plan, done).ready:
        assert all(need in done for name in ready for need in needs_by_name[name])
        assert not done.keys() & set(ready)
        done |= branches(**dict.fromkeys(ready, "ok"))
    assert done.keys() == needs_by_name.keys()


def test_a_run_continues_with_the_first_incomplete_round() -> None:
    """One past the last round if all rounds are complete."""
    plan = [section("a"), section("b", round=1), section("c", round=2)]
    assert earliest_round(plan, branches(a="ok", b="failed", c="ok")) == 1
    assert earliest_round(plan, branches(a="ok", b="ok")) == 2
    assert earliest_round(plan, branches(a="ok", b="ok", c="ok")) == 3
    assert earliest_round([], {}) == 1
