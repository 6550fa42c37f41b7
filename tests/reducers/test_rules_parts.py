"""The rules of parts: `elementwise` and `by_field`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from langgraph_parallel.errors import UnknownRule
from langgraph_parallel.records import Verdict
from langgraph_parallel.reducers.votes.rules import (
    Rule,
    as_rule,
    borda,
    by_field,
    elementwise,
    majority,
    mean,
    median,
    union,
)
from tests.support.ballots import denominators, not_cast, tally


def outcome(verdict: Verdict) -> tuple[str, JsonValue, str]:
    """Return what a vote came to."""
    return verdict.status, verdict.choice, str(verdict.support)


# elementwise


def test_each_place_of_a_list_is_decided_by_the_rule() -> None:
    """Support is that of the place with the least; its other voters dissent."""
    verdict = elementwise("majority")(tally(["a", 1], ["a", 2], ["a", 1], ["b", 2], ["a", 1]))
    assert outcome(verdict) == ("decided", ["a", 1], "3/5")
    assert [dissent.voter for dissent in verdict.dissent] == ["v1", "v3"]
    assert {place: str(part.support) for place, part in verdict.parts.items()} == {"0": "4/5", "1": "3/5"}
    assert (verdict.rule, verdict.parts["0"].rule, verdict.note) == ("elementwise", "majority", "")
    assert elementwise(median())(tally([1, 9], [2, 8], [4, 1])).choice == [2, 8]


def test_lists_of_the_most_common_length_count() -> None:
    """A list of another length says nothing of the places: its voter abstains."""
    verdict = elementwise("majority")(tally(["a", "b"], ["c"], ["a", "b"], "ab", {"0": "a"}))
    assert outcome(verdict) == ("decided", ["a", "b"], "2/2")
    assert (verdict.abstained, denominators(verdict)) == (3, 5)


def test_lengths_that_are_equally_common_are_a_tie() -> None:
    """There is no choice, and the note says why."""
    verdict = elementwise("majority")(tally(["a"], ["a", "b"]))
    assert outcome(verdict) == ("tied", None, "0/2")
    assert verdict.note == "equally many lists have 1 or 2 items"
    assert elementwise("majority", quorum=3)(tally(["a"], ["a", "b"])).status == "no_quorum"


def test_empty_lists_are_an_answer() -> None:
    """There is nothing to decide."""
    assert outcome(elementwise("majority")(tally([], [], ["a"]))) == ("decided", [], "2/2")


@pytest.mark.parametrize(
    ("rule", "lists", "status", "choice", "note"),
    [
        ("majority", [["a", "x"], ["a", "y"]], "tied", ["a", "x"], "undecided: 1 (tied)"),
        ("majority(ties='none')", [["a", "x"], ["a", "y"]], "tied", None, "undecided: 1 (tied)"),
        ("unanimous", [["a", "x"], ["a", "y"]], "below_threshold", None, "undecided: 1 (below threshold)"),
        ("median", [[1, "x"], [3, "y"]], "below_threshold", None, "undecided: 1 (no quorum)"),
        ("median", [["z", "x"]], "no_quorum", None, "undecided: 0 (no quorum), 1 (no quorum)"),
        ("majority", [["a", None], ["a", None]], "below_threshold", None, "undecided: 1 (no quorum)"),
    ],
)
def test_a_list_is_decided_if_each_place_is(
    rule: str, lists: list[Any], status: str, choice: JsonValue, note: str
) -> None:
    """Else the note says which are not, and why."""
    verdict = elementwise(rule)(tally(*lists))
    assert (verdict.status, verdict.choice, verdict.note) == (status, choice, note)


def test_an_item_that_is_missing_costs_only_its_place() -> None:
    """The other places have the voter's items."""
    verdict = elementwise("majority")(tally(["a", None], ["a", "b"], ["c", "b"]))
    assert (verdict.choice, str(verdict.parts["1"].support)) == (["a", "b"], "2/2")
    assert str(verdict.support) == "2/3"


def test_any_rule_may_decide_the_places() -> None:
    """Also rules of lists and of rankings, rules of parts, and functions."""
    assert elementwise(union(2))(tally([["a"]], [["a", "b"]])).choice == [["a"]]
    assert elementwise(elementwise("median"))(tally([[1]], [[3]], [[2]])).choice == [[2]]
    ranked = elementwise(borda())(tally([["a", "b"]], [["a", "b"]], [["b", "a"]]))
    assert outcome(ranked) == ("decided", ["a"], "2/3")
    assert elementwise(max)(tally([1, 5], [3, 2])).choice == [3, 5]


class Odd:
    """A rule that gives no verdict."""

    name = "odd"

    def __call__(self, tally: Any) -> Any:
        """Return the wrong thing."""
        return 5


def test_a_rule_of_parts_that_gives_no_verdict_is_an_error() -> None:
    """It names the rule."""
    rules: list[Rule] = [elementwise(Odd()), by_field({"x": Odd()})]
    ballots: list[JsonValue] = [[1], {"x": 1}]
    for rule, said in zip(rules, ballots, strict=True):
        with pytest.raises(TypeError, match="rule odd returned int; expected Verdict"):
            rule(tally(said))


def test_the_rule_of_the_places_is_read_like_any_rule() -> None:
    """A text, a rule and a function are."""
    assert elementwise("median") == elementwise(median())
    assert as_rule("elementwise('union(2)')") == elementwise(union(2))
    with pytest.raises(UnknownRule, match="'most' is not a rule"):
        elementwise("most")


# by_field


def test_each_field_of_a_record_is_decided_by_its_rule() -> None:
    """The interval and the standard error of a number are in its part."""
    rule = by_field({"price": mean(), "colour": "majority"})
    verdict = rule(
        tally(
            {"price": 10, "colour": "red", "size": 1},
            {"price": 20, "colour": "blue"},
            {"price": 30, "colour": "red"},
        )
    )
    assert outcome(verdict) == ("decided", {"price": 20, "colour": "red"}, "1/3")
    assert verdict.parts["price"].interval is not None
    assert verdict.parts["price"].standard_error == pytest.approx(10 / 3**0.5)


def test_a_field_is_decided_over_the_ballots_that_have_it() -> None:
    """None is no value. A ballot without the field still counts, and supports nothing of it."""
    verdict = by_field("majority")(tally({"x": "a"}, {"x": "a", "y": None}, {"y": "b"}, ["x"]))
    assert outcome(verdict) == ("decided", {"x": "a", "y": "b"}, "1/3")
    assert {name: str(part.support) for name, part in verdict.parts.items()} == {"x": "2/2", "y": "1/1"}
    assert (verdict.abstained, denominators(verdict)) == (1, 4)


def test_named_fields_leave_the_others_out_unless_they_have_a_rule() -> None:
    """Named ones come first."""
    records = tally({"z": 1, "x": "a"}, {"x": "a", "z": 3}, {"x": "b", "z": 2})
    assert by_field({"x": "majority"})(records).choice == {"x": "a"}
    whole = by_field({"x": "majority"}, others="median")(records)
    assert whole.choice == {"x": "a", "z": 2}
    assert list(whole.parts) == ["x", "z"]


def test_a_field_that_nobody_names_is_undecided() -> None:
    """The note says which; without any there is no quorum."""
    verdict = by_field({"x": "majority", "y": "median"})(tally({"x": "a"}))
    assert (verdict.status, verdict.choice, verdict.note) == (
        "below_threshold",
        None,
        "undecided: y (no quorum)",
    )
    assert verdict.parts["x"].choice == "a"
    assert by_field({"y": "median"})(tally({"x": "a"})).status == "no_quorum"


def test_a_vote_without_records_has_no_quorum() -> None:
    """Failures are no records."""
    assert outcome(by_field("majority")(tally("a", [1]) | not_cast("failed"))) == ("no_quorum", None, "0/0")
    assert by_field("majority", quorum=2)(tally({"x": 1})).status == "no_quorum"
    assert outcome(by_field("majority")(tally({}))) == ("decided", {}, "1/1")


# laws


@given(items=st.lists(st.integers(0, 3), max_size=4), voters=st.integers(1, 4))
def test_equal_ballots_give_that_answer(items: list[int], voters: int) -> None:
    """With the support of all."""
    record: dict[str, JsonValue] = {f"f{place}": item for place, item in enumerate(items)}
    listed: list[JsonValue] = [*items]
    full = f"{voters}/{voters}"
    assert outcome(elementwise("mode")(tally(*[listed] * voters))) == ("decided", listed, full)
    assert outcome(by_field("mode")(tally(*[record] * voters))) == ("decided", record, full)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=2), min_size=1, max_size=5))
def test_a_list_is_what_its_places_are(lists: list[list[str]]) -> None:
    """Each place is decided as a vote of its own would be, and a record with the same values likewise."""
    listed: list[JsonValue] = [[*said] for said in lists]
    records: list[JsonValue] = [{"x": said[0], "y": said[1]} for said in lists]
    whole = elementwise("majority")(tally(*listed))
    alone = [majority()(tally(*[said[place] for said in lists])) for place in range(2)]
    assert list(whole.parts.values()) == alone
    assert whole.choice == [verdict.choice for verdict in alone]
    assert whole.decided is all(verdict.decided for verdict in alone)
    assert whole.support.k == min(verdict.support.k for verdict in alone)
    record = by_field("majority")(tally(*records))
    assert [*record.parts.values()] == alone


def test_a_verdict_with_parts_is_the_same_after_it_was_stored() -> None:
    """As checkpoints and JSON store it."""
    verdict = by_field({"n": "mean"})(tally({"n": 2**70}, {"n": 2**70}))
    assert Verdict.model_validate(verdict.model_dump()) == verdict
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
