"""Which variant is the best guess, where it is not known."""

from collections.abc import Collection, Mapping

import pytest

from langgraph_parallel.evaluation.recommend import recommend
from langgraph_parallel.evaluation.result import Recommendation, VariantResult

ITEMS = range(40)
RIGHT: Mapping[str, Collection[int]] = {"one": range(26), "three": range(30), "nine": range(11, 40)}
"""Items that each variant has right: more with three and nine calls than with one."""
CALLS = {"one": 1.0, "three": 3.0, "nine": 9.0}


def guess(
    right: Mapping[str, Collection[int]],
    calls: Mapping[str, float | None] = CALLS,
    *,
    margin: float = 0.0,
    in_pairs: bool = False,
) -> Recommendation:
    """Return the recommendation, where no comparison says anything."""
    variants = [
        VariantResult(name=name, items=len(ITEMS), score=len(numbers) / len(ITEMS), calls=calls[name])
        for name, numbers in right.items()
    ]
    together = [{name: float(item in numbers) for name, numbers in right.items()} for item in ITEMS]
    found = recommend(variants, [], margin, () if in_pairs else together)
    assert found is not None
    return found


def test_a_guess_against_the_measured_scores_says_so() -> None:
    """One item fewer is chance; that scores rise with cost is more than that."""
    found = guess(RIGHT)
    assert (found.variant, found.known) == ("nine", False)
    assert "expected to do better than measured, by how scores go with costs" in found.words


def test_a_difference_of_scores_that_is_more_than_chance_decides() -> None:
    """Nine calls are right nowhere else, and wrong on some more items."""
    found = guess({**RIGHT, "nine": range(22)})
    assert found.variant == "three"
    assert "than measured" not in found.words


def test_where_scores_do_not_rise_the_cheapest_of_equal_ones_is_the_guess() -> None:
    """All three are right as often."""
    assert guess({"one": range(30), "three": range(10, 40), "nine": range(5, 35)}).variant == "one"


def test_within_the_margin_the_cheapest_is_the_guess() -> None:
    """The margin is that of the expected scores."""
    assert guess(RIGHT, margin=0.2).variant == "one"
    assert guess(RIGHT, margin=0.02).variant == "nine"


@pytest.mark.parametrize(
    "given",
    [
        {"right": {name: RIGHT[name] for name in ("three", "nine")}},
        {"right": RIGHT, "calls": {**CALLS, "nine": None}},
        {"right": RIGHT, "calls": {**CALLS, "one": 0.0}},
        {"right": RIGHT, "in_pairs": True},
    ],
    ids=["two variants", "an unknown cost", "a free variant", "a pairwise judge"],
)
def test_without_a_line_the_measured_scores_count(given: dict[str, object]) -> None:
    """The one with the greatest score is the guess."""
    assert guess(**given).variant == "three"  # type: ignore[arg-type]
