"""The estimated cost of a run."""

from langgraph_parallel.records.base import Record


class Estimate(Record):
    """Upper bounds for one run: a commutative monoid under `+`, with zero `Estimate()`."""

    calls: int = 0
    """Calls to models, if each succeeds at the first request."""
    most_calls: int = 0
    """Requests to models, if each needs all attempts, hedges and repairs that the limits allow."""
    input_tokens: int = 0
    """Estimated tokens of all prompts, repairs included."""
    output_tokens: int = 0
    """Tokens of all answers, each as long as `Limits.answer_tokens`."""
    usd: float | None = 0.0
    """Cost of these tokens in US dollars; None if a price is unknown."""
    notes: list[str] = []
    """What the estimate does not include, each once."""

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            calls=self.calls + other.calls,
            most_calls=self.most_calls + other.most_calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=None if self.usd is None or other.usd is None else self.usd + other.usd,
            notes=list(dict.fromkeys([*self.notes, *other.notes])),
        )
