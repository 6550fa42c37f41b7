"""Languages of texts, told by their stop words."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_ENGLISH = "en"
_MIN_KNOWN = 0.9
"""Share of the letters of a text that a language has: names and loanwords bring in others."""


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case; a straight apostrophe may be part of one.

    >>> words_of("Don\u2019t wait 3 weeks")
    ["don't", 'wait', 'weeks']
    """
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.lower())]


@cache
def stop_words() -> Mapping[str, frozenset[str]]:
    """Return the words without a topic, by ISO 639-1 code of each language with a list."""
    return _read_words("stop_words.txt")


@cache
def general_words() -> Mapping[str, frozenset[str]]:
    """Return words of texts about anything, such as "use" and "example", by code of the language."""
    return _read_words("general_words.txt")


def _read_words(name: str) -> Mapping[str, frozenset[str]]:
    lines = (files(__package__) / name).read_text("utf-8").splitlines()
    pairs = (line.partition(": ") for line in lines if not line.startswith("#"))
    return {language: frozenset(words.split()) for language, _, words in pairs}


def detect_languages(texts: Sequence[str]) -> list[str | None]:
    """Return the code of the language of each text; None where it is unknown.

    It is the one that has most stop words in the text. Where several have as many, or none has any, as in
    "Great bike!", it is the one of the other texts with most words in common, then the most frequent one,
    then English; but without any stop word only if the text is written with the letters of that language.

    >>> detect_languages(["Where is my refund?", "Wo ist mein Geld?", "OK", "返金"])
    ['en', 'de', 'en', None]
    """
    candidates = [_candidates(text) for text in texts]
    vocabularies: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for text, languages in zip(texts, candidates, strict=True):
        if len(languages) == 1:
            counts[languages[0]] += 1
            vocabularies.setdefault(languages[0], set()).update(words_of(text))
    chosen: list[str | None] = []
    for text, languages in zip(texts, candidates, strict=True):
        words = set(words_of(text))
        likely = max(
            languages or [*counts, _ENGLISH],
            key=lambda name: (len(words & vocabularies.get(name, set())), counts[name], name == _ENGLISH),
        )
        chosen.append(likely if languages or _is_written_in(likely, text) else None)
    return chosen


def _candidates(text: str) -> list[str]:
    """Return the languages with most stop words in a text; empty if no language has any."""
    words = words_of(text)
    hits = {name: sum(word in listed for word in words) for name, listed in stop_words().items()}
    most = max(hits.values())
    return [name for name, count in hits.items() if count == most] if most else []


def _is_written_in(language: str, text: str) -> bool:
    letters = [character for character in text.lower() if character.isalpha()]
    known = sum(letter in _alphabet(language) for letter in letters)
    return bool(letters) and known >= _MIN_KNOWN * len(letters)


@cache
def _alphabet(language: str) -> frozenset[str]:
    basic = "" if language == "ru" else "abcdefghijklmnopqrstuvwxyz"
    return frozenset(basic) | {
        letter for word in stop_words()[language] for letter in word if letter.isalpha()
    }
