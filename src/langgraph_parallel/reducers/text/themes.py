"""Terms that documents are about, and those that several documents share."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from langgraph_parallel.reducers.text.inline import without_addresses
from langgraph_parallel.reducers.text.languages import detect_languages, general_words, stop_words
from langgraph_parallel.reducers.text.similarity import terms

_WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*|(?P<break>[^\s\w]|\d)")
_CODE = re.compile(r"`[^`]*`")
_ELISION = re.compile(
    r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|dell|nell|all|sull|dall)['\u2019](?=\w{3})", re.I
)
_POSSESSIVE = re.compile(r"['\u2019]s?$")
_UNSPACED = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]{2,}|[\u30a1-\u30fa\u30fc]{2,}")
"""Words of scripts without spaces: Chinese characters, and katakana."""
_ENDING = re.compile(r"(?<=\w{4})(?:en|n|x|a|o)$")
"""Endings of plurals and cases in other languages than English."""
_MIN_LETTERS, _MIN_CAPITALS = 4, 3
"""Minimum letters of a word, in ASCII, and of one in capitals."""
_MAX_RUN = 4
"""Maximum characters of a term of Chinese characters."""
_PHRASE = 1.7
"""Weight of a term of two words: it says more than a word."""


class Term(NamedTuple):
    """A term of a document."""

    key: str
    """What all forms of the term have in common."""
    text: str
    """The term as most sentences write it."""
    places: list[int]
    """Indices of the sentences with it."""


class SharedTerm(NamedTuple):
    """A term of several documents."""

    text: str
    """The term as most documents write it."""
    places: list[tuple[str, int]]
    """Names of documents, each with the index of a sentence."""


def frequent_terms(sentences: Sequence[str]) -> list[Term]:
    """Return the words and pairs of words of a document, those of most sentences first.

    Words that say nothing about a topic in the language of the document are left out, and so are code and
    addresses. In German only nouns are terms: they have capitals.

    Args:
        sentences: of one document, as a reader sees them.
    """
    texts = [without_addresses(_CODE.sub(" ; ", sentence)) for sentence in sentences]
    language = detect_languages([" ".join(texts)])[0] or ""
    found: dict[str, list[int]] = {}
    forms: dict[str, Counter[str]] = {}
    for i, text in enumerate(texts):
        for form in _forms(text, language):
            key = _key(form, language)
            forms.setdefault(key, Counter())[form] += 1
            places = found.setdefault(key, [])
            if not places or places[-1] != i:
                places.append(i)
    keys = sorted(found, key=lambda key: (-len(found[key]) * _weight(key), found[key][0], key))
    return [Term(key, _most_common(forms[key]), found[key]) for key in keys]


def _key(form: str, language: str) -> str:
    words = terms(form) or [form.lower()]
    return " ".join(words if language == "en" else (_ENDING.sub("", word) for word in words))


def _weight(key: str) -> float:
    return _PHRASE if " " in key else 1


def _most_common(forms: Counter[str]) -> str:
    """Return the form that occurs most; of several the shortest one, then one without capitals."""
    return min(forms, key=lambda form: (-forms[form], len(form), sum(map(str.isupper, form)), form))


def _forms(text: str, language: str) -> Iterator[str]:
    """Yield the words and pairs of words of a sentence as it writes them."""
    before = ""
    for match in _WORD.finditer(text):
        word = _POSSESSIVE.sub("", _ELISION.sub("", match[0]))
        if match["break"] or not _is_topical(word, language):
            before = ""
            continue
        yield word
        if before:
            yield f"{before} {word}"
        before = word
    for match in _UNSPACED.finditer(text):
        run = match[0]
        if len(run) <= _MAX_RUN or "\u30a1" <= run[0] <= "\u30fc":
            yield run
        else:
            yield from (run[i : i + 2] for i in range(len(run) - 1))


def _is_topical(word: str, language: str) -> bool:
    if any("\u3040" <= char <= "\u9fff" for char in word):
        return False  # not a word: these scripts have no spaces between words
    is_short = len(word) < (_MIN_CAPITALS if word.isupper() else _MIN_LETTERS)
    if (is_short and word.isascii()) or (language == "de" and word[0].islower()):
        return False
    return word.lower().replace("\u2019", "'") not in _ignored(language)


@cache
def _ignored(language: str) -> frozenset[str]:
    """Return the words without a topic of a language; English ones are in texts of all languages."""
    lists = (stop_words(), general_words())
    return frozenset().union(*(words.get(name, ()) for words in lists for name in ("en", language)))


def shared_terms(documents: Mapping[str, Sequence[str]], most: int) -> list[SharedTerm]:
    """Return terms of several documents, those of most documents first.

    A term is left out if it has a word of an earlier one, or if earlier ones cite all of its sentences.

    Args:
        documents: sentences of each document, by name.
        most: maximum number of terms.
    """
    found: dict[str, list[tuple[str, Term]]] = {}
    for document, sentences in documents.items():
        for term in frequent_terms(sentences):
            found.setdefault(term.key, []).append((document, term))
    shared = {key: places for key, places in found.items() if len(places) > 1}
    ratings = {key: _rate(key, [term for _, term in places]) for key, places in shared.items()}
    chosen: list[SharedTerm] = []
    words: set[str] = set()
    cited: set[tuple[str, int]] = set()
    for key in sorted(shared, key=lambda key: (-ratings[key], key)):
        places = [(document, i) for document, term in shared[key] for i in term.places]
        if len(chosen) < most and not words & set(key.split()) and not cited.issuperset(places):
            chosen.append(SharedTerm(_most_common(Counter(term.text for _, term in shared[key])), places))
            words.update(key.split())
            cited.update(places)
    return chosen


def _rate(key: str, found: Sequence[Term]) -> float:
    """Rate a term by the documents that have it, and by how many of their sentences do."""
    return _weight(key) * math.fsum(1 + math.log(len(term.places)) for term in found)
