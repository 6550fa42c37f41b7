"""By how much calls were cheaper than the same calls alone, at the full price.

What a call would have cost alone is its whole prompt and its answer, sent by itself and read from no cache.
The levers are taken away one after another, and each has saved what the call gets dearer by that: so the
price and all savings add up to the price alone, whatever the levers are.
"""

from collections.abc import Iterable, Sequence
from math import fsum

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.records.call import Lane, Savings
from langgraph_parallel.runtime.prices import Priced


def split_usage(usage: Usage, answers: int) -> list[Usage]:
    """Divide the tokens of a request among its answers, so that they add up to it.

    The first has the tokens of the prompt, which is billed once; those of the answers are divided evenly.

    Args:
        usage: of the request.
        answers: that it gave; 1 at least.
    """
    shares = [
        {
            "output_tokens": _share(usage.output_tokens, answers, index),
            "reasoning_tokens": _share(usage.reasoning_tokens, answers, index),
        }
        for index in range(answers)
    ]
    return [usage.model_copy(update=shares[0]), *(Usage(**share) for share in shares[1:])]


def saved_by(
    priced: Priced, usage: Usage, usd: float | None, lane: Lane = "live", unbilled: int = 0
) -> Savings | None:
    """Return by how much a call was cheaper than alone; None for nothing, or if its price is unknown.

    Args:
        priced: the model.
        usage: tokens of the call.
        usd: what they cost.
        lane: how it was sent.
        unbilled: tokens of its prompt that another answer to the same request is billed for.
    """
    cached = usage.cache_read_tokens or usage.cache_write_tokens
    if usd is None or not (cached or unbilled or lane != "live"):
        return None
    plain = Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    whole = Usage(input_tokens=usage.input_tokens + unbilled, output_tokens=usage.output_tokens)
    uncached = priced.usd(plain, lane, unbilled) if cached else usd
    live = priced.usd(plain, "live", unbilled) if lane != "live" else uncached
    alone = priced.usd(whole) if unbilled else live
    if uncached is None or live is None or alone is None:
        return None
    saved = Savings(caching=uncached - usd, batch=live - uncached, samples=alone - live)
    return saved if saved != Savings() else None


def saved_by_keeping(usd: float | None) -> Savings | None:
    """Return what an answer saves that the cache of answers had; None if its price is unknown.

    Args:
        usd: what the call had cost alone when it was made.
    """
    return Savings(answers=usd) if usd else None


def alone_usd(call: Call) -> float | None:
    """Return what a call would have cost alone, at the full price; None if its price is unknown."""
    if call.usd is None:
        return None
    return call.usd if call.saved is None else call.usd + call.saved.total


def saved_by_calls(calls: Iterable[Call], not_asked: int) -> Savings:
    """Add up what the calls of a run have saved, and those that were not made.

    Args:
        calls: that were made.
        not_asked: number of calls that were not, because their vote had ended.
    """
    calls = list(calls)
    parts = [call.saved for call in calls if call.saved is not None]
    sums = {name: fsum(getattr(part, name) for part in parts) for name in Savings.model_fields}
    return Savings(**sums | {"stopping": not_asked * _mean_usd(calls)})


def _mean_usd(calls: Sequence[Call]) -> float:
    """Return the mean price of an answered call alone; 0 if a price is unknown, or none was answered."""
    answered = [alone_usd(call) for call in calls if call.kind == "model" and call.ok]
    known = [usd for usd in answered if usd is not None]
    return fsum(known) / len(known) if known and len(known) == len(answered) else 0.0


def _share(tokens: int, answers: int, index: int) -> int:
    return tokens // answers + (index < tokens % answers)
