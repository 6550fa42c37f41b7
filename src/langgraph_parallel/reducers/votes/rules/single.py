"""Rules that take one voter's answer as it is: the first that is valid, or the one most like the others."""

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
"""How alike two texts are: symmetric, the higher the more."""


@dataclass(frozen=True, kw_only=True)
class first_valid(BaseRule):  # noqa: N801
    """The earliest voter's answer among those that count: voters are a chain of fallbacks.

    Earliest by the voters' order, not by the clock. With `wave="all"` they race, and the later ones are
    cancelled once an earlier one has answered. There are no ties. For whoever answers first on the clock use
    `stop="ahead_by(1)"` with `wave="all"`.
    """

    goes_by: ClassVar[GoesBy] = "ballots"

    def settled(self, standing: Standing) -> bool:
        """Whether nobody is left who comes before the earliest that has answered."""
        first = min((heard.ballot.order for heard in standing.heard), default=-1)
        return all(awaited.order > first >= 0 for awaited in standing.remaining)

    def fewest(self, standing: Standing) -> int:
        """One."""
        return 1

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = usable(tally)
        first = canonical(cast[0].choice) if cast else None
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=cast[0].choice if cast else None,
            groups=group_by_choice(cast),
            backers=[ballot for ballot in cast if canonical(ballot.choice) == first],
        )


@dataclass(frozen=True, kw_only=True)
class most_similar(BaseRule):  # noqa: N801
    """For free text: the answer that is most like all the others, in the sum (the medoid).

    Choosing by expected similarity is minimum Bayes risk decoding (Kumar and Byrne, NAACL 2004). Support is
    the voters whose answer is the same text; `counts` has the mean likeness to the others as its weight. Of
    equals the earliest voter's. A choice that is no text is compared as JSON.

    Args:
        measure: from two texts to their likeness; by default, the cosine of their TF-IDF vectors.
    """

    measure: Similarity | None = None

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = usable(tally)
        texts = [_text(ballot) for ballot in cast]
        groups: dict[str, Group] = {}
        for ballot, likeness in zip(cast, self._likeness(texts), strict=True):
            group = groups.setdefault(canonical(ballot.choice), Group(ballot.choice))
            group.ballots.append(ballot)
            group.weight = likeness
        order = sorted(groups.values(), key=lambda group: -group.weight)
        return build_verdict(
            self.name,
            tally,
            cast,
            status="decided" if len(cast) >= self.quorum else "no_quorum",
            choice=order[0].choice if order else None,
            groups=order,
            backers=order[0].ballots if order else [],
        )

    def _likeness(self, texts: Sequence[str]) -> list[Fraction]:
        """The mean likeness of each text to the others; that of a single one is 1."""
        corpus = Corpus(texts)
        size = len(texts)

        def alike(one: int, other: int) -> Fraction:
            if texts[one] == texts[other]:
                return Fraction(1)
            return Fraction(
                self.measure(texts[one], texts[other]) if self.measure else corpus.cosine(one, other)
            )

        if size == 1:
            return [Fraction(1)]
        return [
            sum((alike(i, j) for j in range(size) if j != i), Fraction(0)) / (size - 1) for i in range(size)
        ]


def _text(ballot: Ballot) -> str:
    return ballot.choice if isinstance(ballot.choice, str) else canonical(ballot.choice)
