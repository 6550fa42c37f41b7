"""Analysis of feedback without a model, by a sentiment lexicon, patterns and shared terms."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from typing import Any

from langgraph_parallel.offline.personal_data import find_places
from langgraph_parallel.reducers.text.languages import detect_languages, stop_words, words_of
from langgraph_parallel.reducers.text.similarity import terms

NOTICE = (
    "A lexicon, patterns and term counts did this work, not a language model. Sentiment is from VADER, for "
    "English: correct for 54 to 60% of texts with three classes; a text without a word of the lexicon is "
    "neutral, and its notes say so. Topics are terms that several texts share, without the stop words of "
    "their language. A language without a lexicon or without stop words is not assessed, as the notes say. "
    "Irony and implied meaning are not recognised, and urgency is judged by English phrases."
)
_SILENT = "neutral, since no word of the lexicon is in it"
_NOT_ENGLISH = "not assessed, since the lexicon is English"
_NO_LIST = "not assessed, since there are no stop words for its language"
NO_LEXICON = " Sentiment was not judged: install the extra `offline`."
_CLEAR = 0.05
"""Minimum absolute compound score of a sentiment that is not neutral; VADER's own threshold."""
_SHORT = 2
"""Letters of words that are no topics."""
_CHUNK_WORDS = 200
"""Words scored together; the score of a longer text is the mean of its chunks."""
_URGENT = re.compile(
    r"\b(?:urgent(?:ly)?|asap|immediately|right now|emergency|at once|dangerous|unsafe|fire|injur\w+|lawyer|"
    r"legal action|sue|fraud|stolen|hacked|locked out|cannot (?:access|log ?in)|can't (?:access|log ?in)|"
    r"last chance|by (?:today|tonight|tomorrow))\b",
    re.I,
)
_WAITING = re.compile(
    r"\b(?:still (?:waiting|no|not)|no (?:reply|answer|response)|please (?:reply|answer|help|call|contact)|"
    r"when will|how long|refund|cancel(?:led)?|broken|does(?:n't| not) work|not working|"
    r"missing|never arrived)\b|\?",
    re.I,
)
_ENTITIES: Mapping[str, re.Pattern[str]] = {
    "money": re.compile(
        r"[$\u20ac\u00a3\u00a5]\s?\d[\d,]{0,20}(?:\.\d{1,4})?|"
        r"(?<![\d,.])\d[\d,]{0,20}(?:\.\d{1,4})?\s?(?:dollars|euros?|EUR|USD|GBP)\b"
    ),
    "date": re.compile(
        r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}(?:st|nd|rd|th)? (?:January|February|"
        r"March|April|May|June|July|August|September|October|November|December)|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|"
        r"Sun)day)\b"
    ),
    "reference": re.compile(r"(?:#|\b(?:order|invoice|ticket|case)\s+(?:no\.?\s*)?#?)\d[\w-]{2,}", re.I),
}


def sentiments(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return `{"sentiment"}` for each text, by VADER's compound score.

    A text without a word of the lexicon is neutral, with a `note`; one in another language than English has a
    `note` only. A text without letters, and without VADER any text, gets an empty dict.
    """
    analyser = _load_analyser()
    if analyser is None:
        return [{} for _ in texts]
    languages = detect_languages(texts)
    return [_sentiment(text, language, analyser) for text, language in zip(texts, languages, strict=True)]


def _sentiment(text: str, language: str | None, analyser: Any) -> dict[str, Any]:
    has_word = any(word in analyser.lexicon for word in text.lower().split())
    has_word = has_word or any(word in analyser.lexicon for word in re.findall(r"[\w']+", text.lower()))
    if not has_word and not any(character.isalpha() for character in text):
        return {}
    if language != "en":
        return {"note": _NOT_ENGLISH}
    if not has_word:
        return {"sentiment": "neutral", "note": _SILENT}
    words = text.split()
    # The compound score saturates with length, so a long text is scored in chunks.
    chunks = [" ".join(words[i : i + _CHUNK_WORDS]) for i in range(0, len(words), _CHUNK_WORDS)]
    score = sum(analyser.polarity_scores(chunk)["compound"] for chunk in chunks) / len(chunks)
    return {"sentiment": "positive" if score >= _CLEAR else "negative" if score <= -_CLEAR else "neutral"}


def urgencies(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return `{"urgency", "quote"}` for each text: high for threats, medium for waiting, else low."""
    rows = []
    for text in texts:
        threat, waiting = _URGENT.search(text), _WAITING.search(text)
        match = threat or waiting
        label = "high" if threat else "medium" if waiting else "low"
        rows.append({"urgency": label, "quote": match[0] if match else ""})
    return rows


def topics(texts: Sequence[str], most: int = 4) -> list[dict[str, Any]]:
    """Return `{"topics"}` for each text: its terms that other texts share, the most common first.

    A topic is in at least two texts, and in no more than half of them (but two are always allowed). A text in
    a language without a list of stop words has a `note` only.

    Args:
        texts: all texts of the analysis.
        most: maximum number of topics of a text.
    """
    languages = detect_languages(texts)
    words_by_text = [_words_by_term(text, language) for text, language in zip(texts, languages, strict=True)]
    counts = Counter(term for words in words_by_text for term in words)
    ceiling = max(2, len(texts) // 2)
    shared = {term for term, count in counts.items() if 2 <= count <= ceiling and not term.isdigit()}
    labels = _most_common_words(shared, words_by_text)
    rows: list[dict[str, Any]] = []
    for text, language, words in zip(texts, languages, words_by_text, strict=True):
        if language is None and text.strip():
            rows.append({"note": _NO_LIST})
            continue
        ranked = sorted(words.keys() & shared, key=lambda term: (-counts[term], term))
        rows.append({"topics": [labels[term] for term in ranked[:most]]})
    return rows


def _most_common_words(chosen: Set[str], words_by_text: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the word that stands for each of the chosen terms in most texts, the first one of several."""
    spellings: dict[str, Counter[str]] = {term: Counter() for term in chosen}
    for words in words_by_text:
        for term in words.keys() & chosen:
            spellings[term][words[term]] += 1
    return {term: counts.most_common(1)[0][0] for term, counts in spellings.items()}


def entities(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return `{"entities"}` for each text: amounts, dates, references, and `personal_data`.

    People, places and products are not found.
    """
    rows = []
    for text in texts:
        found = [
            {"kind": kind, "name": " ".join(match[0].split())}
            for kind, pattern in _ENTITIES.items()
            for match in pattern.finditer(text)
        ]
        found += [{"kind": kind, "name": text[start:end]} for start, end, kind in find_places(text)]
        rows.append({"entities": found})
    return rows


def _words_by_term(text: str, language: str | None) -> dict[str, str]:
    """Return the terms of a text, each with its first word; only words of English are stemmed."""
    listed = stop_words().get(language or "", frozenset())
    words: dict[str, str] = {}
    for word in words_of(text) if language else ():
        stem = word.partition("'")[0] if language == "en" else word.rpartition("'")[2]
        if len(stem) <= _SHORT or word in listed or stem in listed:
            continue
        for term in terms(stem) if language == "en" else [stem]:
            words.setdefault(term, stem)
    return words


@cache
def _load_analyser() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    return SentimentIntensityAnalyzer()


def has_lexicon() -> bool:
    """Return whether VADER is installed."""
    return _load_analyser() is not None
