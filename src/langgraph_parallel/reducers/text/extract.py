"""The sentences of a text that stand for it. Pure: nothing is rewritten."""

import math
import re
from collections.abc import Sequence

from langgraph_parallel.reducers.text.sentences import Sentence, plain, sentences
from langgraph_parallel.reducers.text.similarity import Corpus, terms

_LEAST = 4
"""Terms of a sentence that can stand for a text."""
_WORD = re.compile(r"[^\W\d_]+")
_DENIES = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|nicht|kein\w*|pas|jamais|nunca)\b|n['\u2019]t\b", re.I
)
_AUXILIARY = frozenset(terms("were been being had having did"))
_SHORTEST = 4
"""Letters of a word that can name a theme, in scripts with spaces."""
_MOST = 200
"""Sentences that are compared; of more, the longest."""
_ALIKE = 0.5
"""Cosine from which a sentence says what a chosen one has said."""


def central(text: str, most: int) -> list[Sentence]:
    """Choose the sentences that are most like all others, in the order of the text.

    Degree centrality in the graph of TF-IDF cosines (LexRank without damping: Erkan and Radev, JAIR 22,
    2004); a sentence that says what a chosen one has said is left out. Headings and fragments are no
    sentences.
    """
    held = [s for s in sentences(text) if len(terms(plain(s.text))) >= _LEAST and not s.text.startswith("#")]
    held = sorted(sorted(held, key=lambda s: len(s.text))[-_MOST:], key=lambda s: s.start)
    corpus = Corpus([plain(sentence.text) for sentence in held])
    every = range(len(held))
    scores = [math.fsum(corpus.cosine(i, j) for j in every if j != i) for i in every]
    chosen: list[int] = []
    for i in sorted(every, key=lambda i: (-scores[i], i)):
        if len(chosen) < most and all(corpus.cosine(i, j) < _ALIKE for j in chosen):
            chosen.append(i)
    return [held[i] for i in sorted(chosen)]


def same_words(quote: str, text: str) -> Sentence | None:
    """The first sentence of a text that has all terms of a quote, and denies no more and no less."""
    wanted = set(terms(quote)) - _AUXILIARY
    for sentence in sentences(text):
        if wanted <= set(terms(sentence.text)) and _denials(sentence.text) == _denials(quote):
            return sentence
    return None


def _denials(text: str) -> int:
    return len(_DENIES.findall(text))


def common_terms(texts: Sequence[tuple[str, str]], most: int) -> list[tuple[str, list[int]]]:
    """Terms that texts of several sources share, and the places of the texts; the most shared first.

    Args:
        texts: each behind the name of its source.
        most: how many terms; one whose texts are all in an earlier one is left out.
    """
    holding: dict[str, list[int]] = {}
    wording: dict[str, str] = {}
    for place, (_, text) in enumerate(texts):
        for word in _WORD.findall(plain(text)):
            for term in terms(word):
                if len(word) < _SHORTEST and word.isascii():
                    continue
                wording.setdefault(term, word)
                places = holding.setdefault(term, [])
                if not places or places[-1] != place:
                    places.append(place)
    sources = {term: len({texts[place][0] for place in places}) for term, places in holding.items()}
    shared = sorted((t for t in holding if sources[t] > 1), key=lambda t: (-sources[t], -len(t), t))
    made: list[tuple[str, list[int]]] = []
    for term in shared:
        if not any(set(holding[term]) <= set(places) for _, places in made):
            made.append((wording[term], holding[term]))
    return made[:most]
