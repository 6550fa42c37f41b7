"""Union of similar ideas, ranked by novelty."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_parallel.records import Idea
from langgraph_parallel.reducers.text.similarity import Corpus

SIMILAR = 0.5
"""Default minimum cosine of two proposals of one idea."""


class Proposal(NamedTuple):
    """An idea as one person worded it."""

    title: str
    text: str
    by: str


def unite_ideas(proposals: Sequence[Proposal], similar: float = SIMILAR) -> list[Idea]:
    """Unite proposals of the same idea, and rank the ideas by novelty, highest first.

    Two proposals are the same idea if their TF-IDF cosine over all proposals is at least `similar`; by single
    linkage, so a chain of similar proposals is one idea. An idea has the wording of the proposal most similar
    to its others; on a tie, of the first. Its novelty is 1 minus its mean cosine to all other ideas. On equal
    novelty, the idea of more people comes first, then the one proposed first.

    Args:
        proposals: in any order; the order breaks ties.
        similar: minimum cosine, 0 to 1.
    """
    corpus = Corpus([f"{proposal.title}. {proposal.text}" for proposal in proposals])
    groups = _link(corpus, len(proposals), similar)
    chosen = [_most_typical(corpus, group) for group in groups]
    ideas = []
    for group, best in zip(groups, chosen, strict=True):
        similarities = [corpus.cosine(best, other) for other in chosen if other != best]
        ideas.append(
            Idea(
                title=proposals[best].title,
                text=proposals[best].text,
                by=list(dict.fromkeys(proposals[i].by for i in group)),
                others=list(dict.fromkeys(proposals[i].text for i in group if i != best)),
                novelty=round(1 - math.fsum(similarities) / len(similarities), 4) if similarities else 1.0,
            )
        )
    return sorted(ideas, key=lambda idea: (-idea.novelty, -len(idea.by)))


def _link(corpus: Corpus, size: int, similar: float) -> list[list[int]]:
    """Return the single-linkage clusters of `size` texts, each as sorted indices."""
    labels = list(range(size))
    for i in range(size):
        for j in range(i):
            if labels[i] != labels[j] and corpus.cosine(i, j) >= similar:
                old, new = max(labels[i], labels[j]), min(labels[i], labels[j])
                labels = [new if label == old else label for label in labels]
    return [[i for i in range(size) if labels[i] == label] for label in dict.fromkeys(labels)]


def _most_typical(corpus: Corpus, group: Sequence[int]) -> int:
    return max(group, key=lambda i: (math.fsum(corpus.cosine(i, j) for j in group if j != i), -i))
