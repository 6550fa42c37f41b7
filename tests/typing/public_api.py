"""What people write, as mypy sees it. Nothing here runs."""

from typing import Any, assert_type

from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Context,
    Judge,
    Limits,
    Roster,
    Section,
    aestimate,
    agents,
    aredrive,
    create_review,
    create_sectioning,
    create_voting,
    drain,
    errors,
    estimate,
    events,
    plan,
    redrive,
    split,
    synthesize,
)
from langgraph_parallel.completion import deadline, min_success, required
from langgraph_parallel.evaluation import Evaluation, Recommendation, Variant, aevaluate, evaluate, sets
from langgraph_parallel.limiting import Limiter, PacedRateLimiter, Rates, share_limits
from langgraph_parallel.nodes.work.adapter import Adapter
from langgraph_parallel.records import Aspect, Branch, Estimate, Interval, RunReport, Support, Tally, Verdict
from langgraph_parallel.rules import (
    at_least,
    borda,
    by_field,
    elementwise,
    majority,
    maximum,
    mean,
    minimum,
    pass_at,
    pass_power,
    threshold,
    trimmed_mean,
    weighted,
)
from langgraph_parallel.stops import ahead_by, confident, decided, window
from langgraph_parallel.votes import (
    Calibration,
    agreement,
    appraise,
    calibrate,
    fit_dawid_skene,
    without_articles,
    without_units,
)


class Risk(BaseModel):
    """An answer of one's own."""

    level: int


class Agent(TypedDict):
    """A foreign state."""

    files: dict[str, str]


async def summarise(section: Section) -> str:
    """An async worker."""
    return section.content


def tallied(ballots: Tally) -> Verdict:
    """A rule that reads the ballots."""
    return majority()(ballots)


def voting() -> list[CompiledStateGraph[Any, Any, Any, Any]]:
    """Every way to make a vote."""
    return [
        create_voting(),
        create_voting(model="openai:gpt-5-mini", choices=["yes", "no"], voters=9, rule=threshold(0.7)),
        create_voting(rule="majority", voters=Roster(models=["openai:a", "openai:b"])),
        create_voting(voters=[lambda question: "yes", Ask("{question}")], rule=majority(ties="none")),
        create_voting(voters={"a": summarise}, rule=weighted({"a": 2.0})),
        create_voting(rule="median", limits=Limits(attempts=2), ballot={"schema": Risk, "field": "level"}),
        create_voting(rule=Judge("openai:gpt-5-mini", readings=2)),
        create_voting(voters=9, stop=confident(0.95) | ahead_by(3), wave="all", race=False),
        create_voting(choices=["a", "b"], rule=borda(ties="none"), stop="decided", wave=4),
        create_voting(
            rule=trimmed_mean(0.1), on_undecided="escalate", ballot={"normalise": ["boxed", "number"]}
        ),
        create_voting(on_undecided=Judge(), shadow=True, ballot={"normalise": str}),
        create_voting(on_undecided=Ask("{question} {answers}"), shadow=[window(3), "adaptive(0.95)"]),
        create_voting(on_undecided=lambda question: "yes", rule=fit_dawid_skene([{"a": "x"}]).rule()),
        create_voting(rule=at_least(2), on_undecided=pass_at(3, 0.5), voters=9),
        create_voting(rule=pass_power(k=2, quorum=4), ballot={"normalise": without_units("km")}),
        create_voting(rule=elementwise("median"), ballot={"normalise": ["text", without_articles]}),
        create_voting(rule=by_field({"price": mean(), "size": max}, others=majority()), voters=[summarise]),
        create_voting(rule=by_field(elementwise(maximum())), on_undecided=by_field(minimum())),
        create_voting(rule=max),
        create_voting(rule=lambda choices: choices[0] if len(choices) > 1 else None),
        create_voting(rule=tallied),
        create_voting(rule=calibrate([({"#1": "yes"}, "yes")]).rule()),
    ]


def sectioning() -> list[CompiledStateGraph[Any, Any, Any, Any]]:
    """Every way to make sections."""
    return [
        create_sectioning(planner=split.by_heading(max_tokens=3000), worker=summarise),
        create_sectioning(
            planner=split.by_file(), worker=Ask("{content}"), synthesizer=synthesize.by_model()
        ),
        create_sectioning(planner=plan.by_model(max_sections=4), worker=create_voting()),
        create_sectioning(planner=lambda content: [Section(id="1", title="a", content=content)], worker=len),
    ]


def review(builder: StateGraph[Agent]) -> None:
    """A review in a foreign graph."""
    aspects: list[str | Aspect] = ["security", Aspect(name="tone", title="Tone", criteria="Be kind.")]
    builder.add_node("review", create_review(model="openai:gpt-5-mini", aspects=aspects, voters=3))


def verdict(given: Verdict) -> None:
    """What a verdict holds."""
    assert_type(given.support, Support)
    assert_type(str(given.support), str)
    assert_type(given.decided, bool)
    assert_type(given.interval, Interval | None)
    assert_type(given.standard_error, float | None)
    assert_type(given.parts, dict[str, Verdict])
    assert_type(agreement([{"a": 1, "b": 2}], level="interval").krippendorff_alpha, float | None)
    assert_type(decided()(Tally(), 3), bool)
    assert_type(Calibration.load("weights.json").rule(), weighted)
    assert_type(appraise([({"a": 1, "b": 2}, 1)] * 10, prices={"a": 0.1}, budget=1).effective.worth, float)


async def control(graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig) -> None:
    """What can be done with a graph besides running it, and how its calls are bounded."""
    assert_type(estimate(graph, {"question": "?"}), Estimate)
    assert_type((await aestimate(graph, {"question": "?"})).usd, float | None)
    assert_type(redrive(graph, config), dict[str, Any])
    assert_type(await aredrive(graph, config, context=Context(limits=Limits(budget_usd=1))), dict[str, Any])
    assert_type(drain("going down", grace=5), int)
    create_voting(completion=min_success(3) & required("#1") | deadline(30), limits=Limits(hedge="p95"))
    create_review(completion="tolerated_failures(0.1)", limits=Limits(hedge=2.5, deadline=60))
    async with Limiter().slot(Rates(concurrency=8), tokens=500):
        share_limits(None)
    ChatOpenAI(rate_limiter=PacedRateLimiter(requests_per_minute=60))
    async for event in events(graph, {"question": "?"}, config, tokens=True):
        if event.event == "ended":
            assert_type(event.branch, list[str])
            assert_type(event.error, str | None)
        elif event.event == "called" and event.cost is not None:
            assert_type(event.cost.usd, float | None)
    try:
        await graph.ainvoke({})
    except errors.CompletionError as error:
        assert_type(error.succeeded["#1"], Branch)
        assert_type(error.run_report, RunReport)


def refused() -> None:
    """What mypy refuses: the checks of arguments at run time keep the types."""
    create_voting(vooters=3)  # type: ignore[call-arg]
    create_voting(race="yes")  # type: ignore[arg-type]
    create_voting(completion=3)  # type: ignore[arg-type]
    split.by_heading("3")  # type: ignore[arg-type]
    agents.adapt(create_voting(), output=3)  # type: ignore[arg-type]
    assert_type(agents.adapt(create_voting()), Adapter)


async def evaluations(graph: CompiledStateGraph[Any, Any, Any, Any]) -> None:
    """Variants are graphs, functions, names or `Variant`s; options are checked by name."""
    variants = {"graph": graph, "named": Variant(graph="voting", model="openai:gpt-5-mini"), "function": len}
    found = await aevaluate(variants, "questions.jsonl", sets("recall", key="rule"), margin=0.02)
    assert_type(found, Evaluation)
    assert_type(found.recommendation, Recommendation | None)
    assert_type(evaluate(variants, [{"text": "a"}], "rubric", limits={"budget_usd": 1}), Evaluation)
    evaluate(variants, [], lambda answer, expected: answer == expected, margins=1)  # type: ignore[call-arg]
