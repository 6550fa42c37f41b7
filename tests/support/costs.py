"""Usages and calls with caches, samples and batches, for laws on what they cost."""

from typing import Any

from hypothesis import strategies as st

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.savings import saved_by, saved_by_keeping

PRICED = {
    "haiku": Priced("anthropic", "claude-haiku-4-5"),
    "sonnet": Priced("anthropic", "claude-sonnet-4-5"),
    "mini": Priced("openai", "gpt-5-mini"),
    "4o": Priced("openai", "gpt-4o"),
}
"""Models with surcharges for writing, with tiers, with free writes, and without a discount in batches."""


@st.composite
def usages(draw: st.DrawFn, *, most: int = 300_000, hours: bool = True) -> Usage:
    """Draw the usage of a call.

    Args:
        draw: of Hypothesis.
        most: tokens of its prompt.
        hours: whether tokens may be kept for an hour.
    """
    asked, answered = draw(st.integers(0, most)), draw(st.integers(0, 5000))
    read = draw(st.integers(0, asked))
    written = draw(st.integers(0, asked - read))
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_hour_tokens=draw(st.integers(0, written)) if hours else 0,
        reasoning_tokens=draw(st.integers(0, answered)),
    )


@st.composite
def calls(draw: st.DrawFn) -> tuple[Call, float]:
    """Draw a call with what it saved, and what it would have cost alone, as the price list says it."""
    name = draw(st.sampled_from(sorted(PRICED)))
    priced, usage = PRICED[name], draw(usages())
    kind = draw(st.sampled_from(["plain", "batch", "sample", "kept"]))
    fields: dict[str, Any] = {"ok": draw(st.booleans()), "id": draw(st.uuids().map(str)), "target": name}
    unbilled = draw(st.integers(1, 300_000)) if kind == "sample" else 0
    if unbilled:
        usage = Usage(output_tokens=usage.output_tokens)
    lane: Lane = "batch" if kind == "batch" else "live"
    whole = Usage(input_tokens=usage.input_tokens + unbilled, output_tokens=usage.output_tokens)
    alone = priced.usd(whole)
    assert alone is not None
    usd = priced.usd(usage, lane, unbilled)
    saved = saved_by(priced, usage, usd, lane, unbilled)
    if kind == "kept":
        usage, usd, saved = Usage(), 0.0, saved_by_keeping(alone)
    fields |= {"usage": usage, "usd": usd, "saved": saved, "lane": lane, "kept": kind == "kept"}
    times = {"started": draw(st.floats(0, 9)), "ended": 9.0}
    return Call.model_validate({"kind": "model", **fields, **times}), alone
