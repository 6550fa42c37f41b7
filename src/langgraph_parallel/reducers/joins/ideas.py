"""Ideas of several people: those that say the same are one, and each has a novelty. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_parallel.records import Idea
from langgraph_parallel.reducers.text.similarity import Corpus

SIMILAR = 0.5
"""Cosine from which two ideas are one."""


class Proposal(NamedTuple):
    """An idea as one person puts it."""

    title: str
    text: str
    by: str


def unite_ideas(proposals: Sequence[Proposal], similar: float = SIMILAR) -> list[Idea]:
    """Unite ideas that say the same; the most novel first.

    Two are the same whose TF-IDF cosine, over all that were proposed, is at least `similar`; single linkage,
    so that a chain of such is one idea. It is put in the words of whoever is most like the others of it, of
    equals the first. Novelty is 1 less the mean cosine to all ideas but itself; of equals the one that more
    people have had comes first, then the one that is proposed first.
    """
    corpus = Corpus([f"{one.title}. {one.text}" for one in proposals])
    groups = _groups(corpus, len(proposals), similar)
    chosen = [_most_typical(corpus, group) for group in groups]
    ideas = []
    for group, best in zip(groups, chosen, strict=True):
        others = [corpus.cosine(best, other) for other in chosen if other != best]
        ideas.append(
            Idea(
                title=proposals[best].title,
                text=proposals[best].text,
                by=list(dict.fromkeys(proposals[i].by for i in group)),
                others=list(dict.fromkeys(proposals[i].text for i in group if i != best)),
                novelty=round(1 - math.fsum(others) / len(others), 4) if others else 1.0,
            )
        )
    return sorted(ideas, key=lambda idea: (-idea.novelty, -len(idea.by)))


def _groups(corpus: Corpus, size: int, similar: float) -> list[list[int]]:
    group = list(range(size))
    for i in range(size):
        for j in range(i):
            if group[i] != group[j] and corpus.cosine(i, j) >= similar:
                old, new = max(group[i], group[j]), min(group[i], group[j])
                group = [new if one == old else one for one in group]
    return [[i for i in range(size) if group[i] == name] for name in dict.fromkeys(group)]


def _most_typical(corpus: Corpus, group: Sequence[int]) -> int:
    return max(group, key=lambda i: (math.fsum(corpus.cosine(i, j) for j in group if j != i), -i))
