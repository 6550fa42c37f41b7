"""The rules over lists: `union` and `approval`."""

from langgraph_parallel.records import Support
from langgraph_parallel.reducers.votes.rules import approval, union
from tests.support.ballots import tally

# union


def test_the_union_is_every_item_that_a_voter_names() -> None:
    """Items are in the order in which the earliest voter names them, each once."""
    verdict = union()(tally(["b", "a"], ["c", "a"], []))
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", ["b", "a", "c"], "2/3")
    assert {str(count.choice): count.voters for count in verdict.counts} == {
        "b": ["v0"],
        "a": ["v0", "v1"],
        "c": ["v1"],
    }


def test_the_union_may_ask_for_more_than_one_voter() -> None:
    """Voters that name no chosen item dissent."""
    verdict = union(2)(tally(["a", "b"], ["c"], ["b"]))
    assert (verdict.choice, str(verdict.support)) == (["b"], "2/3")
    assert [dissent.voter for dissent in verdict.dissent] == ["v1"]


def test_one_voter_cannot_name_an_item_twice() -> None:
    """An item that is named twice, or as 1 and 1.0, gets one vote."""
    verdict = union(2)(tally(["a", "a", 1, 1.0]))
    assert (verdict.choice, [count.votes for count in verdict.counts]) == ([], [1, 1])


def test_a_union_of_empty_lists_is_decided() -> None:
    """An empty list is an answer: there is nothing."""
    verdict = union()(tally([], []))
    assert (verdict.status, verdict.choice, verdict.support) == ("decided", [], Support(k=0, n=2))


def test_a_choice_that_is_not_a_list_does_not_count_in_a_union() -> None:
    """A text is not a list of its letters."""
    verdict = union()(tally("ab", ["c"], {"d": 1}))
    assert (verdict.choice, verdict.cast, verdict.abstained) == (["c"], 1, 2)


def test_items_of_a_union_may_be_any_json() -> None:
    """Items are compared as JSON, like choices."""
    verdict = union(2)(tally([{"a": 1, "b": 2}], [{"b": 2.0, "a": 1}]))
    assert verdict.choice == [{"a": 1, "b": 2}]


def test_items_named_by_more_voters_are_counted_first() -> None:
    """`counts` is in descending order of votes, unlike the choice."""
    verdict = union()(tally(["x"], ["y"], ["y"]))
    assert [(count.choice, count.votes) for count in verdict.counts] == [("y", 2), ("x", 1)]


# approval


def test_approval_counts_every_item_that_a_voter_approves_of() -> None:
    """An empty list counts and approves of nothing; a vote without approvals has no choice."""
    verdict = approval()(tally(["a", "b"], ["b"], ["c", "b", "c"], [], "b"))
    assert (verdict.choice, str(verdict.support), verdict.abstained) == ("b", "3/4", 1)
    assert (approval()(tally([], [])).status, approval()(tally([], [])).choice) == ("below_threshold", None)
    assert approval(ties="none")(tally(["a"], ["b"])).choice is None
