"""Extraction of sentences and terms that represent a text; nothing is rewritten."""

import math
import re
from collections.abc import Sequence

from langgraph_parallel.reducers.text.sentences import Sentence, plain, sentences
from langgraph_parallel.reducers.text.similarity import Corpus, terms

_MIN_TERMS = 4
"""Minimum terms of a central sentence."""
_MAX_SENTENCES = 200
"""Maximum sentences to compare; of more, the longest are compared."""
_ALIKE = 0.5
"""Minimum cosine of a sentence that repeats another one."""
_MIN_LETTERS = 4
"""Minimum letters of a common term, in ASCII words."""
_WORD = re.compile(r"[^\W\d_]+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|nicht|kein\w*|pas|jamais|nunca)\b|n['\u2019]t\b", re.I
)
_AUXILIARIES = frozenset(terms("were been being had having did"))


def central(text: str, most: int) -> list[Sentence]:
    """Return the sentences most similar to all others, in text order.

    Degree centrality in the graph of TF-IDF cosines (LexRank without damping: Erkan and Radev, JAIR 22,
    2004). Sentences that repeat a chosen one, headings and fragments are left out.

    Args:
        text: any text.
        most: maximum number of sentences.
    """
    candidates = _candidates(text)
    corpus = Corpus([plain(sentence.text) for sentence in candidates])
    indices = range(len(candidates))
    scores = [math.fsum(corpus.cosine(i, j) for j in indices if j != i) for i in indices]
    chosen: list[int] = []
    for i in sorted(indices, key=lambda i: (-scores[i], i)):
        if len(chosen) < most and all(corpus.cosine(i, j) < _ALIKE for j in chosen):
            chosen.append(i)
    return [candidates[i] for i in sorted(chosen)]


def _candidates(text: str) -> list[Sentence]:
    """Return the sentences that can represent a text, in text order."""
    whole = [
        sentence
        for sentence in sentences(text)
        if len(terms(plain(sentence.text))) >= _MIN_TERMS and not sentence.text.startswith("#")
    ]
    longest = sorted(whole, key=lambda sentence: len(sentence.text))[-_MAX_SENTENCES:]
    return sorted(longest, key=lambda sentence: sentence.start)


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


def common_terms(texts: Sequence[tuple[str, str]], most: int) -> list[tuple[str, list[int]]]:
    """Return terms in texts of several sources, each with the indices of its texts.

    Terms of the most sources come first. A term is left out if an earlier term covers all of its texts.

    Args:
        texts: texts, each with the name of its source.
        most: maximum number of terms.
    """
    indices_by_term, wording = _index_terms([text for _, text in texts])
    source_counts = {term: len({texts[i][0] for i in indices}) for term, indices in indices_by_term.items()}
    shared = [term for term, count in source_counts.items() if count > 1]
    shared.sort(key=lambda term: (-source_counts[term], -len(term), term))
    common: list[tuple[str, list[int]]] = []
    for term in shared:
        if not any(set(indices_by_term[term]) <= set(indices) for _, indices in common):
            common.append((wording[term], indices_by_term[term]))
    return common[:most]


def _index_terms(texts: Sequence[str]) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Return the indices of the texts with each term, and the first word of each term."""
    indices_by_term: dict[str, list[int]] = {}
    wording: dict[str, str] = {}
    for i, text in enumerate(texts):
        for word in _WORD.findall(plain(text)):
            if len(word) < _MIN_LETTERS and word.isascii():
                continue
            for term in terms(word):
                wording.setdefault(term, word)
                indices = indices_by_term.setdefault(term, [])
                if not indices or indices[-1] != i:
                    indices.append(i)
    return indices_by_term, wording
