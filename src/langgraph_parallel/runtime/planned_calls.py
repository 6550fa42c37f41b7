"""What a run is expected to cost: its calls, as an estimate plans them, under all that makes them cheaper.

An estimate adds up calls one by one; what they share is seen only of all of them together. So each `Ask` that
is estimated notes its call, and at the end they are priced as a run would send them: prefixes are led, voters
who are asked the same share a request, a batch has its price, and votes end early.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from math import fsum
from typing import NamedTuple

from langgraph_parallel.records import Estimate, Savings, Usage
from langgraph_parallel.records.call import Lane
from langgraph_parallel.runtime.dollars import dollars
from langgraph_parallel.runtime.prefix_cost import Begins, Billed, CacheRates, expected_bill
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.tariff import TokenPrices as Rates

LONG = 1024
"""Least tokens of what a provider's cache keeps, where nothing more is known of it."""


class Apart(NamedTuple):
    """A long value of a prompt that is not said to be what siblings have in common."""

    variable: str
    digest: Hashable
    """What identifies the value."""
    tokens: int


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
    most_samples: int = 128
    """Voters that may share one."""
    lane: Lane = "live"
    may_batch: bool = False
    """Whether its endpoint may have batches."""
    is_asked: bool = True
    """Whether it is made although its vote may end early."""
    apart: Sequence[Apart] = ()
    """Long values that it may have in common with others, outside of its prefixes."""


_LEAST_SAVED = 0.01
"""Least share of the cost that is worth a note."""


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
_wave: ContextVar[int] = ContextVar("wave", default=0)


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
def expected_to_be_asked(*, asked: bool, wave: int = 0) -> Iterator[None]:
    """Say of the calls inside whether they are made although a vote may end early.

    Args:
        asked: whether they are.
        wave: in which wave of it; calls of two waves share no request.
    """
    asked_before, wave_before = _is_asked.set(asked and _is_asked.get()), _wave.set(wave)
    try:
        yield
    finally:
        _is_asked.reset(asked_before)
        _wave.reset(wave_before)


def plan_call(call: PlannedCall) -> None:
    """Note a call, if anybody collects them."""
    if (calls := _planned.get()) is not None:
        alike = None if call.alike is None else (_wave.get(), call.alike)
        calls.append(call._replace(is_asked=_is_asked.get(), alike=alike))


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
    could = _could_save(calls, cheap)
    apart = _saved_by_sharing(calls, cheap)
    # No more than the greatest cost, whatever the assumptions are.
    usd = cheap if bounds.usd is None else min(cheap, bounds.usd)
    return bounds.model_copy(
        update={
            "expected_calls": expected,
            "expected_usd": usd,
            "savings": Savings(**dict(zip(("caching", "batch", "samples", "stopping"), saved, strict=True))),
            "could_save": could.model_copy(update={"caching": max([could.caching, *apart.values()])}),
            "notes": [*bounds.notes, *(_sharing_note(*shared) for shared in apart.items())],
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
        # A batch has no leaders: what it finds in a cache is luck. Nor has it requests for several.
        has_cache = levers.caching is not False and lane == "live"
        is_led = has_cache and _on(levers.caching, call.is_led)
        is_sampled = lane == "live" and call.alike is not None and _on(levers.samples, call.is_sampled)
        cache = call.cache if is_led or (has_cache and call.is_written) else None
        groups[rates, cache, is_led, is_sampled].append(call)
    return fsum(_price(group, *key) for key, group in groups.items())


def _price(
    calls: Sequence[PlannedCall], rates: Rates, cache: CacheRates | None, is_led: bool, is_sampled: bool
) -> float:
    seen: Counter[Hashable] = Counter()
    prompts: list[Begins] = []
    for call in calls:
        if not is_sampled or seen[call.alike] % call.most_samples == 0:
            prompts.append(call.prompt)
        seen[call.alike] += 1
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


def _saved_by_sharing(calls: Sequence[PlannedCall], cheap: float) -> dict[str, float]:
    """Return by how much it would be cheaper if a variable's values were in the prefixes, for each variable.

    Those of which siblings have an equal value that is long enough for a cache, so that it saves something.
    """
    values = Counter((apart.variable, apart.digest) for call in calls for apart in call.apart)
    common = {variable for (variable, _), count in values.items() if count > 1}
    saved: dict[str, float] = {}
    for variable in sorted(common):
        price = price_calls([_with_shared(call, variable) for call in calls], Levers(caching=True))
        led = price_calls(calls, Levers(caching=True))
        if price is not None and led is not None and led - price > _LEAST_SAVED * cheap:
            saved[variable] = cheap - price
    return saved


def _with_shared(call: PlannedCall, variable: str) -> PlannedCall:
    """Return a call as it would be if the value of a variable came behind the data that siblings share."""
    apart = next((apart for apart in call.apart if apart.variable == variable), None)
    if apart is None:
        return call
    tokens, prefixes = call.prompt
    room = [prefix for prefix in prefixes if prefix[1] + apart.tokens <= tokens]
    before, size = room[-1] if room else (None, 0)
    added = ((before, apart.variable, apart.digest), size + apart.tokens)
    return call._replace(prompt=Begins(tokens, [*room, added, *prefixes[len(room) :]]))


def _sharing_note(variable: str, usd: float) -> str:
    return (
        f"Calls have an equal long value of {variable!r} that is not in what their prompts share: "
        f"Ask(shared=[{variable!r}]) would save {dollars(usd)}."
    )


def _on(lever: bool | None, is_set: bool) -> bool:
    return is_set if lever is None else lever
