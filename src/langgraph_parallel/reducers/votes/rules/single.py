"""Rules that choose one voter's answer: the first valid one, or the one most similar to the others."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.text.similarity import Corpus
from langgraph_parallel.reducers.votes.counting import Group, build_verdict, group_by_choice, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, GoesBy
from langgraph_parallel.reducers.votes.standing import Standing

Similarity = Callable[[str, str], float]
"""Similarity of two texts: symmetric, higher is more similar."""


@dataclass(frozen=True, kw_only=True)
class first_valid(BaseRule):  # noqa: N801
    """The earliest voter's answer among those that count: voters form a chain of fallbacks.

    Earliest by the voters' order, not by time. With `wave="all"` they race, and later voters are cancelled
    once an earlier one has answered. There are no ties. For the first answer by time, use
    `stop="ahead_by(1)"` with `wave="all"`.
    """

    goes_by: ClassVar[GoesBy] = "ballots"

    def settled(self, standing: Standing) -> bool:
        """Return whether all voters before the earliest that has answered have been heard."""
        first = standing.heard[0].ballot.order if standing.heard else -1
        return not standing.to_come or standing.earliest_to_come > first >= 0

    def fewest(self, standing: Standing) -> int:
        """Return 1: any next voter may be the earliest."""
        return 1

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum."""
        return not standing.missing_to_quorum

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = usable(tally)
        first = cast[0].choice if cast else None
        first_key = canonical(first)
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=first,
            groups=group_by_choice(cast),
            backers=[ballot for ballot in cast if canonical(ballot.choice) == first_key],
        )


@dataclass(frozen=True, kw_only=True)
class most_similar(BaseRule):  # noqa: N801
    """For free text: the answer with the greatest total similarity to all others (the medoid).

    Choosing by expected similarity is minimum Bayes risk decoding (Kumar and Byrne, NAACL 2004). Support is
    the voters with an equal answer; `counts` has the mean similarity to the others as its weight. Of equals,
    the earliest voter's. A choice that is not a text is compared as JSON.

    Args:
        measure: similarity of two texts; None for the cosine of their TF-IDF vectors.
    """

    measure: Similarity | None = None

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum."""
        return not standing.missing_to_quorum

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = usable(tally)
        texts = [_as_text(ballot) for ballot in cast]
        groups: dict[str, Group] = {}
        for ballot, similarity in zip(cast, self._mean_similarities(texts), strict=True):
            group = groups.setdefault(canonical(ballot.choice), Group(ballot.choice))
            group.ballots.append(ballot)
            group.weight = similarity
        by_similarity = sorted(groups.values(), key=lambda group: -group.weight)
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=by_similarity[0].choice if by_similarity else None,
            groups=by_similarity,
            backers=by_similarity[0].ballots if by_similarity else [],
        )

    def _mean_similarities(self, texts: Sequence[str]) -> list[Fraction]:
        """Return the mean similarity of each text to the others; 1 for a single text."""
        corpus = Corpus(texts)
        size = len(texts)

        def similarity(i: int, j: int) -> Fraction:
            if texts[i] == texts[j]:
                return Fraction(1)
            return Fraction(self.measure(texts[i], texts[j]) if self.measure else corpus.cosine(i, j))

        if size == 1:
            return [Fraction(1)]
        # Exact sums: equal texts have equal means, whatever the order of the terms. Each text counts as often
        # as it occurs, and once less to itself.
        first = {text: place for place, text in reversed([*enumerate(texts)])}
        times = Counter(texts)
        sums = {
            text: sum((similarity(i, j) * times[other] for other, j in first.items()), Fraction(-1))
            for text, i in first.items()
        }
        return [sums[text] / (size - 1) for text in texts]


def _as_text(ballot: Ballot) -> str:
    return ballot.choice if isinstance(ballot.choice, str) else canonical(ballot.choice)
