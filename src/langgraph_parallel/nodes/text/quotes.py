"""Quotes: where a text says what is quoted from it."""

import re
from itertools import islice

from langgraph_parallel.reducers.text.extract import same_words
from langgraph_parallel.reducers.text.similarity import terms

_LEAST = 2
_PLACES = 20
"""Places of one quote, at most."""


def said_at(quote: str, text: str) -> tuple[int, int] | None:
    """Where a text says what is quoted: word for word, or in a sentence with the same words and numbers.

    A quote of less than two words that mean something is none: it could stand anywhere.
    """
    if len(set(terms(quote))) < _LEAST:
        return None
    place = next(iter(locate(quote, text)), None)
    if place is None and (sentence := same_words(quote, text)):
        place = (sentence.start, sentence.end)
    return place


def locate(quote: str, text: str) -> list[tuple[int, int]]:
    """Where a quote stands in a text, white space and case aside: whole words, the first twenty places.

    >>> locate("the  cat", "See the cat. The cat!")
    [(4, 11), (13, 20)]
    """
    words = quote.split()
    if not words:
        return []
    pattern = r"\s+".join(map(re.escape, words))
    pattern = (r"(?<!\w)" if words[0][0].isascii() and words[0][0].isalnum() else "") + pattern
    pattern += r"(?!\w)" if words[-1][-1].isascii() and words[-1][-1].isalnum() else ""
    return [match.span() for match in islice(re.finditer(pattern, text, re.IGNORECASE), _PLACES)]
