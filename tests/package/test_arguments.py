"""Arguments of the wrong type: refused where they are passed, by name, and with what is expected."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import pytest
from langgraph.checkpoint.memory import InMemorySaver

import langgraph_parallel
from langgraph_parallel.arguments import above_zero, checked
from langgraph_parallel.errors import UsageError

lp: Any = langgraph_parallel
"""Untyped: type checkers find these mistakes, too."""


def work(item: object) -> object:
    """A worker."""
    return item


def stored() -> Any:
    """Return a vote with a checkpointer."""
    return lp.create_voting(voters=[work], checkpointer=InMemorySaver())


FACTORIES: dict[Callable[..., Any], dict[str, Any]] = {
    lp.create_best_of: {},
    lp.create_brainstorm: {},
    lp.create_briefing: {},
    lp.create_debate: {},
    lp.create_feedback: {},
    lp.create_guarded: {},
    lp.create_labeling: {"labels": ["a", "b"]},
    lp.create_map_reduce: {"worker": work, "synthesizer": work},
    lp.create_market_study: {},
    lp.create_moderation: {},
    lp.create_research: {},
    lp.create_review: {},
    lp.create_scatter_gather: {"sources": {"a": work}},
    lp.create_sectioning: {"planner": lp.split.by_heading(), "worker": work},
    lp.create_voting: {},
}
"""Each factory, and the arguments that it requires."""
SCALARS = ("name", "timeout", "max_ideas", "max_points", "max_rounds", "max_topics", "max_steps", "fan_in",
           "batch_size", "min_similarity", "min_support", "offline", "engines", "reconcile", "race", "vote",
           "merge", "stream", "language", "guidelines", "quantity", "horizon", "unit", "region", "method",
           "policy", "dependencies", "max_tokens", "threshold", "wave", "refine")  # fmt: skip
"""Arguments of plain data, of all factories."""


class Odd:
    """An object that nothing expects."""

    def __repr__(self) -> str:
        return "<odd>"


def parameters(factory: Callable[..., Any]) -> list[str]:
    """The names of a factory's own arguments."""
    code: Any = getattr(factory, "__wrapped__", factory)
    return [name for name in code.__annotations__ if name not in ("return", "options")]


def id_of(part: object) -> str:
    """Name a case."""
    return str(getattr(part, "__name__", part))


CASES = [(factory, name) for factory in FACTORIES for name in parameters(factory)]


@pytest.mark.parametrize(("factory", "name"), CASES, ids=id_of)
def test_no_factory_takes_an_object_that_nothing_expects(factory: Callable[..., Any], name: str) -> None:
    """Whatever the argument, the error is a UsageError that shows the value, when the graph is made."""
    with pytest.raises(UsageError) as caught:
        factory(**{**FACTORIES[factory], name: Odd()})
    assert "<odd>" in str(caught.value)


SCALAR_CASES = [(factory, name) for factory, name in CASES if name in SCALARS]


@pytest.mark.parametrize(("factory", "name"), SCALAR_CASES, ids=id_of)
def test_plain_data_of_another_type_is_named(factory: Callable[..., Any], name: str) -> None:
    """NaN fits no argument, and neither does a list; the error begins with the argument's name."""
    for wrong in (math.nan, ["3"], b"x"):
        with pytest.raises(UsageError, match=rf"^{name} is .*; expected "):
            factory(**{**FACTORIES[factory], name: wrong})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: lp.Source(work, timeout=math.nan), "timeout is nan; expected a number or None"),
        (lambda: lp.Source(work, timeout=True), "timeout is True; expected a number or None"),
        (lambda: lp.Source(work, timeout=math.inf), "timeout is inf; expected a finite number above 0"),
        (lambda: lp.Source(work, timeout=0), "timeout is 0; expected a finite number above 0"),
        (lambda: lp.Http(3), "url is 3; expected a string"),
        (lambda: lp.Http("http://x", headers={"a": 1}), r"headers\['a'\] is int; expected a string"),
        (lambda: lp.Roster(3.5), "members is 3.5; expected a number, workers"),
        (lambda: lp.Roster("ann"), "members is 'ann'; expected a number, workers"),
        (lambda: lp.Roster(temperatures=["hot"]), r"temperatures\[0\] is 'hot'; expected a number"),
        (lambda: lp.Roster(3, temperatures=0.5), "temperatures is 0.5; expected a list of numbers"),
        (lambda: lp.Ask("{question}", schema=3), "schema is 3; expected a subclass of BaseModel"),
        (lambda: lp.Ask("{question}", schema=int), "expected a subclass of BaseModel"),
        (lambda: lp.Ask("{question}", temperature="hot"), "temperature is 'hot'; expected a number"),
        (lambda: lp.Ask("{question}", instructing="question"), "instructing is 'question'; expected a list"),
        (lambda: lp.Check(criteria=3), "criteria is 3; expected a string"),
        (lambda: lp.Judge(readings="2"), "readings is '2'; expected an integer"),
        (lambda: lp.limiting.Rates(concurrency=0), "concurrency is 0; expected an integer of at least 1"),
        (lambda: lp.limiting.Rates(requests_per_minute=-1), "requests_per_minute is -1; expected a finite"),
        (lambda: lp.limiting.PacedRateLimiter("a"), "requests_per_minute is 'a'; expected a number"),
        (lambda: lp.rules.threshold("a"), "share is 'a'; expected a number"),
        (lambda: lp.rules.trimmed_mean("half"), "share is 'half'; expected a number"),
        (lambda: lp.rules.majority(quorum="2"), "quorum is '2'; expected an integer"),
        (lambda: lp.rules.majority(ties="first"), "ties is 'first'; expected 'earliest' or 'none'"),
        (lambda: lp.rules.weighted({1: 2.0}), "weights has the key 1; expected a string"),
        (lambda: lp.rules.borda(candidates="ab"), "candidates is 'ab'; expected a list or None"),
        (lambda: lp.stops.confident("a"), r"confident\('a'\): expected a probability"),
        (lambda: lp.completion.deadline("a"), r"deadline\('a'\) is not valid; expected a finite number"),
        (lambda: lp.split.by_heading("a"), "max_tokens is 'a'; expected an integer"),
        (lambda: lp.split.by_heading(level=0), "level is 0; expected an integer from 1 to 6"),
        (lambda: lp.drain(grace=-1), "grace is -1; expected a finite number of at least 0"),
        (lambda: lp.votes.replay([], "most", "decided"), "'most' is not a rule; choose one of"),
        (lambda: lp.create_feedback(dimensions=["topics", "topics"]), "dimensions has 'topics' twice"),
        (lambda: lp.create_moderation(checks=["hate", "hate"]), "checks has 'hate' twice"),
        (lambda: lp.create_research(tools=[len, len]), "two tools have the name 'len'"),
        (lambda: lp.create_voting(choices=[["a"], ["b"]]), r"choices contains \['a'\], but models"),
        (lambda: lp.create_voting(choices=[Odd()], voters=[work]), "choices contains <odd>; expected texts"),
        (lambda: lp.create_voting(ballot={"normalise": 5}), "normalise is 5; expected a name, a function"),
        (lambda: lp.create_voting(rule=lp.rules.majority), r"majority is not called; pass majority\(...\)"),
        (lambda: lp.create_voting(stop=lp.stops.decided), r"decided is not called; pass decided\(...\)"),
        (lambda: lp.create_voting(rule="threshold(0.7"), r"with arguments as in threshold\(0.7\)"),
        (lambda: lp.create_voting(completion=lp.completion.deadline), "deadline is not called"),
        (lambda: lp.create_sectioning(planner=lp.split.by_heading, worker=work), "by_heading is not called"),
        (
            lambda: lp.create_map_reduce(worker=work, synthesizer=lp.synthesize.concatenate),
            "concatenate is not called",
        ),
        (lambda: lp.create_sectioning(planner=work, worker={1: work}), "worker has the key 1; expected"),
        (lambda: lp.create_voting(prompt="prompts/mine.md"), r"pass Path\('prompts/mine.md'\) to"),
        (lambda: lp.limiting.share_limits(5), "url is 5; expected a string or None"),
        (lambda: lp.votes.Calibration.load(5), "'5' is not a calibration"),
        (lambda: lp.votes.agreement([], level="x"), "level is 'x'; expected 'nominal' or"),
        (lambda: lp.redrive(stored(), {}), "redrive needs the run's thread"),
        (lambda: lp.redrive(stored(), "x"), "redrive needs the run's thread; pass config="),
        (lambda: stored().invoke({"question": "q"}), "has a checkpointer, and the config has no thread"),
        (lambda: lp.split.by_pages("a"), "pages is 'a'; expected an integer"),
        (lambda: lp.split.in_batches("a"), "size is 'a'; expected an integer"),
        (lambda: lp.split.by_criterion(["a"]), r"criteria is \['a'\]; expected a mapping of strings"),
        (lambda: lp.synthesize.best_by(3), "key is 3; expected a string"),
        (lambda: lp.synthesize.merge_tables(3), r"key\[0\] is 3; expected a string"),
        (lambda: lp.synthesize.rank(max_items=0), "max_items is 0; expected an integer of at least 1"),
        (lambda: lp.plan.by_model(max_sections="8"), "max_sections is '8'; expected an integer"),
        (lambda: lp.votes.calibrate([], choices="2"), "choices is '2'; expected an integer"),
        (lambda: lp.votes.BallotFormat(schema=3), "ballot.schema is 3; expected a subclass of BaseModel"),
        (lambda: lp.create_voting(shadow="decided"), "shadow is 'decided'; expected True or False or a list"),
        (lambda: lp.create_review(aspects=[3]), "aspects contains 3; expected names, Markdown files"),
        (lambda: lp.create_research(tools=work), "tools is <function work .*>; expected a list"),
        (lambda: lp.create_moderation(region="XYZ"), "region is 'XYZ'; expected an ISO 3166 country code"),
    ],
)  # fmt: skip
def test_what_factories_are_built_of_checks_its_arguments(build: Callable[[], object], message: str) -> None:
    """Sources, rosters, workers, rules, stops, planners and synthesizers name the argument, too."""
    with pytest.raises(UsageError, match=message):
        build()


@pytest.mark.parametrize(
    "field", ["deadline", "grace", "budget_calls", "budget_tokens", "budget_usd", "max_sections"]
)
def test_a_limit_of_runs_is_not_taken_from_a_worker(field: str) -> None:
    """It would have no effect there."""
    with pytest.raises(UsageError, match=f"limits of a worker cannot set {field}; pass it to the graph"):
        lp.Ask("{question}", limits={field: 3})
    assert lp.create_voting(voters=[work], limits={field: 3})


@pytest.mark.parametrize("join", [operator.and_, operator.or_])
def test_policies_are_joined_with_policies_only(join: Callable[[Any, Any], object]) -> None:
    """Anything else is Python's own TypeError, where it is written."""
    for policy in (lp.stops.decided(), lp.completion.deadline(3)):
        with pytest.raises(TypeError, match="unsupported operand type"):
            join(policy, "window(3)")


@checked
def sample(
    number: float,
    *names: str,
    kind: Literal["a", "b"] = "a",
    sizes: Sequence[int] = (),
    by: Mapping[str, int] | None = None,
) -> float:
    """A checked function."""
    return number


untyped: Any = sample


@pytest.mark.parametrize("number", [1, 0.75, Fraction(3, 4), Decimal("0.75")])
def test_any_real_number_is_a_number(number: Any) -> None:
    """Fractions and decimals are exact, as shares and weights are counted."""
    assert untyped(number) == number
    assert lp.rules.threshold(number).least == Fraction(number)
    assert lp.rules.weighted({"ann": number})
    assert lp.create_review(min_support=number, offline=True)


def test_an_error_shows_no_secret_and_no_novel() -> None:
    """Headers may hold keys, URLs passwords, and a text given for a list may be long."""
    with pytest.raises(UsageError) as headers:
        lp.Http("https://host", headers={"Authorization": b"Bearer sk-secret"})
    with pytest.raises(UsageError) as url:
        lp.Http("ftp://user:sk-secret@host/path")
    assert "sk-secret" not in f"{headers.value} {url.value}"
    with pytest.raises(UsageError) as long:
        lp.create_labeling(labels="x" * 100_000)
    assert len(str(long.value)) < 300


def test_a_checked_function_takes_what_fits() -> None:
    """Integers are numbers, tuples are lists, and the function's own face is kept."""
    assert sample(3, "x", "y", kind="b", sizes=(1, 2), by={"a": 1}) == 3
    assert (sample.__name__, sample.__doc__) == ("sample", "A checked function.")
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        untyped(1, other=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: untyped("3"), "number is '3'; expected a number"),
        (lambda: untyped(True), "number is True; expected a number"),
        (lambda: untyped(1, 2), r"names\[0\] is 2; expected a string"),
        (lambda: untyped(1, kind="c"), "kind is 'c'; expected 'a' or 'b'"),
        (lambda: untyped(1, kind=[]), r"kind is \[\]; expected 'a' or 'b'"),
        (lambda: untyped(1, sizes="12"), "sizes is '12'; expected a list of integers"),
        (lambda: untyped(1, sizes=[1, 2.5]), r"sizes\[1\] is 2.5; expected an integer"),
        (lambda: untyped(1, by=[1]), r"by is \[1\]; expected a mapping of integers or None"),
        (lambda: untyped(1, by={"a": "b"}), r"by\['a'\] is 'b'; expected an integer"),
        (lambda: above_zero(2, "share", 1), "share is 2; expected a number above 0 and at most 1"),
    ],
)
def test_what_does_not_fit_is_told_by_its_place(call: Callable[[], object], message: str) -> None:
    """The entry of a list or mapping that is wrong, or the whole if it is of another kind."""
    with pytest.raises(UsageError, match=message):
        call()
