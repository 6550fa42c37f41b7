"""Limits: where they can be set, and which setting wins."""

import pytest

from langgraph_parallel import Ask, Context, Limits, create_sectioning, create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limit_sources import limits_from_environment
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.resting import rests
from langgraph_parallel.runtime.run import Run
from tests.support.fans import GIVEN, flat, numbered
from tests.support.server import ModelServer, Reply


async def attempts_of(graph: object, server: ModelServer, **options: object) -> int:
    """Return the number of requests that a graph makes for one question that is never answered."""
    rests.forget()  # else the endpoint rests after some such questions, and the next one waits for its end
    before = len(server.requests)
    await graph.ainvoke(GIVEN, **options)  # type: ignore[attr-defined]
    return len(server.requests) - before


async def test_the_order_of_precedence(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Context, worker, graph, environment, default: the first that sets a field wins."""
    server.always(Reply(status=500))
    monkeypatch.setenv(f"{PREFIX}BACKOFF", "0")
    plain = flat(1, model)
    assert await attempts_of(plain, server) == 4
    monkeypatch.setenv(f"{PREFIX}ATTEMPTS", "5")
    assert await attempts_of(plain, server) == 5
    built = flat(1, model, limits=Limits(attempts=3))
    assert await attempts_of(built, server) == 3
    ask = Ask("{content}", model=model, limits=Limits(attempts=2))
    own = create_sectioning(planner=numbered(1), worker=ask, limits=Limits(attempts=3))
    assert await attempts_of(own, server) == 2
    assert await attempts_of(own, server, context=Context(limits=Limits(attempts=1))) == 1
    assert await attempts_of(own, server, context={"limits": {"attempts": 1}}) == 1


async def test_an_inner_graph_goes_before_the_one_around_it(model: str, server: ModelServer) -> None:
    """The outer graph's limits apply where the inner graph sets none."""
    server.always(Reply(status=500))
    vote = create_voting(model=model, voters=1, limits=Limits(attempts=2))
    outer = create_sectioning(planner=numbered(1), worker=vote, limits=Limits(attempts=3, backoff=0))
    assert await attempts_of(outer, server) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("ATTEMPTS", "many"), ("ATTEMPTS", "0"), ("DEADLINE", "-1"), ("HEDGE", "often"), ("DEADLINE", "inf")],
)
async def test_a_variable_that_is_not_a_valid_limit_is_named(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The error comes before any call, with the variable and its value."""
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(UsageError, match=f"{PREFIX}{name}='{value}'"):
        await flat(1, model).ainvoke(GIVEN)
    assert server.requests == []


def test_every_limit_has_a_variable() -> None:
    """Numbers and words are parsed; an empty variable sets nothing."""
    limits = limits_from_environment(
        {
            f"{PREFIX}HEDGE": "p95",
            f"{PREFIX}BUDGET_USD": "2.5",
            f"{PREFIX}CONCURRENCY": "8",
            f"{PREFIX}GRACE": "",
        }
    )
    assert (limits.hedge, limits.budget_usd, limits.concurrency) == ("p95", 2.5, 8)
    assert limits.model_fields_set == {"hedge", "budget_usd", "concurrency"}
    assert limits_from_environment({f"{PREFIX}HEDGE": "2.5"}).hedge == 2.5


async def test_a_context_that_is_not_valid_is_named(model: str, server: ModelServer) -> None:
    """The error names the field and the problem."""
    with pytest.raises(UsageError, match=r"context\.limits\.attempts is 0: .*greater than or equal to 1"):
        await flat(1, model).ainvoke(GIVEN, context={"limits": {"attempts": 0}})
    with pytest.raises(UsageError, match="context has the unknown key 'colour'"):
        await flat(1, model).ainvoke(GIVEN, context={"colour": "blue"})
    assert server.requests == []


@pytest.mark.parametrize(
    "field", ["call_timeout", "deadline", "requests_per_minute", "budget_calls", "hedge", "concurrency"]
)
def test_limits_out_of_range_are_refused(field: str) -> None:
    """The error comes when the limits are built."""
    with pytest.raises(ValueError, match=field):
        Limits.model_validate({field: -1})


def test_a_run_inside_another_shares_its_root_and_not_its_budget() -> None:
    """Turns are per root; the budgets and deadlines of all runs around apply."""
    outer = Run(Limits(budget_calls=5, attempts=2), Limits(attempts=1))
    inner = Run(Limits(budget_calls=3, attempts=7), outer=outer)
    assert inner.root is outer
    assert [budget.calls for budget in inner.budget.chain] == [3, 5]
    assert inner.limits.attempts == outer.limits.attempts == 1
