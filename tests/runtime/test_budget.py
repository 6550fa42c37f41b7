"""Budgets: reserved before, settled after, over all levels, and never exceeded."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import (
    Ask,
    Context,
    Limits,
    Roster,
    create_review,
    create_sectioning,
    create_voting,
    estimate,
    plan,
    split,
    synthesize,
)
from langgraph_parallel.errors import BudgetSpent, UnknownPrice, UsageError
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.prices import Priced
from tests.support.fans import GIVEN, YES, flat, nested
from tests.support.server import Gate, ModelServer, Reply

PRICED = "openai:gpt-5-mini"


async def test_twenty_calls_are_twenty_requests_every_time(model: str, server: ModelServer) -> None:
    """10 sections x 5 voters check the budget at the same moment, and never exceed it."""
    server.always(Reply(json=YES))
    graph = nested(10, 5, model, limits=Limits(budget_calls=20))
    for _ in range(25):
        before = len(server.requests)
        out = await graph.ainvoke(GIVEN)
        assert len(server.requests) - before == 20
        assert out["run_report"].branches == {"ok": 20, "skipped": 30}


async def test_requests_that_fail_are_paid_for_too(model: str, server: ModelServer) -> None:
    """Retries count, so that an endpoint in trouble does not exceed the budget either."""
    server.always(Reply(status=500))
    out = await flat(10, model, limits=Limits(budget_calls=7, backoff=0)).ainvoke(GIVEN)
    assert len(server.requests) == 7
    assert out["run_report"].branches["skipped"] + out["run_report"].branches.get("cancelled", 0) == 10


async def test_the_result_is_partial_and_says_why(model: str, server: ModelServer) -> None:
    """Finished branches are kept, the others are skipped, and the report has the reason."""
    out = await flat(5, model, limits=Limits(budget_calls=2)).ainvoke(GIVEN)
    assert out["run_report"].completion_reason == "BudgetSpent: the budget of 2 calls is spent"
    assert out["run_report"].branches == {"ok": 2, "skipped": 3}
    assert out["result"].count("ok") == 2
    assert "Missing: 2, 3, 4." in out["result"]
    assert {branch.ended_by for branch in out["branches"].values()} == {None, "budget"}
    assert all(not branch.calls for branch in out["branches"].values() if branch.status == "skipped")


async def test_two_runs_have_two_budgets(model: str, server: ModelServer) -> None:
    """Two runs at the same time in one process do not share one."""
    graph = flat(5, model, limits=Limits(budget_calls=3))
    outs = await asyncio.gather(graph.ainvoke(GIVEN), graph.ainvoke(GIVEN))
    assert [out["run_report"].branches for out in outs] == [{"ok": 3, "skipped": 2}] * 2


async def test_an_inner_budget_holds_within_the_outer_one(model: str, server: ModelServer) -> None:
    """No inner run exceeds its own budget, and all together do not exceed that of the run around them."""
    server.always(Reply(json=YES))
    vote = create_voting(
        model=model, choices=["yes", "no"], voters=4, stop="all_votes", limits=Limits(budget_calls=3)
    )
    graph = create_sectioning(planner=split.by_heading(), worker=vote, limits=Limits(budget_calls=5))
    content = {"content": "# a\nx\n\n# b\ny\n\n# c\nz\n"}
    out = await graph.ainvoke(content)
    assert len(server.requests) == 5
    assert out["run_report"].branches == {"ok": 5, "skipped": 7}
    answered = [branch.leaves.get("ok", 0) for branch in out["branches"].values()]
    assert max(answered) <= 3


async def test_tokens_are_reserved_until_the_answer_is_there(model: str, server: ModelServer) -> None:
    """A call waits for what running calls may leave; reserved tokens that are not used are free again."""
    server.always(Reply(usage=(10, 10)))
    limits = Limits(budget_tokens=2000, answer_tokens=1000)
    out = await flat(8, model, limits=limits).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 8}
    assert server.most_in_flight == 1
    limits = Limits(budget_tokens=500, answer_tokens=1000)
    out = await flat(2, model, limits=limits).ainvoke(GIVEN)
    assert out["run_report"].branches == {"skipped": 2}
    assert "500 tokens is less than the 1," in out["run_report"].completion_reason


async def test_dollars_are_counted_by_the_price_list(server: ModelServer, model: str) -> None:
    """A million tokens in and out cost the listed price; the report has the sum and what was wasted."""
    server.always(Reply(usage=(1_000_000, 1_000_000)))
    price = Priced("openai", "gpt-5-mini").usd(out_of(1_000_000, 1_000_000))
    assert price is not None
    limits = Limits(budget_usd=2.5 * price, concurrency=1, answer_tokens=10)
    out = await flat(5, PRICED, limits=limits).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 3, "skipped": 2}
    assert out["run_report"].usd == pytest.approx(3 * price)
    assert out["run_report"].wasted_usd == 0


def out_of(input_tokens: int, output_tokens: int) -> Any:
    """Return a number of tokens as a record."""
    from langgraph_parallel.records import Usage

    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


async def test_a_missing_price_is_unknown_and_not_zero(model: str, server: ModelServer) -> None:
    """The report says None, unless the user sets a price."""
    assert (await flat(2, model).ainvoke(GIVEN))["run_report"].usd is None
    limits = Limits(price_input=1.0, price_output=2.0)
    out = await flat(2, model, limits=limits).ainvoke(GIVEN)
    assert out["run_report"].usd == pytest.approx(2 * (10 * 1.0 + 5 * 2.0) / 1e6)


@pytest.mark.parametrize(
    "make",
    [
        lambda limits: create_voting(model="openai:unheard-of", limits=limits),
        lambda limits: create_voting(limits=limits, voters=Roster(models=[PRICED, "openai:unheard-of"])),
        lambda limits: create_review(model="openai:unheard-of", limits=limits),
        lambda limits: create_sectioning(
            planner=split.by_heading(), worker=Ask("{content}", model="openai:unheard-of"), limits=limits
        ),
        lambda limits: create_sectioning(
            planner=plan.by_model("openai:unheard-of"), worker=len, limits=limits
        ),
        lambda limits: create_sectioning(
            planner=split.by_heading(),
            worker=len,
            synthesizer=synthesize.by_model("openai:unheard-of"),
            limits=limits,
        ),
    ],
    ids=["voting", "panel", "review", "sectioning", "planner", "synthesizer"],
)
def test_dollars_without_a_price_are_an_error_when_the_graph_is_made(make: Any) -> None:
    """The error comes before any call and says what to set; with a price the graph can be built."""
    with pytest.raises(UnknownPrice, match=r"unheard-of' is not known; set it in US dollars .*price_input"):
        make(Limits(budget_usd=1))
    make(Limits(budget_usd=1, price_input=1, price_output=2))


async def test_dollars_of_the_runtime_context_are_checked_before_any_call(
    model: str, server: ModelServer
) -> None:
    """A model or a budget that only the run names is checked in its first step."""
    graph = flat(2, PRICED, limits=Limits(budget_usd=1))
    with pytest.raises(UnknownPrice):
        await graph.ainvoke(GIVEN, context=Context(model=model))
    with pytest.raises(UnknownPrice):
        await flat(2, model).ainvoke(GIVEN, context={"limits": {"budget_usd": 1}})
    assert server.requests == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=40), st.integers(0, 100))
def test_whatever_is_reserved_and_settled_the_budget_is_never_exceeded(
    steps: list[tuple[int, int]], tokens: int
) -> None:
    """This holds at two levels if no call uses more than was reserved for it."""
    outer = Budget(Limits(budget_tokens=tokens))
    inner = [Budget(Limits(budget_tokens=tokens // 2), outer.chain) for _ in range(2)]
    reservations: list[tuple[Budget, Amount]] = []
    for which, amount in steps:
        if which < 2:
            if inner[which].try_reserve(Amount(1, amount)):
                reservations.append((inner[which], Amount(1, amount)))
        elif reservations:
            budget, reserved = reservations.pop(0)
            budget.settle(reserved, Amount(1, reserved.tokens // which))
        for budget in (outer, *inner):
            assert budget.tokens is not None
            assert budget.spent.tokens + budget._reserved.tokens <= budget.tokens
    for budget, reserved in reservations:
        budget.settle(reserved, Amount())
    assert outer._reserved == Amount()


async def test_a_call_that_is_cancelled_while_it_waits_for_budget_reserves_nothing() -> None:
    """Giving up in line changes nothing."""
    budget = Budget(Limits(budget_tokens=100))
    await budget.reserve(Amount(1, 80))
    waiting = asyncio.ensure_future(budget.reserve(Amount(1, 50)))
    await asyncio.sleep(0)
    waiting.cancel()
    budget.settle(Amount(1, 80), Amount(1, 30))
    await budget.reserve(Amount(1, 70))
    with pytest.raises(BudgetSpent, match="100 tokens has less than 80 left"):
        await budget.reserve(Amount(1, 80))


async def test_a_call_without_a_budget_is_not_held_up(model: str, server: ModelServer) -> None:
    """`Ask` alone is not part of a run with a budget."""
    gate = Gate(opens_at=5)
    server.always(Reply(gate=gate))
    ask = Ask("{text}", model=model)
    assert await asyncio.gather(*(ask.ainvoke("x") for _ in range(5))) == ["ok"] * 5


def test_an_estimate_is_an_upper_bound_of_what_a_run_takes(model: str, server: ModelServer) -> None:
    """Calls are exact, tokens and dollars upper bounds, at all levels and without any call."""
    server.always(Reply(json=YES, usage=(60, 9)))
    graph = nested(3, 4, PRICED, limits=Limits(answer_tokens=100))
    estimated = estimate(graph, GIVEN)
    assert server.requests == []
    out = graph.invoke(GIVEN)
    report = out["run_report"]
    assert estimated.calls == len(report.calls) == 12
    assert estimated.most_calls == 12 * 4 * 2
    assert estimated.input_tokens >= report.usage.input_tokens
    assert estimated.output_tokens >= report.usage.output_tokens
    assert estimated.usd is not None
    assert estimated.usd >= (report.usd or 0) > 0
    assert estimated.notes == []


def test_an_estimate_counts_planners_judges_and_synthesizers(model: str) -> None:
    """A plan of a model counts with the most sections that it may have."""
    graph = create_sectioning(
        planner=plan.by_model(PRICED, max_sections=5),
        worker=Ask("{instructions} {content}", model=PRICED),
        synthesizer=synthesize.by_model(PRICED),
    )
    assert estimate(graph, {"content": "Write a book."}).calls == 1 + 5 + 1
    review = create_review(model=PRICED, aspects=["security", "style"], voters=3, reconcile=True)
    assert estimate(review, {"files": {"a.py": "x = 1\n"}}).calls == 2 * 3 + 1
    assert estimate(create_review(offline=True), {"files": {"a.py": "x = 1\n"}}).calls == 0


def test_an_estimate_says_what_it_cannot_know() -> None:
    """Calls of functions are not included; without a price there is no cost, and the model is named."""
    estimated = estimate(create_voting(voters=[len, max]), {"question": "?"})
    assert (estimated.calls, estimated.notes) == (
        0,
        ["Calls made by functions, agents and other Runnables are not included."],
    )
    unknown = estimate(create_voting(model="openai:unheard-of"), {"question": "?"})
    assert unknown.usd is None
    (note,) = unknown.notes
    assert note.startswith("The price of openai:unheard-of is not known: set price_input and price_output ")


@pytest.mark.parametrize("input", [None, {}, {"content": 5}, "text"])
def test_an_estimate_of_nothing_is_an_error(input: Any) -> None:
    """A run on it fails likewise."""
    graph = create_sectioning(planner=split.by_heading(), worker=len)
    with pytest.raises(UsageError):
        estimate(graph, input)


def test_only_langgraph_parallel_graphs_can_be_estimated() -> None:
    """The error names any other object."""
    with pytest.raises(UsageError, match="is not a langgraph_parallel graph"):
        estimate(len, {})
