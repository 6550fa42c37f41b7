"""What caches, samples, batches, kept answers and stops save: reports add up to what calls cost alone."""

import asyncio
from math import fsum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Ask, Limits, aredrive, create_sectioning, create_voting, split
from langgraph_parallel.records import Branch, Call, RunReport, Savings, Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.report.run import run_lines, run_markdown
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.run_report import measure_run
from langgraph_parallel.runtime.savings import alone_usd, saved_by, split_usage
from langgraph_parallel.runtime.tokens import estimate_tokens
from langgraph_parallel.testing import ModelServer, Reply
from tests.support.clock import Clock, until
from tests.support.costs import calls, usages
from tests.support.fans import GIVEN, YES, flat, numbered

PRICED = "openai:gpt-5-mini"
few = settings(max_examples=60, deadline=None)
HAIKU = Priced("anthropic", "claude-haiku-4-5")
"""1 dollar for a million tokens in, 5 out, 0.1 read, 1.25 written."""
CACHED = {
    "prompt_tokens": 2000,
    "completion_tokens": 10,
    "total_tokens": 2010,
    "prompt_tokens_details": {"cached_tokens": 1536},
}
SAVED = 1536 * (0.25 - 0.025) / 1e6
"""By `CACHED`, at the price of gpt-5-mini."""
ALONE = (2000 * 0.25 + 10 * 2) / 1e6


def made(name: str, usage: Usage, **fields: Any) -> Call:
    """Return a call of Haiku."""
    usd = HAIKU.usd(usage)
    saved = saved_by(HAIKU, usage, usd)
    return Call(
        **{
            "id": name,
            "kind": "model",
            "target": "claude-haiku-4-5",
            "started": 0.0,
            "ended": 1.0,
            "usage": usage,
            "usd": usd,
            "saved": saved,
            **fields,
        }
    )


def parts(priced: Priced, usage: Usage, lane: Lane = "live", unbilled: int = 0) -> dict[str, float]:
    """Return what a call has saved, by cause."""
    saved = saved_by(priced, usage, priced.usd(usage, lane, unbilled), lane, unbilled)
    assert saved is not None
    return {name: usd for name, usd in saved.model_dump().items() if usd}


def flat_text(model: str, limits: Limits) -> Any:
    """Return a graph of one section with all of its text."""
    return create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=model), limits=limits)


def branch(name: str, *made_calls: Call, **fields: Any) -> Branch:
    """Return a branch that was ok."""
    return Branch.model_validate(
        {"id": name, "name": name, "order": 0, "status": "ok", "calls": made_calls, **fields}
    )


def report_of(*made_calls: Call, saved: int = 0) -> RunReport:
    """Return the report of a run of these calls."""
    return measure_run([branch("a", *made_calls)], started=0, ended=1, saved=saved)


@few
@given(usages(), st.integers(1, 20))
def test_a_usage_is_divided_without_a_rest(usage: Usage, answers: int) -> None:
    """The first answer has the prompt; no answer has more thinking than tokens, or one more than another."""
    shares = split_usage(usage, answers)
    assert len(shares) == answers
    assert Usage.total(shares) == usage
    assert all(share.input_tokens == share.cache_read_tokens == 0 for share in shares[1:])
    assert all(share.reasoning_tokens <= share.output_tokens for share in shares)
    answered = [share.output_tokens for share in shares]
    assert max(answered) - min(answered) <= 1


@few
@given(st.lists(calls(), max_size=8), st.integers(0, 5))
def test_the_price_and_all_savings_are_the_price_alone(drawn: list[tuple[Call, float]], saved: int) -> None:
    """Each call at the full price, and each that was not made at the mean of those that were answered."""
    made_calls = [call for call, _ in drawn]
    report = report_of(*made_calls, saved=saved)
    answered = [alone for call, alone in drawn if call.ok]
    mean = fsum(answered) / len(answered) if answered else 0.0
    assert report.usd_alone == pytest.approx(fsum(alone for _, alone in drawn) + saved * mean)
    assert report.usd is not None
    assert report.usd_alone == pytest.approx(report.usd + report.savings.total)
    assert report.usd == pytest.approx(fsum(call.usd or 0.0 for call in made_calls))
    of_calls = fsum(call.saved.total for call in made_calls if call.saved is not None)
    assert report.savings.total - report.savings.stopping == pytest.approx(of_calls)


@few
@given(st.lists(calls(), max_size=6), st.lists(calls(), max_size=6))
def test_reports_of_two_halves_add_up(
    left: list[tuple[Call, float]], right: list[tuple[Call, float]]
) -> None:
    """As calls of nested graphs do, and those of an earlier run; a call that both have is one."""
    first, second = [call for call, _ in left], [call for call, _ in right]
    whole = measure_run([branch("a", *first), branch("b", *second, *first)], started=0, ended=1)
    halves = [report_of(*first), report_of(*second)]
    assert whole.usage == halves[0].usage + halves[1].usage
    summed = halves[0].savings + halves[1].savings
    for name in Savings.model_fields:
        assert getattr(whole.savings, name) == pytest.approx(getattr(summed, name))
    assert whole.usd_alone == pytest.approx(sum(half.usd_alone or 0 for half in halves))


def test_each_lever_has_saved_what_it_has() -> None:
    """By the price list: a read, a write that nobody reads, a batch, and the second of two samples."""
    reading = Usage(input_tokens=1_000_000, cache_read_tokens=900_000, output_tokens=1000)
    assert parts(HAIKU, reading) == {"caching": pytest.approx(0.81)}
    writing = Usage(input_tokens=1_000_000, cache_write_tokens=1_000_000)
    assert parts(HAIKU, writing) == {"caching": pytest.approx(-0.25)}
    plain = Usage(input_tokens=1_000_000, output_tokens=1000)
    assert parts(HAIKU, plain, "batch") == {"batch": pytest.approx((1 + 0.005) / 2)}
    both = {"caching": pytest.approx(0.405), "batch": pytest.approx(0.5025)}
    assert parts(HAIKU, reading, "batch") == both
    second = split_usage(plain, 2)[1]
    assert parts(HAIKU, second, "live", 1_000_000) == {"samples": pytest.approx(1.0)}
    assert saved_by(HAIKU, plain, HAIKU.usd(plain)) is None
    assert saved_by(Priced("openai", "unheard-of"), reading, None) is None


def test_a_sample_of_a_long_prompt_is_priced_by_the_tier_of_the_prompt() -> None:
    """Its own share of the tokens is small, but the provider bills one request."""
    sonnet = Priced("anthropic", "claude-sonnet-4-5")
    whole = Usage(input_tokens=300_000, output_tokens=1000)
    first, second = split_usage(whole, 2)
    prices = [sonnet.usd(first), sonnet.usd(second, "live", 300_000)]
    assert fsum(price or 0 for price in prices) == pytest.approx(sonnet.usd(whole))


def test_a_price_that_is_not_known_leaves_the_price_alone_unknown() -> None:
    """None, and not what the other calls would have cost."""
    unknown = made("u", Usage(input_tokens=5), usd=None, saved=None)
    known = made("k", Usage(input_tokens=2000, cache_read_tokens=1000))
    report = report_of(unknown, known, saved=3)
    assert (report.usd, report.usd_alone) == (None, None)
    assert report.savings.caching == pytest.approx(0.0009) == report.savings.total
    assert report.cached_share == pytest.approx(1000 / 2005)


def test_a_report_without_savings_says_what_it_always_said() -> None:
    """No line about caches, prices or shares."""
    lines = run_lines(report_of(made("a", Usage(input_tokens=2000, output_tokens=10))))
    assert lines[-1] == "2,000 tokens in, 10 out."
    assert "cache" not in " ".join(lines)


def test_a_report_says_what_was_saved_and_by_what() -> None:
    """In text and in Markdown."""
    reading = Usage(input_tokens=2000, cache_read_tokens=1500, output_tokens=10)
    report = report_of(made("a", reading), made("b", reading), saved=2)
    expected = [
        "4,000 tokens in (75% from the provider's cache), 20 out.",
        "$0.00140 instead of $0.00820 alone: saved by the provider's cache $0.00270, "
        "stopping early $0.00410.",
    ]
    assert run_lines(report)[-2:] == expected
    assert "75% from the provider's cache" in run_markdown(report)


def test_a_cache_that_cost_more_than_it_gave_is_said_to() -> None:
    """Writing may have a surcharge that no reading has earned."""
    report = report_of(made("a", Usage(input_tokens=2000, cache_write_tokens=2000)))
    assert (
        run_lines(report)[-1] == "$0.00250 instead of $0.00200 alone: more for the provider's cache $0.00050."
    )


async def test_calls_of_nested_graphs_are_in_the_outer_report_once(model: str, server: ModelServer) -> None:
    """With what they saved: four sections, each with a vote of three, whose stop saved the third."""
    server.always(Reply(json=YES, usage=CACHED))
    vote = create_voting(model=PRICED, prompt="{question}", choices=["yes", "no"], voters=3, wave=2, name="v")
    graph = create_sectioning(planner=numbered(4), worker=vote)
    report = (await graph.ainvoke(GIVEN))["run_report"]
    assert len(report.calls) == len({call.id for call in report.calls}) == 8
    assert report.calls_saved == 4
    assert report.usd == pytest.approx(8 * (ALONE - SAVED))
    assert report.savings.caching == pytest.approx(8 * SAVED)
    assert report.savings.stopping == pytest.approx(4 * ALONE)
    assert report.usd_alone == pytest.approx(12 * ALONE) == report.usd + report.savings.total
    assert report.cached_share == pytest.approx(1536 / 2000)


async def test_a_redrive_counts_what_was_saved_once(model: str, server: ModelServer) -> None:
    """The calls of the first run are in the report of the second, as they were priced then."""
    server.always(Reply(text="ok", usage=CACHED))
    server.on("Number 2", Reply(status=401), times=1)
    graph = flat(4, PRICED, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    first = (await graph.ainvoke(GIVEN, config))["run_report"]
    again = (await aredrive(graph, config))["run_report"]
    assert len(again.calls) == len(first.calls) + 1
    assert again.savings.caching == pytest.approx(first.savings.caching + SAVED)
    assert again.usd_alone == pytest.approx(4 * ALONE)
    stored = RunReport.model_validate_json(again.model_dump_json())
    assert (stored.savings, stored.usd_alone) == (again.savings, again.usd_alone)


async def test_a_vote_that_a_fallback_decides_keeps_what_its_stop_saved(
    model: str, server: ModelServer
) -> None:
    """The report is made again after the close, with the calls of the step after it."""
    server.always(Reply(text="yes", usage=CACHED))
    server.on("Ben:", Reply(text="no", usage=CACHED))
    graph = create_voting(
        voters={name: Ask(f"{name}: {{question}}", model=PRICED) for name in ("Ann", "Ben", "Cas")},
        choices=["yes", "no"],
        rule="unanimous",
        wave=2,
        on_undecided=Ask("{question}", model=PRICED),
    )
    out = await graph.ainvoke({"question": "x?"})
    report = out["run_report"]
    assert (out["verdict"].decided_by, report.calls_saved, len(report.calls)) == ("fallback", 1, 3)
    assert report.savings.stopping == pytest.approx(ALONE)
    assert report.usd_alone == pytest.approx(4 * ALONE) == report.usd + report.savings.total


async def test_the_loser_of_a_hedge_costs_what_the_winner_did(
    model: str, server: ModelServer, clock: Clock
) -> None:
    """It was asked the same, and the winner told what a cache had of it."""
    hang = Reply(hang=True)
    server.always(Reply(text="ok", usage=CACHED))
    server.on("Number 0", hang, times=1)
    limits = Limits(hedge=100.0, hedge_share=1.0)
    running = asyncio.ensure_future(flat(1, PRICED, limits=limits).ainvoke(GIVEN))
    await until(lambda: server.hanging == 1)
    clock.advance(100)
    report = (await running)["run_report"]
    assert sorted(call.ok for call in report.calls) == [False, True]
    assert report.usd == pytest.approx(2 * (ALONE - SAVED))
    assert report.wasted.cache_read_tokens == 1536
    assert report.wasted_usd == pytest.approx(ALONE - SAVED)


async def test_a_budget_settles_at_the_price_that_was_paid(model: str, server: ModelServer) -> None:
    """Cached tokens leave room for more calls than the full price would."""
    server.always(Reply(text="ok", usage=CACHED))
    limits = Limits(budget_usd=4 * ALONE, concurrency=1, answer_tokens=10)
    report = (await flat(30, PRICED, limits=limits).ainvoke(GIVEN))["run_report"]
    paid = ALONE - SAVED
    assert report.branches["ok"] > 4
    assert report.branches["ok"] == pytest.approx(4 * ALONE / paid, abs=1)
    assert report.usd <= 4 * ALONE + paid  # the last one was longer than its estimate


async def test_a_budget_reserves_what_writing_to_a_cache_costs(model: str, server: ModelServer) -> None:
    """A call that might be written at a surcharge does not start where only reading would fit."""
    server.always(Reply(text="ok", usage=(100, 1)))
    text = {"content": "word " * 400}
    prices = {"price_input": 1000.0, "price_output": 0.0, "answer_tokens": 1}
    assert (await flat_text(model, Limits(**prices)).ainvoke(text))["run_report"].usd == pytest.approx(0.1)
    prompt = estimate_tokens(server.requests[0].prompt)
    prices["budget_usd"] = 1.1 * prompt * 1000 / 1e6
    out = await flat_text(model, Limits(**prices)).ainvoke(text)
    assert out["run_report"].branches == {"ok": 1}
    out = await flat_text(model, Limits(**prices, price_cache_write=1250.0)).ainvoke(text)
    assert out["run_report"].branches == {"skipped": 1}


async def test_events_tell_what_a_cache_had_and_what_was_saved(model: str, server: ModelServer) -> None:
    """Of each call, and of the run at its end."""
    server.always(Reply(text="ok", usage=CACHED | {"completion_tokens_details": {"reasoning_tokens": 4}}))
    told = [event async for event in flat(2, PRICED).astream(GIVEN, stream_mode="custom")]
    called = [event for event in told if event["event"] == "called"]
    assert len(called) == 2
    for event in called:
        assert (event["cache_read_tokens"], event["cache_write_tokens"]) == (1536, 0)
        assert event["reasoning_tokens"] == 4
        assert event["saved_usd"] == pytest.approx(SAVED)
    (ended,) = [event for event in told if event["event"] == "run_ended"]
    assert ended["cache_read_tokens"] == 2 * 1536
    assert ended["usd_alone"] == pytest.approx(2 * ALONE)


async def test_a_call_is_recorded_with_its_lane_and_its_samples(model: str, server: ModelServer) -> None:
    """What sends requests in batches, or several answers in one, sets them before the call is settled."""
    calling = Calling.of(ChatOpenAI(model="gpt-5-mini", base_url=server.url), None, None, None)
    with recording() as recorded:
        for index, share in enumerate(split_usage(Usage(input_tokens=1000, output_tokens=10), 2)):
            call = calling.new_call(1000)
            call.lane, call.samples, call.unbilled_tokens = "batch", 2, 1000 * bool(index)
            await call.open()
            call.close(share, ok=True)
    first, second = recorded.values()
    assert [(call.lane, call.samples) for call in (first, second)] == [("batch", 2)] * 2
    half = (1000 * 0.25 + 5 * 2) / 2 / 1e6
    assert first.usd == pytest.approx(half)
    assert first.saved is not None
    assert first.saved.batch == pytest.approx(half)
    assert second.usd == pytest.approx(5 * 2 / 2 / 1e6)
    assert second.saved is not None
    assert second.saved.samples == pytest.approx(1000 * 0.25 / 1e6)
    assert fsum(alone_usd(call) or 0 for call in (first, second)) == pytest.approx(2 * 2 * half)
