"""Sentences of a text, with their places, and which of them say the same. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_parallel.reducers.text.similarity import Corpus

_END = re.compile(
    r"(?<=[.!?\u2026])[\"'\u201d\u2019\u00bb)\]]*\s+|(?<=[\u3002\uff01\uff1f])\s*|\n\s*\n|\n(?=\s*[-*#|\d])"
)
_ABBREVIATION = re.compile(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|approx|ca|cf|Fig|No|Inc|Ltd|e\.g|i\.e|z\.B|bzw)\.$"
)
_SHORT = 12
"""Characters before a full stop that say what it is."""
_MARK = re.compile(r"^\s*(?:[-*>]+|#{1,6}|\d+[.)])\s+")
REFERS = 0.2
"""Cosine from which one sentence is about what another one says."""


class Sentence(NamedTuple):
    """A sentence, and where it stands: `text[start:end]`."""

    start: int
    end: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """Split a text at the ends of its sentences, at blank lines, and at the items of a list.

    Any script that ends sentences with `.`, `!`, `?` or their full-width forms. Abbreviations that are common
    in English end none.

    >>> [s.text for s in sentences("Dr. Low came. It rained! Nobody minded")]
    ['Dr. Low came.', 'It rained!', 'Nobody minded']
    """
    found, start = [], 0
    for gap in [*_END.finditer(text), None]:
        end = gap.start() if gap else len(text)
        if gap and "\n" not in gap[0] and _goes_on(text, start, end):
            continue
        held = text[start:end]
        kept = held.strip()
        if kept:
            first = start + len(held) - len(held.lstrip())
            found.append(Sentence(first, first + len(kept), kept))
        start = gap.end() if gap else end
    return found


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether a full stop is that of an abbreviation, or of the number of an item."""
    number = end - start < _SHORT and text[start:end].strip(" \t")[:-1].isdigit()
    return number or bool(_ABBREVIATION.search(text, max(start, end - _SHORT), end))


def plain(sentence: str) -> str:
    """A sentence without the mark of a heading or of a list in front of it."""
    return " ".join(_MARK.sub("", sentence).split())


def unreferenced(results: Sequence[tuple[str, str]], text: str) -> list[str]:
    """Titles of results that no sentence of a text refers to.

    A sentence refers to a result if it names its title, or is like one of its sentences: TF-IDF cosine of at
    least 0.2 over all sentences of both. A text in another language than the results refers to none.

    Args:
        results: titles and texts; empty texts ask for no reference.
        text: what was made of them.
    """
    written = [plain(sentence.text) for sentence in sentences(text)]
    parts = [(title, [plain(s.text) for s in sentences(result)]) for title, result in results]
    corpus = Corpus([*written, *(sentence for _, said in parts for sentence in said)])
    left, place = [], len(written)
    for title, said in parts:
        places = range(place, place + len(said))
        place += len(said)
        named = title.casefold() in text.casefold()
        if (
            said
            and not named
            and not any(corpus.cosine(w, p) >= REFERS for w in range(len(written)) for p in places)
        ):
            left.append(title)
    return left
