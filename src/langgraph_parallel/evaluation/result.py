"""What an evaluation has found."""

from typing import Literal

from pydantic import Field

from langgraph_parallel.records.base import Record

VerdictKind = Literal["better", "worse", "alike", "no_worse", "no_better", "unknown"]
"""How a variant compares with another one, as far as it is known with the level of the evaluation. `alike`,
`no_worse` and `no_better` are within the margin."""


class VariantResult(Record):
    """What one variant has achieved, and what it took. Means are over the items that it was asked."""

    name: str
    items: int
    """Items with a score."""
    score: float | None
    """Mean score, 0 to 1; None without any item. With a pairwise judge, the share of comparisons that it won,
    draws as halves."""
    low: float | None = None
    high: float | None = None
    """Interval of the mean score; None with a pairwise judge."""
    parts: dict[str, float] = {}
    """Means of further measures: precision, recall and F1 of sets, the criteria of a rubric."""
    failed: int = 0
    """Items on which it failed; each has the score 0."""
    unjudged: int = 0
    """Items whose answer the judge did not score; they are left out."""
    calls: float | None = None
    """Calls to models for each item; this, cost, tokens and times are of items without kept answers."""
    usd: float | None = None
    """US dollars for each item; None if a price is unknown."""
    tokens: float | None = None
    """Tokens for each item, in and out."""
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    """Median and 95th percentile (nearest rank) of the time that an item took, waits for slots included."""
    kept: int = 0
    """Items with answers from the cache."""
    on_frontier: bool = False
    """Whether no other variant has a better score for the same cost, or the same score for less."""
    dropped: bool = False
    """Whether it was not asked any further, because another one was known to be the better choice."""


class Comparison(Record):
    """How two variants compare on the same items."""

    variant: str
    against: str
    items: int
    """Items with both scores."""
    difference: float
    """Mean of the differences of their scores, -1 to 1; positive if `variant` is better."""
    low: float
    high: float
    """Interval of the difference, at the level of the evaluation for all comparisons together."""
    won: int
    lost: int
    """Items on which `variant` has the higher score, and the lower one."""
    p_value: float
    """Of no difference, adjusted for all comparisons by Holm's method."""
    test: str
    """By which the p-value was found."""
    verdict: VerdictKind
    more_items: int | None = None
    """About how many more items would settle it, if it is not known; None if what was seen points nowhere."""
    disagreed: float | None = None
    """Share of items on which a pairwise judge chose by place: its two orders differ."""
    first_favoured: float | None = None
    """By how much it favours the first answer, -1 to 1."""


class Recommendation(Record):
    """Which variant to use."""

    variant: str
    known: bool
    """Whether it is known to be the right choice, with the level of the evaluation; otherwise it is the best
    guess."""
    words: str
    """Why, and what is not known."""


class Evaluation(Record):
    """What an evaluation has found, and what it took; `str()` shows it in a few lines."""

    scorer: str
    level: float
    """Of all intervals and verdicts: 0.95."""
    margin: float
    """Difference of scores that does not matter."""
    stops: bool
    """Whether intervals and p-values hold at every moment, so that it could stop as soon as it knew."""
    items: int
    """Items that were asked."""
    of: int
    """Items of the dataset."""
    repeats: int = 1
    """How often each item was asked."""
    variants: list[VariantResult]
    comparisons: list[Comparison]
    recommendation: Recommendation | None
    """None before any item has a score."""
    reason: str
    """Why it ended: `known`, `all items were asked`, or what ended it early."""
    calls: int
    """Calls to models by all commands on the store, judges included."""
    tokens: int
    usd: float | None
    """US dollars of all commands; None if a price is unknown."""
    seconds: float = Field(ge=0)
    """Of this command."""
    remarks: list[str] = []
    """What is to be known of the result."""

    def __str__(self) -> str:
        from langgraph_parallel.evaluation.text import lines

        return "\n".join(lines(self))

    def variant(self, name: str) -> VariantResult:
        """Return the result of a variant.

        Raises:
            KeyError: there is no such variant.
        """
        for one in self.variants:
            if one.name == name:
                return one
        raise KeyError(name)
