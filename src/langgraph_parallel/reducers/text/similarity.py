"""TF-IDF cosine similarity of short texts.

Weights are (1 + ln tf) * ln(1 + N / df), for N texts of which df contain the term (Manning, Raghavan and
Schütze, Introduction to Information Retrieval, chapter 6). The corpus is only the texts to compare, so words
that all of them use weigh little.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{2,}")
_STOP_WORDS = frozenset(
    """
    a an and are as at be but by can could do does for from has have if in into is it its may might not of on
    or should so such than that the their then there these this those to use used using was when where which
    while will with would you your
    """.split()  # noqa: SIM905 - easier to read than a list of strings
)
_ENDINGS = ("ations", "ation", "ities", "ings", "ments", "ness", "ions", "ing", "ment", "ies", "ion", "ity",
            "ers", "ed", "es", "er", "ly", "s")  # fmt: skip


def terms(text: str) -> list[str]:
    """Split a text into stemmed terms; identifiers are split at underscores and capitals.

    >>> terms("unescaped userNames are concatenated")
    ['unescap', 'user', 'nam', 'concatenat']
    """
    words = (part.lower() for word in _WORD.findall(text) for part in _CAMEL_PART.findall(word))
    kept = (word for word in words if word not in _STOP_WORDS and len(word) > 1)
    return [term for word in kept for term in (_bigrams(word) if _UNSPACED.search(word) else [_stem(word)])]


def _bigrams(word: str) -> list[str]:
    """Return all pairs of adjacent characters, the terms of scripts without spaces between words."""
    return [word[i : i + 2] for i in range(len(word) - 1)]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


class Corpus:
    """Texts to compare, by index."""

    def __init__(self, texts: Sequence[str]) -> None:
        by_text = {text: Counter(terms(text)) for text in set(texts)}  # engines say the same again and again
        counts = [by_text[text] for text in texts]
        document_counts = Counter(term for count in counts for term in count)
        self._weights = {term: math.log(1 + len(texts) / df) for term, df in document_counts.items()}
        vectors = {text: self._vector(count) for text, count in by_text.items()}
        self._vectors = [vectors[text] for text in texts]

    def _vector(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Return the unit vector of a text; terms that are not in the corpus have no weight."""
        return _unit(
            {t: (1 + math.log(n)) * self._weights[t] for t, n in counts.items() if t in self._weights}
        )

    def like(self, query: str) -> list[float]:
        """Return the similarity of each text to another text, 0 to 1, with the weights of this corpus."""
        vector = self._vector(Counter(terms(query)))
        return [_dot(vector, other) for other in self._vectors]

    def centralities(self) -> list[float]:
        """Return the sum of the similarities of each text to all other texts."""
        parts: dict[str, list[float]] = {}
        for vector in self._vectors:
            for term, weight in vector.items():
                parts.setdefault(term, []).append(weight)
        sums = {term: math.fsum(weights) for term, weights in parts.items()}
        return [
            math.fsum(weight * (sums[term] - weight) for term, weight in vector.items())
            for vector in self._vectors
        ]

    def cosine(self, one: int, other: int) -> float:
        """Return the similarity of two texts, from 0 (no common term) to 1 (the same terms); symmetric."""
        a, b = self._vectors[one], self._vectors[other]
        return _dot(b, a) if len(b) < len(a) else _dot(a, b)


def _dot(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """Return the dot product of unit vectors. `fsum` is exact: the order of the terms does not matter."""
    return min(1.0, math.fsum(weight * b[term] for term, weight in a.items() if term in b))


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(math.fsum(weight * weight for weight in vector.values()))
    return {term: weight / length for term, weight in vector.items()} if length else {}
