"""What a run is expected to cost: what its calls share, and which lever saves most."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI

from langgraph_parallel import (
    Ask,
    Limits,
    aestimate,
    create_best_of,
    create_debate,
    create_labeling,
    create_review,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.records import Estimate, Savings
from langgraph_parallel.report.estimate import estimate_lines
from langgraph_parallel.runtime.planned_calls import Levers, PlannedCall, price_calls, with_expected
from langgraph_parallel.runtime.prefix_cost import Begins, CacheRates
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.tariff import Own
from tests.support.fans import numbered
from tests.support.server import ModelServer, Reply

MODEL = "openai:gpt-5-mini"
LONG = "The quick brown fox jumps over the lazy dog. " * 1000
KNOWN = Priced(None, "of the user", Own(10, 20, 1, 12.5))
RATES = CacheRates(0.1, 1.25)
LARGE = Estimate(usd=1e9)

calls = st.builds(
    PlannedCall,
    priced=st.just(KNOWN),
    prompt=st.builds(
        lambda tokens, share, name: Begins(tokens, [(name, int(tokens * share))]),
        st.integers(1, 20_000),
        st.floats(0, 1),
        st.sampled_from("ab"),
    ),
    answer_tokens=st.integers(0, 4000),
    alike=st.sampled_from([None, 1, 2]),
    cache=st.sampled_from([None, RATES, CacheRates()]),
    is_led=st.booleans(),
    is_written=st.booleans(),
    is_sampled=st.booleans(),
    most_samples=st.integers(2, 9),
    apart=st.just(()),
    lane=st.sampled_from(["live", "batch"]),
    may_batch=st.booleans(),
    is_asked=st.booleans(),
)


def alone(call: PlannedCall) -> float:
    """Return what a call costs by itself."""
    usd = KNOWN.usd_of(call.prompt.tokens, call.answer_tokens)
    assert usd is not None
    return usd


@given(st.lists(calls, max_size=12))
def test_the_expected_cost_and_all_savings_are_the_cost_alone(planned: list[PlannedCall]) -> None:
    """Whatever the levers are: nothing is counted twice, and nothing is lost."""
    estimate = with_expected(LARGE, planned)
    assert estimate.expected_usd is not None
    assert estimate.expected_usd + estimate.savings.total == pytest.approx(sum(map(alone, planned)))
    assert estimate.expected_calls == sum(call.is_asked for call in planned)


@given(st.lists(calls, max_size=12))
def test_what_a_lever_would_save_is_the_difference_that_it_makes(planned: list[PlannedCall]) -> None:
    """It is that of the same calls with the lever on, and never negative."""
    estimate = with_expected(LARGE, planned)
    assert estimate.expected_usd is not None
    for name in ("caching", "batch", "samples"):
        could = getattr(estimate.could_save, name)
        used = price_calls(planned, Levers(**{name: True}))
        assert used is not None
        assert could == pytest.approx(max(0.0, estimate.expected_usd - used), abs=1e-12)


@given(st.lists(calls, max_size=12))
def test_it_is_no_more_than_the_greatest_cost(planned: list[PlannedCall]) -> None:
    """Nor than what every call costs if its prompt is written to a cache."""
    greatest = sum(KNOWN.most_usd(call.prompt.tokens, call.answer_tokens) or 0.0 for call in planned)
    estimate = with_expected(Estimate(usd=greatest), planned)
    assert estimate.expected_usd is not None
    assert 0 <= estimate.expected_usd <= greatest


def test_a_price_that_is_not_known_is_not_expected_either() -> None:
    """None, and no savings."""
    unknown = PlannedCall(Priced(None, "no such model"), Begins(100), 100)
    estimate = with_expected(Estimate(usd=None), [unknown])
    assert (estimate.expected_usd, estimate.savings) == (None, Savings())
    assert estimate.expected_calls == 1


HEARD: dict[str, Any] = {"wave": "all", "stop": "all_votes"}
"""All voters are asked at once, and heard."""


def vote(**options: Any) -> Any:
    """Build a vote of nine."""
    return create_voting(model=MODEL, voters=9, choices=["yes", "no"], **options)


async def test_nine_voters_are_expected_to_cost_little_more_than_one() -> None:
    """They share one request; without samples they share the prefix, which their leader pays."""
    one = await aestimate(create_voting(model=MODEL, voters=1, choices=["yes", "no"]), {"question": LONG})
    nine = await aestimate(vote(**HEARD), {"question": LONG})
    led = await aestimate(vote(**HEARD, limits={"samples": "off"}), {"question": LONG})
    assert one.expected_usd is not None
    assert nine.expected_usd is not None
    assert led.expected_usd is not None
    answers = 8 * (one.expected_usd - (Priced(None, "gpt-5-mini").usd_of(one.input_tokens // 3, 0) or 0))
    assert nine.expected_usd < 2 * one.expected_usd + answers
    assert led.expected_usd < 3 * one.expected_usd + answers
    assert led.savings.caching > 0
    assert nine.savings.samples > 0
    assert nine.calls == nine.expected_calls == 9


async def test_votes_whose_voters_agree_end_early() -> None:
    """Expected are the fewest ballots that decide; in a wave of all, and where all are heard, all of them."""
    for options, expected in (
        ({}, 5),
        ({"wave": 3}, 6),
        ({"wave": "all"}, 9),
        ({"stop": "all_votes"}, 9),
        ({"shadow": True}, 9),
    ):
        estimate = await aestimate(vote(**options), {"question": "Is it?"})
        assert (estimate.calls, estimate.expected_calls) == (9, expected)
        assert (estimate.savings.stopping > 0) is (expected < 9)
    chosen = {"stop": "all_votes", "wave": "all"}
    assert (await aestimate(vote(), {"question": "Is it?"}, context=chosen)).expected_calls == 9


async def test_levers_that_are_off_say_what_they_would_save() -> None:
    """Each in US dollars, and the one that saves most is named, used or not."""
    given = {"question": LONG}
    usual = await aestimate(vote(**HEARD), given)
    assert usual.best_lever == "samples"
    prices = {"price_input": 1, "price_output": 0, "price_cache_read": 0.1}
    off = await aestimate(vote(**HEARD, limits={**prices, "samples": "off", "leader": "off"}), given)
    assert off.savings.total == 0
    assert off.could_save.caching > 0
    assert off.could_save.samples > off.could_save.batch
    assert off.best_lever == "samples"
    batch = await aestimate(vote(**HEARD, limits={"lane": "batch"}), given)
    assert batch.savings.batch > 0
    assert batch.could_save == Savings()
    assert batch.usd == usual.usd


async def test_prompts_that_are_written_and_led_by_nobody_cost_more() -> None:
    """Where writing has a price of its own, a burst of siblings pays it for each: a leader saves that."""
    prices = {"price_input": 10, "price_output": 20, "price_cache_read": 1, "price_cache_write": 12.5}
    off = await aestimate(
        vote(**HEARD, limits={**prices, "samples": "off", "leader": "off"}), {"question": LONG}
    )
    assert off.savings.caching < 0
    assert off.expected_usd is not None
    assert off.could_save.caching > -off.savings.caching
    assert off.best_lever == "samples"


async def test_deciders_who_may_not_be_needed_are_not_expected() -> None:
    """A fallback is in the greatest cost alone."""
    estimate = await aestimate(
        vote(on_undecided=Ask("Decide! {question} {answers}", model=MODEL)), {"question": "Is it?"}
    )
    assert (estimate.calls, estimate.expected_calls) == (10, 5)


GRAPHS: dict[str, tuple[Any, dict[str, Any]]] = {
    "vote": (vote(), {"question": LONG}),
    "labeling": (
        create_labeling(model=MODEL, labels=["a", "b"], guidelines=LONG[:9000]),
        {"items": {str(n): f"item {n}" for n in range(5)}},
    ),
    "review": (
        create_review(model=MODEL, aspects=["security", "style"], voters=3, engines=False),
        {"files": {"a.py": "x = 1\n" * 400}},
    ),
    "best of": (create_best_of(model=MODEL), {"task": LONG[:5000]}),
    "debate": (create_debate(model=MODEL), {"question": LONG[:5000]}),
    "sections": (
        create_sectioning(planner=numbered(4), worker=Ask("{content}", model=MODEL)),
        {"content": "go"},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
async def test_every_graph_is_expected_to_cost_less_than_at_most(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two are of the same calls, and nothing makes them dearer."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    graph, given = GRAPHS[name]
    estimate = await aestimate(graph, given)
    assert estimate.usd is not None
    assert estimate.expected_usd is not None
    assert 0 < estimate.expected_usd <= estimate.usd
    assert 0 < estimate.expected_calls <= estimate.calls
    assert estimate.savings.total >= 0


@pytest.mark.parametrize("name", ["vote", "labeling", "review", "sections"])
async def test_it_is_near_the_bill(name: str, server: ModelServer, own: ChatOpenAI) -> None:
    """A server that counts words and signs, without a cache, bills what was expected.

    Within a fifth, where the length of its answers is known.
    """
    server.always(Reply(json={"choice": "a", "answer": "yes", "reason": "r", "findings": []}, usage=(0, 50)))
    prices = Limits(price_input=10, price_output=20, samples="off", leader="off", answer_tokens=50)
    options: dict[str, Any] = {"limits": prices}
    graph, given = {
        "vote": (
            create_voting(model=own, choices=["a", "b"], stop="all_votes", **options),
            {"question": LONG},
        ),
        "labeling": (
            create_labeling(model=own, labels=["a", "b"], guidelines=LONG[:9000], voters=1, **options),
            GRAPHS["labeling"][1],
        ),
        "review": (
            create_review(model=own, aspects=["security", "style"], voters=1, engines=False, **options),
            GRAPHS["review"][1],
        ),
        "sections": (
            create_sectioning(planner=numbered(4), worker=Ask("{content}", model=own), **options),
            {"content": "go"},
        ),
    }[name]
    estimate = await aestimate(graph, given)
    await graph.ainvoke(given)
    read = sum(len(re.findall(r"\w{1,6}|[^\w\s]", r.prompt)) for r in server.requests)
    bill = (read * 10 + 50 * len(server.requests) * 20) / 1e6
    assert len(server.requests) == estimate.expected_calls
    assert estimate.expected_usd == pytest.approx(bill, rel=0.2)


async def test_the_text_names_both_costs_and_the_best_lever() -> None:
    """What is used, what is not, and which saves most."""
    lines = estimate_lines(await aestimate(vote(**HEARD, limits={"lane": "live"}), {"question": LONG}))
    assert lines[0].startswith("9 calls to models, 72 requests if all are repeated; ")
    assert "Expected: 9 calls, about $" in lines[1]
    assert "alone: saved by samples of one request $" in lines[1]
    assert lines[2].startswith("Batches (--batch, or lane='batch' in the limits) would save $")
    assert lines[3] == "Most is saved by samples of one request."
    alone = await aestimate(vote(wave="all", limits={"leader": "off"}), {"question": LONG})
    alone_lines = estimate_lines(alone)
    assert alone_lines[1].startswith("Expected: 9 calls, about $")
    assert [line.partition(" (")[0] for line in alone_lines[2:4]] == [
        "A prefix that calls share, and that one of them leads",
        "Batches",
    ]
    assert "(--batch, or lane='batch' in the limits) would save $" in alone_lines[3]
    unknown = Estimate(calls=1, expected_calls=1, usd=None, expected_usd=None, notes=["a note"])
    first, note = estimate_lines(unknown)
    assert first.endswith("0 tokens in and 0 out at most, at an unknown price.")
    assert note == "a note"


def test_estimates_add_up() -> None:
    """All fields, and an unknown cost makes the sum unknown."""
    one = Estimate(calls=1, usd=1, expected_calls=1, expected_usd=0.5, savings=Savings(batch=0.5))
    assert (one + one).expected_usd == 1
    assert (one + one).savings == Savings(batch=1.0)
    assert (one + Estimate(expected_usd=None)).expected_usd is None
    assert one + Estimate() == one
