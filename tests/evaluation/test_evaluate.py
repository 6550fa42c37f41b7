"""Evaluations as callers make them: stopping, going on, budgets, and what is refused."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import create_voting, drain
from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation import Evaluation, Variant, aevaluate, evaluate
from langgraph_parallel.testing import FakeModel
from tests.evaluation.programs import answers, items, right, strong, votes, weak

MODERATION = Variant(graph="moderation", offline=True, inputs={"text": "question"})


def test_it_stops_as_soon_as_it_knows(tmp_path: Path) -> None:
    """A clear difference takes few of many items, and the result says so in words."""
    found = evaluate({"weak": weak, "strong": strong}, items(400), key="id")
    assert (found.reason, found.stops) == ("known", True)
    assert found.items < 200
    assert found.recommendation is not None
    assert (found.recommendation.variant, found.recommendation.known) == ("strong", True)
    (comparison,) = found.comparisons
    assert (comparison.verdict, comparison.test, comparison.variant) == ("better", "betting", "strong")
    assert 0 < comparison.low < comparison.difference < comparison.high
    assert comparison.p_value <= 0.05
    assert "Recommended: strong, better than weak, by +" in str(found)


def test_without_stopping_all_items_are_asked_and_tests_are_those_of_one_look() -> None:
    """McNemar for right and wrong answers, and narrower intervals."""
    found = evaluate({"weak": weak, "strong": strong}, items(60), key="id", stop=False)
    assert (found.items, found.reason) == (60, "all items were asked")
    assert found.comparisons[0].test == "McNemar"
    assert found.comparisons[0].verdict == "better"
    path = evaluate({"weak": weak, "strong": strong}, items(60), key="id", batch=60)
    assert found.comparisons[0].low > path.comparisons[0].low
    graded = evaluate(
        {"weak": weak, "strong": strong},
        items(20),
        lambda answer, expected: 0.7 if answer == expected else 0.1,
        stop=False,
    )
    assert graded.comparisons[0].test == "permutation"


def test_variants_that_are_alike_are_not_told_apart() -> None:
    """The verdict is not known yet, the guess is the first, and says that it is one."""
    found = evaluate({"one": answers(0.8, "a"), "other": answers(0.8, "a")}, items(40))
    assert found.recommendation is not None
    assert (found.recommendation.variant, found.recommendation.known) == ("one", False)
    assert "not known yet" in found.recommendation.words
    assert found.comparisons[0].more_items is None
    assert "no number of items like these would tell" in str(found)


def test_with_a_margin_the_cheaper_of_two_that_are_alike_is_known_to_do() -> None:
    """Both say the same, so the first does, once a loss of more than the margin is ruled out."""
    found = evaluate({"one": answers(0.8, "a"), "other": answers(0.8, "a")}, items(300), margin=0.1)
    assert found.reason == "known"
    assert found.items < 300
    assert found.comparisons[0].verdict == "alike"
    assert found.recommendation is not None
    assert found.recommendation.variant == "one"
    assert "other is the same within 10 points as one" in str(found)


def right_about(numbers: Collection[int], voters: int) -> Any:
    """Return a vote that asks a model so many times, which is right about these questions of 40."""
    said = {f"Is {n} a": {"choice": "yes" if n in numbers else "no"} for n in range(40)}
    return create_voting(model=FakeModel(said), voters=voters, choices=["yes", "no"], stop="all_votes")


def test_of_equal_scores_the_dearer_one_is_the_guess_where_scores_rise_with_cost() -> None:
    """Two of three votes have the same score by chance."""
    variants = {
        "one": right_about(range(24), 1),
        "two": right_about(range(29), 2),
        "three": right_about(range(11, 40), 3),
    }
    found = evaluate(variants, items(40), stop=False)
    assert found.variant("three").score == found.variant("two").score
    assert found.recommendation is not None
    assert (found.recommendation.variant, found.recommendation.known) == ("three", False)


def test_a_variant_that_is_known_to_be_worse_is_asked_no_further() -> None:
    """Its calls are saved while the others are compared."""
    variants = {"wrong": answers(0.1, "w"), "one": answers(0.9, "a"), "other": answers(0.9, "b")}
    found = evaluate(variants, items(120))
    assert found.variant("wrong").dropped
    assert found.variant("wrong").items < found.variant("one").items == 120
    assert "not known yet, and asked no further" not in str(found)


def test_graphs_and_functions_are_compared_with_their_costs() -> None:
    """A vote of a panel against one of its voters."""
    variants = {"single": answers(0.7, "voter 0"), "votes": Variant(graph=votes(7))}
    found = evaluate(variants, items(64), stop=False)
    assert found.variant("votes").score == pytest.approx(0.87, abs=0.1)
    assert found.variant("single").low is not None
    assert found.variant("votes").p95_seconds is not None
    assert found.calls == 0


def test_calls_of_models_are_counted() -> None:
    """For each item, and in all."""
    model = FakeModel(default={"choice": "yes"})
    votes_of_model = create_voting(model=model, voters=2, choices=["yes", "no"], stop="all_votes")
    found = evaluate({"none": weak, "model": votes_of_model}, items(10), stop=False)
    assert found.variant("model").calls == 2
    assert found.variant("model").score == 1
    assert found.calls == len(model.prompts) == 20
    assert " 20 calls, " in str(found)
    assert " 1 call, " in str(found.model_copy(update={"calls": 1}))


def test_answers_from_the_cache_are_used_and_are_no_cost(tmp_path: Path) -> None:
    """A second evaluation without a store asks nobody, and says so instead of calling it free."""
    model = FakeModel(default={"choice": "yes"})
    cache = str(tmp_path / "answers.sqlite")

    def run() -> Evaluation:
        graph = create_voting(model=model, voters=1, choices=["yes", "no"], cache=cache)
        return evaluate({"weak": weak, "model": graph}, items(6), stop=False)

    assert run().variant("model").calls == 1
    again = run()
    assert len(model.prompts) == 6
    assert (again.variant("model").score, again.variant("model").kept) == (1, 6)
    assert again.variant("model").calls is None
    assert any("answers of model (6 of 6) came from the cache" in remark for remark in again.remarks)


def test_the_same_call_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    """More items continue the path that was begun: the order of the first stays."""
    asked: list[str] = []

    def counted(question: str) -> str:
        asked.append(question)
        return weak(question)

    store = tmp_path / "rows.sqlite"
    variants: dict[str, Any] = {"counted": counted, "strong": strong}
    first = evaluate(variants, items(10), key="id", store=store)
    assert len(asked) == 10
    again = evaluate(variants, items(10), key="id", store=store)
    assert (again.comparisons, len(asked)) == (first.comparisons, 10)
    more = evaluate(variants, items(14), key="id", store=store)
    assert (more.items, len(asked)) == (14, 14)
    with sqlite3.connect(store) as database:
        order = [key for (key,) in database.execute("SELECT key FROM evaluation_order ORDER BY place")]
    assert sorted(order[:10]) == sorted(f"q{n}" for n in range(10))


def test_a_store_of_other_variants_is_refused(tmp_path: Path) -> None:
    """Answers of another program are not taken for those of this one."""
    store = tmp_path / "rows.sqlite"
    asked: list[str] = []
    evaluate({"one": weak, "other": strong}, items(4), store=store)
    with pytest.raises(UsageError, match=r"answers other: .*graph was .*Name another store"):
        evaluate({"one": weak, "new": lambda row: asked.append(row), "other": weak}, items(4), store=store)
    assert not asked


def test_a_budget_holds_over_all_variants_and_commands(tmp_path: Path) -> None:
    """It ends with what both were asked about, and the next command does not spend more."""
    model = FakeModel(default={"choice": "yes"})
    store = tmp_path / "rows.sqlite"

    def run() -> Evaluation:
        graph = create_voting(model=model, voters=2, choices=["yes", "no"], stop="all_votes")
        limits = {"budget_calls": 12, "concurrency": 1}
        return evaluate({"a": graph, "b": graph}, items(20), batch=2, store=store, limits=limits)

    found = run()
    assert found.reason == "the budget of 12 calls is spent"
    assert found.items == 2
    assert len(model.prompts) <= 12
    again = run()
    assert (again.reason, again.items) == (found.reason, found.items)
    assert len(model.prompts) <= 12


def test_a_deadline_holds_over_all_variants() -> None:
    """It names the deadline that was given, not what was left of it for one of them."""

    async def waits(question: str) -> str:
        await asyncio.sleep(60 if question == "Is 3 a number?" else 0)
        return "yes"

    found = evaluate({"strong": strong, "waits": waits}, items(4), batch=4, limits={"deadline": 0.5})
    assert found.reason == "the deadline of 0.5 s has passed"
    assert found.items < 4


def test_failures_count_as_wrong_and_are_told() -> None:
    """An answer that is not there is worth nothing; whoever fails on all of them ends the run."""

    def fails(question: str) -> str:
        if "3" in question:
            raise ValueError("no threes")
        return "yes"

    found = evaluate({"fails": fails, "yes": lambda question: "yes"}, items(30), stop=False)
    assert found.variant("fails").failed == 3
    assert found.variant("fails").score == pytest.approx(0.9)
    assert any("failed answers count as 0: fails (3)" in remark for remark in found.remarks)


def test_failures_are_asked_again_if_it_is_said(tmp_path: Path) -> None:
    """A store keeps them otherwise; what did not fail is never asked again."""
    asked: list[str] = []
    problems = ["no network"]

    def fails(question: str) -> str:
        asked.append(question)
        if "3" in question and problems:
            raise ValueError(problems[0])
        return "yes"

    def run(*, redrive: bool = False) -> Evaluation:
        store = tmp_path / "rows.sqlite"
        variants = {"fails": fails, "strong": strong}
        return evaluate(variants, items(20), key="id", store=store, redrive=redrive, stop=False)

    assert (run().variant("fails").failed, len(asked)) == (2, 20)
    problems.clear()
    assert (run().variant("fails").failed, len(asked)) == (2, 20)
    assert (run(redrive=True).variant("fails").failed, len(asked)) == (0, 22)
    assert (run(redrive=True).variant("fails").score, len(asked)) == (1, 22)


def test_a_variant_that_always_fails_ends_it() -> None:
    """A wrong key or column is no result of an evaluation."""

    def fails(question: str) -> str:
        raise ValueError("no key")

    found = evaluate({"yes": strong, "fails": fails}, items(40))
    assert found.recommendation is None
    assert found.reason.startswith("fails: none of the first")


def test_repeats_ask_anew_and_their_mean_counts() -> None:
    """Two answers to an item are one score of it."""
    given: dict[str, int] = {}

    def alternates(question: str) -> str:
        given[question] = given.get(question, 0) + 1
        return "yes" if given[question] % 2 else "no"

    found = evaluate(
        {"alternates": alternates, "yes": lambda question: "yes"}, items(12), repeats=2, stop=False
    )
    assert set(given.values()) == {2}
    assert (found.items, found.repeats) == (12, 2)
    assert (found.variant("alternates").items, found.variant("alternates").score) == (12, 0.5)
    assert found.comparisons[0].difference == 0.5
    with pytest.raises(UsageError, match="cache=True gives the same answer each time"):
        evaluate({"a": Variant(graph=weak, cache=True), "b": strong}, items(2), repeats=2)


async def test_a_drain_ends_it_with_what_is_known() -> None:
    """Items that run may end; the result has them."""
    looks: list[int] = []

    def watch(found: Evaluation) -> None:
        looks.append(found.items)
        if len(looks) == 1:
            drain("told to stop")

    found = await aevaluate({"a": weak, "b": weak}, items(100), batch=10, watch=watch)
    assert "told to stop" in found.reason
    assert found.items <= 20
    assert looks[-1] == found.items


async def test_variants_never_see_what_is_expected() -> None:
    """A function of the whole item gets all of it but the answer."""
    seen: list[set[str]] = []

    def looks(item: dict[str, Any]) -> str:
        seen.append({*item})
        return "yes"

    await aevaluate({"looks": looks, "yes": strong}, items(3), key="id")
    assert seen == [{"id", "question"}] * 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": {"one": weak}}, "variants is 1; expected a mapping of two names"),
        ({"variants": {"a": weak, "A": strong}}, "must differ by more than case"),
        ({"variants": {"a": weak, "b/\n": strong}}, "cannot be the name of a variant"),
        ({"variants": {"a": weak, "b": {"graph": strong, "modle": "x"}}}, "did you mean 'model'?"),
        ({"variants": {"a": "no_such", "b": "nor:this"}}, "variant 'a'"),
        ({"dataset": []}, "has no items"),
        (
            {"variants": {"weak": weak, "flags": MODERATION}, "scorer": "exact"},
            "variant 'flags': its output has moderation, flags; say what in it is the answer",
        ),
        ({"dataset": [{"question": "a"}]}, "has no column 'expected'"),
        ({"expected": "gold"}, "has no column 'gold'"),
        ({"margin": 2}, "margin is 2; expected a number from 0 to below 1"),
        ({"level": 95}, "level is 95"),
        ({"batch": 0}, "batch is 0"),
        ({"store": "rows.txt"}, "expected a file that ends in .sqlite"),
        ({"limits": {"budget": 3}}, "budget"),
    ],
    ids=[
        "one variant",
        "names alike",
        "name",
        "field",
        "graph",
        "no items",
        "no answer",
        "nothing expected",
        "column",
        "margin",
        "level",
        "batch",
        "store",
        "limits",
    ],
)
def test_what_is_not_valid_is_refused_before_anything_is_asked(change: dict[str, Any], said: str) -> None:
    """The message says what was wrong, and what was expected."""
    given: dict[str, Any] = {"variants": {"weak": weak, "strong": strong}, "dataset": items(3), **change}
    scorer = given.pop("scorer", right)
    with pytest.raises(UsageError, match=re.escape(said)):
        evaluate(given.pop("variants"), given.pop("dataset"), scorer, **given)


def test_an_output_without_an_answer_is_refused_by_a_scorer_that_needs_one() -> None:
    """It would be wrong on every item; a function of the caller's gets all of it."""

    def two(question: str) -> dict[str, str]:
        return {"first": "yes", "second": "no"}

    with pytest.raises(UsageError, match="variant 'two': its output has first, second"):
        evaluate({"weak": weak, "two": two}, items(3), "exact")
    found = evaluate({"weak": weak, "two": two}, items(3), lambda answer: float("second" in answer))
    assert found.variant("two").score == 1
    named = Variant(graph=two, answer="first")
    assert evaluate({"weak": weak, "two": named}, items(3), "exact").variant("two").score == 1


def test_all_faults_of_variants_are_told_at_once() -> None:
    """Two wrong names are two parts of one message."""
    with pytest.raises(UsageError) as raised:
        evaluate({"a": "no_such", "b": "nor_this"}, items(2))
    assert "variant 'a'" in str(raised.value)
    assert "variant 'b'" in str(raised.value)


def test_an_option_that_does_not_exist_is_a_type_error() -> None:
    """As with any function."""
    call: Callable[..., Any] = evaluate
    with pytest.raises(TypeError, match="no argument 'margins'"):
        call({"weak": weak, "strong": strong}, items(2), margins=1)
