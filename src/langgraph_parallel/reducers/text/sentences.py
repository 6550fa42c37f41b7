"""Sentences of a text, with their positions, and references between texts."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from langgraph_parallel.reducers.text.similarity import Corpus

_END = re.compile(
    r"(?<=[.!?\u2026])\0*[\"'\u201d\u2019\u00bb)\]\0]*\s+|(?<=[\u3002\uff01\uff1f])\s*|\n\s*\n"
    r"|\n(?=[ \t]*(?:[-*+][ \t]|\#{1,6}[ \t]|\||\d{1,9}[.)][ \t]))"
)
"""The end of a sentence, a blank line, or the start of an item, a heading or a row of a table.

A zero character stands for markup that is not shown.
"""
_ABBREVIATION = re.compile(
    r"""
    \b(?: [A-Z] | Mr | Mrs | Ms | Dr | Prof | St | vs | etc | approx | resp | incl | ca | cf | [Ff]ig | No
        | Inc | Ltd | Corp | Co | al | [Vv]ol | chap | pp | [Ee]\.?g | [Ii]\.?e
        | [zdu] | [zdu]\.[BhaT\u00c4] | bzw | ggf | evtl | inkl | vgl | usw | [Nn]r | [Ss]td | Abs | Art | Bd
        | p | p\.\s?ex | env )\.$
    """,
    re.VERBOSE,
)
"""In English, German and French."""
_STOP_CONTEXT = 12
"""Characters before a full stop that decide what it ends; unbounded, long lists take quadratic time."""
_MARK = re.compile(r"^\s*(?:[-*>]+|#{1,6}|\d+[.)])\s+")
REFERS = 0.2
"""Minimum cosine of a sentence and a sentence that it refers to."""


class Sentence(NamedTuple):
    """A sentence, and its position: `text[start:end]`."""

    start: int
    end: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """Split a text at the ends of sentences, at blank lines, and at list items.

    Supports all scripts that end sentences with `.`, `!`, `?` or their full-width forms. Common abbreviations
    do not end a sentence.

    >>> [s.text for s in sentences("Dr. Low came. It rained! Few minded")]
    ['Dr. Low came.', 'It rained!', 'Few minded']
    """
    found, start = [], 0
    for gap in [*_END.finditer(text), None]:
        end = gap.start() if gap else len(text)
        if gap and "\n" not in gap[0] and _continues(text, start, end):
            continue
        span = text[start:end]
        stripped = span.strip()
        if stripped:
            first = start + len(span) - len(span.lstrip())
            found.append(Sentence(first, first + len(stripped), stripped))
        start = gap.end() if gap else end
    return found


def _continues(text: str, start: int, end: int) -> bool:
    """Return whether the full stop before `end` belongs to an abbreviation or an item number."""
    is_number = end - start < _STOP_CONTEXT and text[start:end].strip(" \t")[:-1].isdigit()
    return is_number or bool(_ABBREVIATION.search(text, max(start, end - _STOP_CONTEXT), end))


def plain(sentence: str) -> str:
    """Return a sentence without a leading heading or list mark, on one line."""
    return " ".join(_MARK.sub("", sentence).split())


def uncited(results: Sequence[tuple[str, str]], text: str) -> list[str]:
    """Return the titles of results that a text does not refer to.

    A text refers to a result if it contains its title, or if a sentence of the text and one of the result
    have a TF-IDF cosine of at least 0.2, over all sentences of both. A text in another language than the
    results refers to them by title only.

    Args:
        results: titles and texts; an empty text needs no reference.
        text: written from the results.
    """
    written = [plain(sentence.text) for sentence in sentences(text)]
    by_result = [[plain(sentence.text) for sentence in sentences(result)] for _, result in results]
    corpus = Corpus([*written, *(sentence for group in by_result for sentence in group)])
    missing, start = [], len(written)
    for (title, _), group in zip(results, by_result, strict=True):
        places = range(start, start + len(group))
        start += len(group)
        if not group or title.casefold() in text.casefold():
            continue
        if not any(corpus.cosine(i, place) >= REFERS for i in range(len(written)) for place in places):
            missing.append(title)
    return missing
