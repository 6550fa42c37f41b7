"""How alike two short texts are: TF-IDF cosine over the texts of one review.

Weights are (1 + ln tf) * ln(1 + N / df), N texts of which df hold the term (Manning, Raghavan and
Schütze, Introduction to Information Retrieval, chapter 6). The corpus is the review itself, so words
that every comment in it uses weigh little.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]{2,}")
_STOP = frozenset(
    """
    a an and are as at be but by can could do does for from has have if in into is it its may might not of on
    or should so such than that the their then there these this those to use used using was when where which
    while will with would you your
    """.split()  # noqa: SIM905 - a list that people read
)
_ENDINGS = ("ations", "ation", "ities", "ings", "ments", "ness", "ions", "ing", "ment", "ies", "ion", "ity",
            "ers", "ed", "es", "er", "ly", "s")  # fmt: skip


def terms(text: str) -> list[str]:
    """Split a text into stemmed terms; identifiers come apart at underscores and capitals.

    >>> terms("unescaped userNames are concatenated")
    ['unescap', 'user', 'nam', 'concatenat']
    """
    words = (hump.lower() for word in _WORD.findall(text) for hump in _HUMP.findall(word))
    kept = (word for word in words if word not in _STOP and len(word) > 1)
    return [term for word in kept for term in (_pairs(word) if _UNSPACED.search(word) else [_stem(word)])]


def _pairs(word: str) -> list[str]:
    """Scripts that put no spaces between words are compared by pairs of characters."""
    return [word[i : i + 2] for i in range(len(word) - 1)]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


class Corpus:
    """The texts of one review, ready to be compared by index."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(terms(text)) for text in texts]
        holding = Counter(term for count in counts for term in count)
        self._weights = {term: math.log(1 + len(texts) / number) for term, number in holding.items()}
        self._vectors = [self._vector(count) for count in counts]

    def _vector(self, count: Mapping[str, int]) -> dict[str, float]:
        known = {t: (1 + math.log(n)) * self._weights[t] for t, n in count.items() if t in self._weights}
        return _unit(known)

    def like(self, query: str) -> list[float]:
        """Similarity of each text to another one, by the weights of this corpus."""
        wanted = self._vector(Counter(terms(query)))
        return [
            min(1.0, math.fsum(weight * held[term] for term, weight in wanted.items() if term in held))
            for held in self._vectors
        ]

    def cosine(self, one: int, other: int) -> float:
        """Similarity of two texts, 0 (no term in common) to 1 (the same terms); symmetric."""
        a, b = self._vectors[one], self._vectors[other]
        if len(b) < len(a):
            a, b = b, a
        return min(1.0, math.fsum(weight * b[term] for term, weight in a.items() if term in b))


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(math.fsum(weight * weight for weight in vector.values()))
    return {term: weight / length for term, weight in vector.items()} if length else {}
