"""Channel reducers obey the laws that make parallel updates safe."""

from functools import reduce
from operator import add, or_
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.channels import BinaryOperatorAggregate
from langgraph.types import Overwrite

from langgraph_parallel.records import Ballot, Branch, Call, Claim, Lines, Tally, Usage
from langgraph_parallel.reducers.channels import (
    merge_all_branches,
    merge_all_calls,
    merge_branches,
    merge_calls,
    union_claims,
)
from langgraph_parallel.runtime.stored_once import merged_branches, stored_once
from tests.support import laws
from tests.support.strategies import branch_maps, call_maps, claim_lists, tallies, usages

Case = tuple[laws.Reducer[Any], Any, st.SearchStrategy[Any]]


def join_claims(left: list[Claim], right: list[Claim]) -> list[Claim]:
    """Call `union_claims` with the type of a channel value."""
    return union_claims(left, right)


def canonical_list(claims: list[Claim]) -> list[Claim]:
    """Return the claims as a channel stores them, after one pass through the reducer."""
    return union_claims(claims, [])


CASES: dict[str, Case] = {
    "merge_branches": (merge_branches, dict[str, Branch](), branch_maps()),
    "merge_calls": (merge_calls, dict[str, Call](), call_maps()),
    "union_claims": (join_claims, list[Claim](), claim_lists.map(canonical_list)),
    "tally": (or_, Tally(), tallies),
    "usage": (add, Usage(), usages),
}
IDEMPOTENT = [name for name in CASES if name != "usage"]
any_case = pytest.mark.parametrize("name", list(CASES))
few = settings(max_examples=40, deadline=None)


def claim(message: str = "a defect", line: int = 1) -> Claim:
    """Build a claim about one line."""
    return Claim(
        voter="ann",
        source="ann",
        aspect="style",
        path="a.py",
        lines=Lines(first=line, last=line),
        severity="low",
        message=message,
    )


def branch(name: str = "b", **fields: Any) -> Branch:
    """Build a branch, ok by default."""
    return Branch.model_validate({"id": name, "name": name, "order": 0, "status": "ok", **fields})


def call(name: str = "c", **fields: Any) -> Call:
    """Build a call of one second."""
    return Call.model_validate(
        {"id": name, "kind": "model", "target": "m", "started": 0.0, "ended": 1.0, **fields}
    )


@any_case
@few
@given(data=st.data())
def test_the_empty_value_of_the_type_is_the_identity(name: str, data: st.DataObject) -> None:
    """Merging with the empty value changes nothing."""
    reduce, zero, values = CASES[name]
    laws.zero_is_identity(reduce, zero, data.draw(values))


@any_case
@few
@given(data=st.data())
def test_a_channel_can_seed_itself_with_its_type(name: str, data: st.DataObject) -> None:
    """The first update in LangGraph, `reduce(typ(), x)`, gives `x`."""
    reduce, zero, values = CASES[name]
    value = data.draw(values)
    assert reduce(type(zero)(), value) == value


@any_case
@few
@given(data=st.data())
def test_grouping_does_not_matter(name: str, data: st.DataObject) -> None:
    """Every reducer is associative."""
    reduce, _, values = CASES[name]
    laws.grouping_is_irrelevant(reduce, data.draw(values), data.draw(values), data.draw(values))


@any_case
@few
@given(data=st.data())
def test_order_does_not_matter(name: str, data: st.DataObject) -> None:
    """Every reducer is commutative."""
    reduce, _, values = CASES[name]
    laws.order_is_irrelevant(reduce, data.draw(values), data.draw(values))


@pytest.mark.parametrize("name", IDEMPOTENT)
@few
@given(data=st.data())
def test_an_update_that_comes_again_changes_nothing(name: str, data: st.DataObject) -> None:
    """Every merge is idempotent: an update may be applied again after a crash."""
    reduce, _, values = CASES[name]
    laws.again_is_irrelevant(reduce, data.draw(values), data.draw(values))


@any_case
@few
@given(data=st.data())
def test_arguments_are_not_changed(name: str, data: st.DataObject) -> None:
    """No reducer mutates its arguments."""
    reduce, _, values = CASES[name]
    laws.arguments_stay_as_they_are(reduce, data.draw(values), data.draw(values))


def test_usage_is_a_sum_and_counts_what_comes_twice() -> None:
    """Adding usage is not idempotent."""
    tokens = Usage(input_tokens=3, output_tokens=2)
    assert tokens + tokens == Usage(input_tokens=6, output_tokens=4)


def test_the_total_of_no_usages_is_zero() -> None:
    """`Usage.total([])` is the identity."""
    assert Usage.total([]) == Usage(input_tokens=0, output_tokens=0)


@pytest.mark.parametrize("later_first", [True, False])
def test_the_later_attempt_of_a_branch_stands(later_first: bool) -> None:
    """A retry replaces the branch, even if the first attempt was ok and the second was not."""
    first, second = {"b": branch(attempt=1)}, {"b": branch(attempt=2, status="failed")}
    merged = merge_branches(second, first) if later_first else merge_branches(first, second)
    assert merged == second


@pytest.mark.parametrize("later_first", [True, False])
def test_the_later_attempt_of_a_call_stands(later_first: bool) -> None:
    """A later record of a call replaces the earlier one, in any order of arrival."""
    first, second = {"c": call(attempt=1)}, {"c": call(attempt=2)}
    merged = merge_calls(second, first) if later_first else merge_calls(first, second)
    assert merged == second


def test_branches_of_other_ids_stay() -> None:
    """Branches that only one side has are kept."""
    merged = merge_branches({"a": branch("a")}, {"b": branch("b")})
    assert merged == {"a": branch("a"), "b": branch("b")}


def test_equal_claims_count_once() -> None:
    """A claim on both sides is in the union once."""
    assert union_claims([claim()], [claim()]) == [claim()]


def test_claims_that_differ_in_wording_stay_apart() -> None:
    """The channel unites only equal claims."""
    assert len(union_claims([claim("one")], [claim("two")])) == 2


def test_claims_come_out_in_the_order_of_their_lines() -> None:
    """Lines are sorted as numbers: line 9 comes before line 10."""
    united = union_claims([claim(line=10)], [claim(line=9)])
    assert [claim.lines.first for claim in united] == [9, 10]


@pytest.mark.parametrize("swapped", [True, False])
def test_the_later_attempt_of_a_voter_stands(swapped: bool) -> None:
    """Of two ballots of one voter, only the later attempt counts."""
    first = Ballot(voter="ann", order=0, status="cast", choice="yes", attempt=1)
    second = Ballot(voter="ann", order=0, status="failed", error="Error: late", attempt=2)
    pair = [second, first] if swapped else [first, second]
    assert list(Tally.of(pair).in_order()) == [second]


def test_ballots_of_one_attempt_that_differ_only_in_infinity_merge_in_any_order() -> None:
    """Infinity, which JSON cannot represent, is not confused with None."""
    infinite = Tally.of([Ballot(voter="ann", order=0, status="cast", choice=float("inf"))])
    nothing = Tally.of([Ballot(voter="ann", order=0, status="cast", choice=None)])
    laws.order_is_irrelevant(or_, infinite, nothing)


def test_branches_that_differ_only_in_infinity_merge_in_any_order() -> None:
    """Infinity, which JSON cannot represent, is not confused with None."""
    laws.order_is_irrelevant(merge_branches, {"b": branch(value=float("inf"))}, {"b": branch(value=None)})


@few
@given(st.lists(branch_maps(), max_size=5), st.lists(call_maps(), max_size=5))
def test_many_updates_in_one_pass_are_those_one_after_another(
    branch_updates: list[dict[str, Branch]], call_updates: list[dict[str, Call]]
) -> None:
    """A superstep of many branches does not copy the result for each, and its updates stay as they are."""
    before = [dict(update) for update in branch_updates]
    assert merge_all_branches(branch_updates) == reduce(merge_branches, branch_updates, dict[str, Branch]())
    assert merge_all_calls(call_updates) == reduce(merge_calls, call_updates, dict[str, Call]())
    assert branch_updates == before


@few
@given(branch_maps(), st.lists(branch_maps(), max_size=4), st.none() | st.integers(0, 4))
def test_the_channel_of_branches_is_that_of_its_reducer(
    held: dict[str, Branch], updates: list[dict[str, Branch]], overwritten_at: int | None
) -> None:
    """It holds what LangGraph's own channel would, also where an update replaces all branches."""
    written: list[Any] = list(updates)
    if overwritten_at is not None:
        written.insert(overwritten_at, Overwrite({"b9": branch("b9")}))
    (made,) = stored_once(dict[str, Branch], merged_branches).__metadata__
    ours = made.from_checkpoint(held)
    theirs = BinaryOperatorAggregate(dict[str, Branch], merge_branches).from_checkpoint(held)
    before = dict(held)
    assert ours.update(written) == theirs.update(written)
    assert ours.get() == theirs.get()
    assert held == before


def test_a_superstep_copies_the_branches_so_far_once() -> None:
    """A thousand updates read each branch that was there at most once."""
    copied: list[int] = []

    def merge(before: Any, updates: Any) -> Any:
        copied.append(len(before))
        return merged_branches(before, updates)

    (made,) = stored_once(dict[str, Branch], merge).__metadata__
    channel = made.from_checkpoint({"b0": branch("b0")})
    channel.update([{f"b{i}": branch(f"b{i}")} for i in range(1_000)])
    assert (copied, len(channel.get())) == ([1], 1_000)
