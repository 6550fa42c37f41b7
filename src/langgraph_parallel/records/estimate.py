"""The estimated cost of a run."""

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.call import Savings


class Estimate(Record):
    """Upper bounds for one run, and what it is expected to cost.

    A commutative monoid under `+`, with zero `Estimate()`. What is expected assumes that each request is
    answered at once, that a prompt has the tokens of its words and signs, that the voters of each vote agree,
    that an answer is as long as those that the endpoint gave this process, else as its schema needs at most,
    else as `Limits.answer_tokens`, and that the endpoint gives several samples where it is not known not to.
    """

    calls: int = 0
    """Calls to models, if each succeeds at the first request."""
    most_calls: int = 0
    """Requests to models, if each needs all attempts, hedges and repairs that the limits allow."""
    input_tokens: int = 0
    """Estimated tokens of all prompts, repairs included, and hedges and attempts after the first left out."""
    output_tokens: int = 0
    """Tokens of all answers to these, each as long as `Limits.answer_tokens`."""
    usd: float | None = 0.0
    """Greatest cost in US dollars if no request has to be repeated; None if a price is unknown.

    Each call succeeds at its first request, but each answer is as long as `Limits.answer_tokens`, each answer
    with a schema needs its repair, no cache has anything, prompts are written to one where that is dearer,
    and the dearest of the models answers that may. Where slow requests are hedged, all of this counts twice.

    Not in it: further attempts after requests that failed, which providers rarely bill; continuations of
    answers that were cut off (`Ask(continuations=...)`); and answers that are longer than
    `Limits.answer_tokens`, where nothing cuts them off.
    """
    expected_calls: int = 0
    """Calls to models that are expected: those of votes that end early are left out."""
    expected_usd: float | None = 0.0
    """Expected cost in US dollars, at most `usd`; None if a price is unknown."""
    savings: Savings = Savings()
    """By how much each lever that is used makes the expected cost lower, in US dollars."""
    could_save: Savings = Savings()
    """By how much each lever that is switched off would make it lower, if it alone were used in addition.

    A batch has no shared requests and no leaders; `samples` is that of `Limits(samples="on")`, and 0 where
    requests cannot be shared, as in races; `caching` is that of leaders, and of `Ask(shared=[...])` for the
    one variable that saves most (see `notes`).
    """
    notes: list[str] = []
    """What the estimate does not include, which prices are missing, and which values of prompts siblings do
    not share, as sentences, each once."""

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            calls=self.calls + other.calls,
            most_calls=self.most_calls + other.most_calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=_sum(self.usd, other.usd),
            expected_calls=self.expected_calls + other.expected_calls,
            expected_usd=_sum(self.expected_usd, other.expected_usd),
            savings=self.savings + other.savings,
            could_save=self.could_save + other.could_save,
            notes=list(dict.fromkeys([*self.notes, *other.notes])),
        )

    @property
    def best_lever(self) -> str:
        """The part of `Savings` that is greatest, used or not: `caching`, `stopping`; empty for none."""
        by_lever = {
            name: max(getattr(self.savings, name), getattr(self.could_save, name))
            for name in Savings.model_fields
        }
        best = max(by_lever, key=lambda name: by_lever[name])
        return best if by_lever[best] > 0 else ""


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
