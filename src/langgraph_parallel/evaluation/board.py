"""What has come back so far: rows, scores, and the pairs that are made of them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from langgraph_parallel.evaluation.compare import Pair, Terms, compare_all, judge_all
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.evaluation.measure import measure, took
from langgraph_parallel.evaluation.recommend import beaten, costs_of, with_frontier
from langgraph_parallel.evaluation.result import Comparison, VariantResult
from langgraph_parallel.evaluation.scoring.base import Score
from langgraph_parallel.scale.rows import Result


class Board:
    """Rows and scores by variant, in the order of the items.

    Args:
        variants: names; the first is what others are compared with first.
        terms: of the comparisons.
        in_pairs: whether a judge compares answers, so that variants have no scores of their own.
    """

    def __init__(self, variants: Sequence[str], terms: Terms, *, in_pairs: bool = False) -> None:
        self.terms, self.in_pairs = terms, in_pairs
        self.rows: dict[str, dict[str, Result]] = {name: {} for name in variants}
        self.scores: dict[str, dict[str, Score | None]] = {name: {} for name in variants}
        self.values: dict[str, list[float]] = {name: [] for name in variants}
        """Scores by item."""
        self.together: list[Mapping[str, float]] = []
        """Scores of the variants that were asked, by variant, of each item that has all of them."""
        self.dropped: set[str] = set()
        """Variants that are not asked any further."""
        self.pairs = [Pair(later, earlier, terms) for earlier, later in combinations(variants, 2)]

    @property
    def left(self) -> list[str]:
        """Variants that are still asked."""
        return [name for name in self.rows if name not in self.dropped]

    @property
    def open_pairs(self) -> list[Pair]:
        """Pairs of which both variants are still asked."""
        return [pair for pair in self.pairs if self.dropped.isdisjoint((pair.variant, pair.against))]

    def add_scores(self, items: Iterable[Sequence[Item]]) -> None:
        """Add the differences of the scores of items to the pairs; items without both scores are left out.

        Args:
            items: each as often as it was asked; the mean of its scores is its score.
        """
        for item in items:
            means = {name: self._mean(name, item) for name in self.left}
            known = {name: mean for name, mean in means.items() if mean is not None}
            for name, mean in known.items():
                self.values[name].append(mean)
            if len(known) == len(means):
                self.together.append(known)
            for pair in self.open_pairs:
                one, other = means[pair.variant], means[pair.against]
                if one is not None and other is not None:
                    pair.add(one - other)

    def comparisons(self) -> list[Comparison]:
        """Return the comparisons of all pairs."""
        return compare_all(self.pairs, self.terms)

    def lost(self) -> set[str]:
        """Return the variants of which another one is known to be the better choice."""
        taken = [took(name, list(rows.values())) for name, rows in self.rows.items()]
        return beaten(judge_all(self.pairs, self.terms), costs_of(taken))

    def variants(self) -> list[VariantResult]:
        """Return the results of all variants."""
        found = [
            measure(
                name,
                [rows[key] for key in rows],
                self._points(name) if self.in_pairs else self.values[name],
                None if self.in_pairs else [self.scores[name].get(key) for key in rows],
                terms=self.terms,
                dropped=name in self.dropped,
            )
            for name, rows in self.rows.items()
        ]
        return with_frontier(found)

    def judged_orders(self) -> Mapping[str, float]:
        """Return how often a pairwise judge chose by place, and what it favours; empty without one."""
        orders = [order for pair in self.pairs for order in pair.orders]
        if not orders:
            return {}
        number = len(orders)
        return {
            "disagreed": sum(there != back for there, back in orders) / number,
            "first_favoured": math.fsum((there - back) / 2 for there, back in orders) / number,
        }

    def _mean(self, name: str, item: Sequence[Item]) -> float | None:
        scores = [score.value for one in item if (score := self.scores[name].get(one.key)) is not None]
        return math.fsum(scores) / len(scores) if scores else None

    def _points(self, name: str) -> list[float]:
        won = [(1 + value) / 2 for pair in self.pairs if pair.variant == name for value in pair.differences]
        lost = [(1 - value) / 2 for pair in self.pairs if pair.against == name for value in pair.differences]
        return won + lost
