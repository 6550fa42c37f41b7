"""What a run would take, said before it."""

from langgraph_parallel.records.base import Record


class Estimate(Record):
    """Upper bounds for one run: a commutative monoid under `+`, with `Estimate()` as its zero."""

    calls: int = 0
    """Calls to models, if each is answered at the first request."""
    most_calls: int = 0
    """Requests, if every one of them fails and is tried again, and every answer needs a repair."""
    input_tokens: int = 0
    """In prompts, estimated, of calls and repairs."""
    output_tokens: int = 0
    """In answers, each as long as `Limits.answer_tokens`."""
    usd: float | None = 0.0
    """What these tokens cost; None where a price is not known."""
    notes: list[str] = []
    """What is not in it, because nobody can know."""

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            calls=self.calls + other.calls,
            most_calls=self.most_calls + other.most_calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=None if self.usd is None or other.usd is None else self.usd + other.usd,
            notes=list(dict.fromkeys([*self.notes, *other.notes])),
        )
