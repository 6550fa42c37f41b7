"""Extraction of sentences and terms that represent a text; nothing is rewritten."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_parallel.reducers.text.block import Block, Kind
from langgraph_parallel.reducers.text.inline import readable, without_addresses
from langgraph_parallel.reducers.text.sentences import Sentence, sentences
from langgraph_parallel.reducers.text.similarity import Corpus, terms
from langgraph_parallel.reducers.text.statements import Statement, statements

_ALIKE = 0.5
"""Minimum cosine of a sentence that repeats another one."""
_LEAD, _TITLE = 0.5, 0.5
"""Weights of an early place and of the words of the title, relative to that of the centrality."""
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|nicht|kein\w*|pas|jamais|nunca)\b|n['\u2019]t\b", re.I
)
_AUXILIARIES = frozenset(terms("were been being had having did"))


class Central(NamedTuple):
    """The statements that represent a document best."""

    best: list[Statement]
    """The best ones, the best first."""
    total: int
    """Number of all statements."""


def most_central(blocks: Sequence[Block], most: int) -> Central:
    """Return the statements that represent a document best, the best first.

    A statement is rated by its similarity to all others (degree centrality in the graph of TF-IDF cosines:
    Erkan and Radev, JAIR 22, 2004), by how early it comes, and by the words that it shares with the title
    (Radev, Jing, Stys and Tam, Information Processing and Management 40, 2004). Fragments are chosen
    only where whole sentences are too few. What repeats a chosen statement is left out.

    Args:
        blocks: of the document.
        most: maximum number of statements.
    """
    candidates = list(statements(blocks))
    first = next((block for block in blocks if block.kind is Kind.heading or block.kind.is_prose), None)
    title = readable(first.view) if first and first.kind is Kind.heading else ""
    corpus = Corpus([without_addresses(candidate.text) for candidate in candidates])
    ratings = _rate(corpus, len(candidates), title)
    chosen: list[int] = []
    for i in sorted(range(len(candidates)), key=lambda i: (not candidates[i].whole, -ratings[i], i)):
        if len(chosen) < most and all(corpus.cosine(i, j) < _ALIKE for j in chosen):
            chosen.append(i)
    return Central([candidates[i] for i in chosen], len(candidates))


def _rate(corpus: Corpus, count: int, title: str) -> list[float]:
    """Return the rating of each statement, by index."""
    centralities = corpus.centralities()
    highest = max(centralities, default=0) or 1
    titled = corpus.like(title)
    best = max(titled, default=0) or 1
    return [
        centralities[i] / highest + _LEAD / (1 + i) ** 0.5 + _TITLE * titled[i] / best for i in range(count)
    ]


def same_words(quote: str, text: str) -> Sentence | None:
    """Return the first sentence of a text with all terms of a quote and as many negations, or None."""
    quoted_terms = set(terms(quote)) - _AUXILIARIES
    for sentence in sentences(text):
        has_terms = quoted_terms <= set(terms(sentence.text))
        if has_terms and _count_negations(sentence.text) == _count_negations(quote):
            return sentence
    return None


def _count_negations(text: str) -> int:
    return len(_NEGATION.findall(text))
