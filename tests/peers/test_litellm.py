"""LiteLLM: users bring a router, and expect of calls what it does: retries, fallbacks, cooldowns, budgets.

What is a deployment there is a model of an endpoint here; `first_valid` over several is a list of fallbacks.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from langgraph_parallel import (
    Ask,
    Roster,
    create_scatter_gather,
    create_voting,
    errors,
    governed,
    limiting,
)
from tests.support.clock import Clock, play, until
from tests.support.fans import GIVEN, YES, flat
from tests.support.server import Gate, ModelServer, Reply, Request

OTHER = "openai:other-model"
"""A second deployment, at the same address."""
QUICK = {"backoff": 0}
ONCE = {"attempts": 1}
DOWN = Reply(status=500)
QUESTION = {"question": "so?"}


def to(name: str) -> Callable[[Request], bool]:
    """Match the requests to a model."""
    return lambda request: request.body["model"] == name


def asked(server: ModelServer) -> Counter[str]:
    """Count the requests by model."""
    return Counter(request.body["model"] for request in server.requests)


def error(status: int, message: str, **fields: Any) -> Reply:
    """Return an error as OpenAI writes it."""
    return Reply(status=status, body={"error": {"message": message, "type": "test", "code": None, **fields}})


def fallbacks(*models: str, limits: Any = ONCE) -> Any:
    """Build a list of fallbacks: a model is asked only if those before it have failed."""
    voters = {name: Ask("{question}", model=name, limits=limits) for name in models}
    return create_voting(voters=voters, rule="first_valid", wave=1)


async def fail(model: str, times: int, limits: Any = ONCE) -> None:
    """Let several calls fail for good."""
    for _ in range(times):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - of the provider
            await Ask("{text}", model=model, limits=limits).ainvoke("alpha")
        assert not isinstance(raised.value, errors.EndpointUnusable)


# retries


async def test_a_failed_request_is_retried_up_to_the_number(model: str, server: ModelServer) -> None:
    """LiteLLM: `num_retries` repeats a request that failed at the server, and the caller sees the answer."""
    server.on("alpha", DOWN, times=2)
    server.on("beta", DOWN)
    ask = Ask("{text}", model=model, limits={"attempts": 3, "backoff": 0})
    assert await ask.ainvoke("alpha") == "ok"
    assert len(server.asked("alpha")) == 3
    with pytest.raises(Exception, match="500"):
        await ask.ainvoke("beta")
    assert len(server.asked("beta")) == 3


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (error(400, "Invalid type for 'messages'"), "request"),
        (error(401, "Incorrect API key provided"), "key"),
        (error(404, "The model `test-model` does not exist", code="model_not_found"), "model"),
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "quota"),
        (Reply(finish="content_filter", text=""), "filter"),
        (
            error(400, "This model's maximum context length is 8 tokens", code="context_length_exceeded"),
            "context",
        ),
    ],
    ids=["bad request", "authentication", "not found", "quota", "content policy", "context window"],
)
async def test_what_a_retry_cannot_mend_is_sent_once(
    reply: Reply, cause: str, model: str, server: ModelServer
) -> None:
    """LiteLLM: each kind of error has its own exception and policy; these are raised at once."""
    server.always(reply)
    out = await flat(1, model, limits={"attempts": 5, "backoff": 0}).ainvoke(GIVEN)
    assert (len(server.requests), out["branches"]["0"].cause) == (1, cause)


async def test_rate_limits_have_a_patience_of_their_own(model: str, server: ModelServer) -> None:
    """LiteLLM: `RateLimitErrorRetries` is a number of its own.

    Differs: a 429 is retried for a time, not a number of times, and takes none of the attempts.
    """
    server.on("alpha", Reply(status=429, headers={"retry-after": "0"}), times=1)
    assert await Ask("{text}", model=model, limits={"attempts": 1, "backoff": 0}).ainvoke("alpha") == "ok"
    assert [request.status for request in server.requests] == [429, 200]


async def test_a_timeout_is_retried_and_its_connection_closed(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """LiteLLM: `timeout` bounds each request of a call, and `TimeoutErrorRetries` repeats it."""
    server.on("alpha", Reply(hang=True), times=1)
    limits = {"call_timeout": 100, "attempts": 2, "backoff": 0}
    running = asyncio.ensure_future(Ask("{text}", model=model, limits=limits).ainvoke("alpha"))
    await until(lambda: server.hanging == 1)
    clock.advance(100)
    assert await running == "ok"
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 1)
    assert len(server.requests) == 2


async def test_a_timeout_for_good_is_a_status_of_its_own(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """LiteLLM: `litellm.Timeout` is told from other errors; so is the branch."""
    server.on("Number 1", Reply(hang=True))
    graph = flat(2, model, limits={"call_timeout": 100, "attempts": 1})
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await until(lambda: len(server.requests) == 2 and server.in_flight == server.hanging == 1)
    clock.advance(100)
    out = await running
    assert out["run_report"].branches == {"ok": 1, "timed_out": 1}
    assert out["branches"]["1"].cause == "timeout"


async def test_an_endpoint_that_forbids_retries_in_a_header_is_obeyed(
    model: str, server: ModelServer
) -> None:
    """LiteLLM: `x-should-retry: false` ends the retries of that call; those of its siblings go on."""
    server.on("Number 0", Reply(status=500, headers={"x-should-retry": "false"}))
    server.on("Number 1", DOWN, times=2)
    out = await flat(2, model, limits={"attempts": 3, "backoff": 0}).ainvoke(GIVEN)
    assert (len(server.asked("Number 0")), len(server.asked("Number 1"))) == (1, 3)
    assert [branch.status for branch in out["branches"].values()] == ["failed", "ok"]


async def test_the_retries_of_one_request_override_those_of_the_router(
    model: str, server: ModelServer
) -> None:
    """LiteLLM: `num_retries` of a call goes before that of the router; here worker, then graph, then run."""
    server.always(DOWN)
    worker = {"a": Ask("{question}", model=model, limits=ONCE), "b": Ask("2 {question}", model=model)}
    graph = create_scatter_gather(sources=worker, limits={"attempts": 3, "backoff": 0, "rest_after": 0})
    await graph.ainvoke({"request": "x"})
    assert (len(server.requests), len(server.asked("2 "))) == (4, 3)
    await graph.ainvoke({"request": "y"}, context={"limits": {"attempts": 2}})
    assert len(server.requests) == 8


async def test_retries_come_from_the_environment(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteLLM: settings of the proxy hold for code that says nothing."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_ATTEMPTS", "2")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0")
    server.always(DOWN)
    await fail(model, 1, limits=None)
    assert len(server.requests) == 2


async def test_each_attempt_is_logged_with_its_outcome(model: str, server: ModelServer) -> None:
    """LiteLLM: callbacks log failures and successes of each attempt; here the report lists the calls."""
    server.on("Number", Reply(status=429, headers={"retry-after": "0"}), times=1)
    server.on("Number", DOWN, times=1)
    report = (await flat(1, model, limits=QUICK).ainvoke(GIVEN))["run_report"]
    assert [(call.ok, call.throttled) for call in report.calls] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    assert (report.retries, {call.target for call in report.calls}) == (2, {"test-model"})
    assert report.throttled_share == pytest.approx(1 / 3)


async def test_the_sdks_own_retries_do_not_multiply_ours(server: ModelServer, own: ChatOpenAI) -> None:
    """LiteLLM: the router sets the retries of the client to 0, so that three attempts are three requests."""
    server.always(DOWN)
    model = governed(own.model_copy(update={"max_retries": 5}), {"attempts": 3, "backoff": 0})
    with pytest.raises(Exception, match="500"):
        await model.ainvoke("alpha")
    assert len(server.requests) == 3


# fallbacks


async def test_a_fallback_is_asked_only_after_a_failure(model: str, server: ModelServer) -> None:
    """LiteLLM: `fallbacks=[{"a": ["b"]}]` costs nothing while the first one answers."""
    server.on(to("test-model"), Reply(text="first"))
    server.on(to("other-model"), Reply(text="second"))
    graph = fallbacks(model, OTHER)
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].choice, asked(server)) == ("first", {"test-model": 1})
    assert out["run_report"].calls_saved == 1
    server.on(to("test-model"), DOWN)
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].choice, asked(server)) == ("second", {"test-model": 2, "other-model": 1})


async def test_retries_come_before_fallbacks(model: str, server: ModelServer) -> None:
    """LiteLLM: the same group is retried first; then the fallback is asked, with retries of its own."""
    server.on(to("test-model"), DOWN)
    server.on(to("other-model"), DOWN, times=1)
    out = await fallbacks(model, OTHER, limits={"attempts": 2, "backoff": 0}).ainvoke(QUESTION)
    assert out["verdict"].choice == "ok"
    assert [request.body["model"] for request in server.requests] == ["test-model"] * 2 + ["other-model"] * 2


async def test_when_all_fallbacks_fail_each_cause_is_named(model: str, server: ModelServer) -> None:
    """LiteLLM: the last exception is raised.

    Differs: nothing is raised; there is no choice, and the report has the cause of every one.
    """
    server.on(to("test-model"), DOWN)
    server.on(to("other-model"), error(400, "no such parameter"))
    out = await fallbacks(model, OTHER).ainvoke(QUESTION)
    assert (out["verdict"].status, out["verdict"].choice) == ("no_quorum", None)
    assert (out["verdict"].failed, out["run_report"].status) == (2, "failed")
    assert [out["branches"][name].cause for name in (model, OTHER)] == ["server", "request"]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (error(400, "maximum context length is 8 tokens", code="context_length_exceeded"), "context"),
        (Reply(finish="content_filter", text=""), "filter"),
        (Reply(finish="length", text="half of it"), "cut"),
        (Reply(text=""), "empty"),
    ],
    ids=["context window", "content policy", "cut off", "empty"],
)
async def test_a_fallback_knows_why_it_is_asked(
    reply: Reply, cause: str, model: str, server: ModelServer
) -> None:
    """LiteLLM: `context_window_fallbacks` and `content_policy_fallbacks` go by the kind of the error."""
    server.on(to("test-model"), reply)
    out = await fallbacks(model, OTHER).ainvoke(QUESTION)
    assert (out["verdict"].choice, out["branches"][model].cause) == ("ok", cause)
    assert out["verdict"].failed == 1


async def test_a_cooling_deployment_is_passed_over(model: str, server: ModelServer) -> None:
    """LiteLLM: a deployment in cooldown gets no request, and its fallback answers at once."""
    server.on(to("test-model"), error(401, "Incorrect API key provided"))
    await fail(model, 3)
    out = await fallbacks(model, OTHER).ainvoke(QUESTION)
    assert (out["verdict"].choice, asked(server)) == ("ok", {"test-model": 3, "other-model": 1})
    assert (out["branches"][model].status, out["branches"][model].cause) == ("failed", "key")


# cooldowns


async def test_a_cooldown_is_of_one_deployment(model: str, server: ModelServer, clock: Clock) -> None:
    """LiteLLM: another model behind the same address goes on while one rests."""
    server.on(to("test-model"), DOWN)
    await fail(model, 5)
    clock.stop()
    waiting = asyncio.ensure_future(Ask("{text}", model=model, limits=ONCE).ainvoke("alpha"))
    assert await Ask("{text}", model=OTHER).ainvoke("alpha") == "ok"
    assert (asked(server), waiting.done()) == ({"test-model": 5, "other-model": 1}, False)
    waiting.cancel()


async def test_a_cooldown_is_shared_by_all_who_ask_that_deployment(server: ModelServer, own: Any) -> None:
    """LiteLLM: cooldowns are of the router, whoever called; here of the process, runs and models alike."""
    server.always(error(401, "Incorrect API key provided"))
    for _ in range(3):
        await flat(1, own, limits=ONCE).ainvoke(GIVEN)
    with pytest.raises(errors.EndpointUnusable, match="rests"):
        await governed(own, ONCE).ainvoke("alpha")
    out = await flat(1, own).ainvoke(GIVEN)
    assert (out["branches"]["0"].status, len(server.requests)) == ("failed", 3)


async def test_the_number_of_allowed_failures_can_be_set(model: str, server: ModelServer) -> None:
    """LiteLLM: `allowed_fails` is a setting; with 2 the second failure in a row begins the cooldown."""
    server.always(error(401, "Incorrect API key provided"))
    await fail(model, 2, limits={"attempts": 1, "rest_after": 2})
    with pytest.raises(errors.EndpointUnusable, match="the last 2 calls"):
        await Ask("{text}", model=model).ainvoke("alpha")
    assert len(server.requests) == 2


async def test_cooldowns_can_be_disabled_for_the_process(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteLLM: with `disable_cooldowns` every call is sent, however many have failed before."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_REST_AFTER", "0")
    server.always(error(401, "Incorrect API key provided"))
    await fail(model, 8)
    assert len(server.requests) == 8


async def test_wrong_requests_of_one_caller_cool_nothing_down(model: str, server: ModelServer) -> None:
    """LiteLLM: a 400 or a prompt that is too long says nothing about the deployment."""
    server.on("alpha", error(400, "Invalid type for 'messages'"))
    await fail(model, 10)
    assert await Ask("{text}", model=model).ainvoke("beta") == "ok"
    assert len(server.requests) == 11


async def test_a_rate_limit_is_a_pause_and_no_cooldown(model: str, server: ModelServer, clock: Clock) -> None:
    """LiteLLM: a 429 cools a deployment down.

    Differs: it pauses it for as long as the endpoint says, after which all calls that waited are answered.
    """
    server.on(to("test-model"), Reply(status=429, headers={"retry-after": "50"}), times=1)
    clock.stop()
    running = asyncio.ensure_future(flat(6, model).ainvoke(GIVEN))
    await until(lambda: bool(server.requests) and server.in_flight == 0)
    assert await Ask("{text}", model=OTHER).ainvoke("alpha") == "ok"  # the pause is of one deployment
    clock.advance(51)
    out = await play(clock, running, lambda: server.in_flight == 0)
    assert out["run_report"].branches == {"ok": 6}
    assert [call.throttled for call in out["run_report"].calls].count(True) == 1
    assert len(server.requests) == 8


async def test_after_a_cooldown_one_request_finds_out_for_two_runs(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """LiteLLM: after its time a deployment is back in the rotation.

    Differs: one request goes first, whichever run it is of, and the others follow once it is answered.
    """
    server.on("alpha", DOWN)
    await fail(model, 5)
    gate = Gate()
    server.on("Number", Reply(text="hello", gate=gate))
    clock.stop()
    runs = [asyncio.ensure_future(flat(3, model).ainvoke(GIVEN)) for _ in range(2)]
    await until(lambda: not any(run.done() for run in runs))
    clock.advance(5)
    await until(lambda: server.in_flight == 1)
    assert len(server.requests) == 6
    gate.open()
    assert [out["run_report"].branches for out in await asyncio.gather(*runs)] == [{"ok": 3}] * 2


async def test_a_cooldown_can_be_ended_by_hand(model: str, server: ModelServer) -> None:
    """LiteLLM: an operator who has mended a key clears the cooldown cache, and calls are sent at once."""
    server.on("alpha", error(401, "Incorrect API key provided"), times=3)
    await fail(model, 3)
    limiting.reset_limits()
    assert await Ask("{text}", model=model).ainvoke("alpha") == "ok"


async def test_the_reason_of_a_cooldown_is_in_the_error_and_no_key_is(
    model: str, server: ModelServer
) -> None:
    """LiteLLM: the error of a router without deployments says which cool down; secrets are redacted."""
    server.always(error(401, "Incorrect API key provided: sk-live-abcdefghijklmnop12345"))
    await fail(model, 3)
    with pytest.raises(errors.EndpointUnusable) as raised:
        await Ask("{text}", model=model).ainvoke("alpha")
    assert "tried again in" in str(raised.value)
    assert "401" in str(raised.value)
    assert "abcdefghijklmnop" not in str(raised.value)


# limits, budgets, costs


async def test_parallel_requests_are_bounded_for_each_deployment(model: str, server: ModelServer) -> None:
    """LiteLLM: `max_parallel_requests` is of a deployment; two of them have twice as many in flight."""
    gate = Gate(opens_at=4)
    server.always(Reply(json=YES, gate=gate))
    graph = create_voting(
        voters=Roster(12, models=[model, OTHER]), stop="all_votes", wave="all", limits={"concurrency": 2}
    )
    out = await graph.ainvoke(QUESTION)
    assert (str(out["verdict"].support), server.most_in_flight) == ("12/12", 4)
    assert asked(server) == {"test-model": 6, "other-model": 6}


async def test_requests_per_minute_are_kept_before_anything_is_refused(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """LiteLLM: `rpm` holds a call back instead of letting the endpoint refuse it."""
    clock.stop()
    running = asyncio.ensure_future(flat(2, model, limits={"requests_per_minute": 1}).ainvoke(GIVEN))
    await until(lambda: len(server.requests) == 1 and server.in_flight == 0)
    clock.advance(30)
    await until(lambda: not running.done())
    assert len(server.requests) == 1
    clock.advance(31)
    out = await play(clock, running, lambda: server.in_flight == 0)
    assert (out["run_report"].branches, len(server.requests)) == ({"ok": 2}, 2)
    assert out["run_report"].throttled_share == 0


async def test_a_budget_in_dollars_stops_the_run_and_not_the_next_one(
    model: str, server: ModelServer
) -> None:
    """LiteLLM: `BudgetExceededError` ends the calls of a key.

    Differs: what was paid for is kept, what is left out is `skipped`, and the next run has its own budget.
    """
    server.always(Reply(usage=(1000, 0)))
    limits = {"budget_usd": 2, "price_input": 1000, "price_output": 0, "concurrency": 1}  # 1 dollar each
    graph = flat(4, model, limits=limits)
    for run in (1, 2):
        report = (await graph.ainvoke(GIVEN))["run_report"]
        assert report.branches == {"ok": 2, "skipped": 2}
        assert (report.usd, len(server.requests)) == (pytest.approx(2.0), 2 * run)
        assert "budget" in report.completion_reason


async def test_costs_are_summed_over_deployments_answers_of_no_use_included(
    model: str, server: ModelServer
) -> None:
    """LiteLLM: spend is tracked for each call, with prices of one's own where the list has none."""
    server.always(Reply(usage=(100, 10)))
    server.on(to("other-model"), Reply(usage=(100, 10), text=""))
    worker = {"a": Ask("{question}", model=model), "b": Ask("{question}", model=OTHER)}
    graph = create_scatter_gather(
        sources=worker, limits={"price_input": 1, "price_output": 10, "attempts": 1}
    )
    report = (await graph.ainvoke({"request": "x"}))["run_report"]
    assert (report.usage.input_tokens, report.usage.output_tokens) == (200, 20)
    assert report.usd == pytest.approx(2 * 200 / 1e6)
    assert report.branches == {"ok": 1, "failed": 1}


async def test_a_price_that_nobody_knows_is_not_zero(model: str) -> None:
    """LiteLLM: a model that is not in the cost map costs 0.

    Differs: the cost is unknown, and a budget in dollars for it is refused before any call.
    """
    assert (await flat(1, model).ainvoke(GIVEN))["run_report"].usd is None
    with pytest.raises(errors.UnknownPrice, match="price_input"):
        flat(1, model, limits={"budget_usd": 1})


async def test_deployments_are_dealt_out_in_turn(model: str, server: ModelServer) -> None:
    """LiteLLM: load balancing spreads calls over a group; a roster deals its voters out over the models."""
    server.always(Reply(json=YES))
    graph = create_voting(voters=Roster(7, models=[model, OTHER]), stop="all_votes")
    await graph.ainvoke(QUESTION)
    assert asked(server) == {"test-model": 4, "other-model": 3}


async def test_a_parameter_that_a_model_refuses_is_dropped_and_said(model: str, server: ModelServer) -> None:
    """LiteLLM: `drop_params=True` leaves out what a model does not take; later calls never send it."""
    server.on(
        lambda request: "temperature" in request.body,
        error(400, "Unsupported value: 'temperature' does not support 0.7", code="unsupported_value"),
    )
    server.on(lambda request: "temperature" not in request.body, Reply(json=YES))
    graph = create_voting(model=model, voters=Roster(3, temperatures=[0.7]), wave=1, stop="all_votes")
    out = await graph.ainvoke(QUESTION)
    assert str(out["verdict"].support) == "3/3"
    assert sum("temperature" in request.body for request in server.requests) == 1
    assert any("temperature" in remark for remark in out["run_report"].remarks)


def test_a_model_without_a_provider_is_said_before_any_call() -> None:
    """LiteLLM: "LLM Provider NOT provided" is raised by the call; here when the graph is made."""
    with pytest.raises(errors.ModelError, match="'some-model' is not a model; expected provider:model"):
        create_voting(model="some-model")
