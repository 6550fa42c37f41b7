"""Quotes: where a text contains what is quoted from it."""

import re
from itertools import islice

from langgraph_parallel.reducers.text.extract import same_words
from langgraph_parallel.reducers.text.similarity import terms

_MIN_TERMS = 2
"""Minimum distinct terms of a quote: a single word could stand anywhere."""
_MARKS = "`'\"\u201c\u201d\u2018\u2019*"
_MAX_PLACES = 20
"""Maximum places of one quote."""


def find_statement(quote: str, text: str) -> tuple[int, int] | None:
    """Return where a text states a quote: verbatim, or in a sentence with the same words and numbers.

    None if the text does not state it, or if the quote has fewer than two distinct terms.
    """
    if len(set(terms(quote))) < _MIN_TERMS:
        return None
    place = next(iter(locate(quote, text)), None)
    if place is None and (sentence := same_words(quote, text)):
        place = (sentence.start, sentence.end)
    return place


def locate(quote: str, text: str) -> list[tuple[int, int]]:
    """Return the first 20 places of a quote in a text, as whole words; white space and case are ignored.

    So are backticks and quotation marks around it, unless the text has them as well.

    >>> locate("the  cat", "See the cat. The cat!"), locate("`the cat`", "See the cat.")
    ([(4, 11), (13, 20)], [(4, 11)])
    """
    return _locate(quote, text) or _locate(quote.strip().strip(_MARKS), text)


def _locate(quote: str, text: str) -> list[tuple[int, int]]:
    words = quote.split()
    if not words:
        return []
    pattern = r"\s+".join(map(re.escape, words))
    # Only ASCII has word boundaries here: scripts without spaces between words would match nothing.
    pattern = (r"(?<!\w)" if _is_ascii_word(words[0][0]) else "") + pattern
    pattern += r"(?!\w)" if _is_ascii_word(words[-1][-1]) else ""
    return [match.span() for match in islice(re.finditer(pattern, text, re.IGNORECASE), _MAX_PLACES)]


def _is_ascii_word(character: str) -> bool:
    return character.isascii() and character.isalnum()
