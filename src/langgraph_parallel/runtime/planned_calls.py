"""What a run is expected to cost: its calls, as an estimate plans them, under all that makes them cheaper.

An estimate adds up calls one by one; what they share is seen only of all of them together. So each `Ask` that
is estimated notes its call, and at the end they are priced as a run would send them: prefixes are led, voters
who are asked the same share a request, a batch has its price, and votes end early.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from math import fsum
from typing import NamedTuple

from langgraph_parallel.records import Estimate, Savings, Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime.prefix_cost import Begins, Billed, CacheRates, expected_bill
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.tariff import TokenPrices as Rates


class PlannedCall(NamedTuple):
    """A call that a run makes, if it is answered at once."""

    priced: Priced
    prompt: Begins
    """Tokens of the prompt, and what it has in common with others."""
    answer_tokens: int
    alike: Hashable = None
    """What is equal among calls that may share a request; None if no other may."""
    cache: CacheRates | None = None
    """How its endpoint bills prefixes; None if it is not known to keep any."""
    is_led: bool = True
    """Whether prefixes are led."""
    is_written: bool = False
    """Whether its endpoint writes every prompt to its cache, also where none is led."""
    is_sampled: bool = True
    """Whether voters who are asked the same share a request."""
    lane: Lane = "live"
    may_batch: bool = False
    """Whether its endpoint may have batches."""
    is_asked: bool = True
    """Whether it is made although its vote may end early."""


class Levers(NamedTuple):
    """What makes calls cheaper: True, False, or None for what the limits of each call say.

    Without caching, no endpoint has a cache at all; where it has one and nothing is led, prompts are written.
    """

    caching: bool | None = None
    batch: bool | None = None
    samples: bool | None = None
    stopping: bool | None = None


_planned: ContextVar[list[PlannedCall] | None] = ContextVar("planned_calls", default=None)
_is_asked: ContextVar[bool] = ContextVar("is_asked", default=True)


@contextmanager
def planning_calls() -> Iterator[list[PlannedCall]]:
    """Collect the calls that are estimated inside."""
    calls: list[PlannedCall] = []
    token = _planned.set(calls)
    try:
        yield calls
    finally:
        _planned.reset(token)


@contextmanager
def expected_to_be_asked(*, asked: bool) -> Iterator[None]:
    """Say of the calls inside whether they are made although a vote may end early."""
    token = _is_asked.set(asked and _is_asked.get())
    try:
        yield
    finally:
        _is_asked.reset(token)


def plan_call(call: PlannedCall) -> None:
    """Note a call, if anybody collects them."""
    if (calls := _planned.get()) is not None:
        calls.append(call._replace(is_asked=_is_asked.get()))


def with_expected(bounds: Estimate, calls: Sequence[PlannedCall]) -> Estimate:
    """Return an estimate with what the run is expected to cost, and by how much each lever makes it cheaper.

    The levers are taken away one after another, so that the expected cost and all savings add up to what the
    calls would cost alone.

    Args:
        bounds: the greatest cost.
        calls: of the run.
    """
    cheap = price_calls(calls, Levers())
    expected = sum(call.is_asked for call in calls)
    if cheap is None:
        return bounds.model_copy(update={"expected_calls": expected, "expected_usd": None})
    taken = [
        Levers(caching=False),
        Levers(caching=False, batch=False),
        Levers(caching=False, batch=False, samples=False),
        Levers(caching=False, batch=False, samples=False, stopping=False),
    ]
    costs = [cheap, *(price_calls(calls, levers) or 0.0 for levers in taken)]
    saved = [dearer - cheaper for cheaper, dearer in pairwise(costs)]
    # No more than the greatest cost, whatever the assumptions are.
    usd = cheap if bounds.usd is None else min(cheap, bounds.usd)
    return bounds.model_copy(
        update={
            "expected_calls": expected,
            "expected_usd": usd,
            "savings": Savings(**dict(zip(("caching", "batch", "samples", "stopping"), saved, strict=True))),
            "could_save": _could_save(calls, cheap),
        }
    )


def price_calls(calls: Sequence[PlannedCall], levers: Levers) -> float | None:
    """Return what calls cost in US dollars; None if the price of one is unknown."""
    groups: dict[tuple[Rates, CacheRates | None, bool, bool], list[PlannedCall]] = defaultdict(list)
    for call in calls:
        if not (call.is_asked or levers.stopping is False):
            continue
        lane: Lane = "batch" if call.may_batch and _on(levers.batch, call.lane == "batch") else "live"
        rates = call.priced.prices(call.prompt.tokens, lane)
        if rates is None:
            return None
        # A batch has no leaders: what it finds in a cache is luck.
        has_cache = levers.caching is not False and lane == "live"
        is_led = has_cache and _on(levers.caching, call.is_led)
        is_sampled = call.alike is not None and _on(levers.samples, call.is_sampled)
        cache = call.cache if is_led or (has_cache and call.is_written) else None
        groups[rates, cache, is_led, is_sampled].append(call)
    return fsum(_price(group, *key) for key, group in groups.items())


def _price(
    calls: Sequence[PlannedCall], rates: Rates, cache: CacheRates | None, is_led: bool, is_sampled: bool
) -> float:
    seen: set[Hashable] = set()
    prompts: list[Begins] = []
    for call in calls:
        if not is_sampled or call.alike not in seen:
            prompts.append(call.prompt)
            seen.add(call.alike)
    usage = Usage(
        input_tokens=sum(prompt.tokens for prompt in prompts),
        output_tokens=sum(call.answer_tokens for call in calls),
    )
    if cache is not None:
        led = expected_bill(prompts, cache) if is_led else Billed()
        written = led.written if is_led else sum(cache.blocks(prompt.tokens) for prompt in prompts)
        cached = {"cache_read_tokens": led.read, "cache_write_tokens": written if cache.write != 1 else 0}
        usage = usage.model_copy(update=cached)
    return float(rates.usd(usage) + rates.request * len(prompts))


def _could_save(calls: Sequence[PlannedCall], cheap: float) -> Savings:
    """Return by how much each lever that is switched off would make the calls cheaper."""
    tried = {
        "caching": Levers(caching=True),
        "batch": Levers(batch=True),
        "samples": Levers(samples=True),
    }
    less = {name: cheap - (price_calls(calls, levers) or cheap) for name, levers in tried.items()}
    return Savings(**{name: usd for name, usd in less.items() if usd > 0})


def _on(lever: bool | None, is_set: bool) -> bool:
    return is_set if lever is None else lever
