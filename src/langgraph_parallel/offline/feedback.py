"""What can be said of feedback without a model: a lexicon, patterns, and terms. Labelled as that."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from langgraph_parallel.offline.patterns import personal_data
from langgraph_parallel.reducers.text.similarity import terms

NOTICE = (
    "A lexicon, patterns and term counts did this work, not a language model. The sentiment is VADER's, for "
    "English: right in 54 to 60% of texts with three classes. Topics are terms that several texts share. "
    "Irony, other languages, and whatever is only meant escape them; what has no word of the lexicon has no "
    "sentiment."
)
NO_LEXICON = " The sentiment was not judged: install the extra `offline`."
_CLEAR = 0.05
"""VADER's own threshold for its compound score."""
_PART = 200
"""Words that are scored together; of a longer text the score is the mean of its parts."""
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
_NAMED: Mapping[str, re.Pattern[str]] = {
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
    """By VADER's compound score; nothing of a text without a word of its lexicon, or without VADER."""
    analyser = _analyser()
    made: list[dict[str, Any]] = []
    for text in texts:
        if analyser is None or not any(
            word in analyser.lexicon for word in re.findall(r"[\w']+", text.lower())
        ):
            made.append({})
            continue
        words = text.split()
        parts = [" ".join(words[i : i + _PART]) for i in range(0, len(words), _PART)]
        score = sum(analyser.polarity_scores(part)["compound"] for part in parts) / len(parts)
        label = "positive" if score >= _CLEAR else "negative" if score <= -_CLEAR else "neutral"
        made.append({"sentiment": label})
    return made


def urgencies(texts: Sequence[str]) -> list[dict[str, Any]]:
    """By words that threaten, and words that wait."""
    made = []
    for text in texts:
        threat, wait = _URGENT.search(text), _WAITING.search(text)
        found = threat or wait
        label = "high" if threat else "medium" if wait else "low"
        made.append({"urgency": label, "quote": found[0] if found else ""})
    return made


def topics(texts: Sequence[str], most: int = 4) -> list[dict[str, Any]]:
    """Terms that at least two texts share, and no more than half of them where they are many."""
    words = [_words(text) for text in texts]
    holding = Counter(term for held in words for term in held)
    ceiling = max(2, len(texts) // 2)
    shared = {term for term, count in holding.items() if 2 <= count <= ceiling and not term.isdigit()}
    wording = {
        term: Counter(held[term] for held in words if term in held).most_common(1)[0][0] for term in shared
    }
    return [
        {
            "topics": [
                wording[term] for term in sorted(held.keys() & shared, key=lambda t: (-holding[t], t))[:most]
            ]
        }
        for held in words
    ]


def entities(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Amounts, dates, references, and whatever `personal_data` finds. People, places and products are not."""
    made = []
    for text in texts:
        found = [
            {"kind": kind, "name": " ".join(match[0].split())}
            for kind, pattern in _NAMED.items()
            for match in pattern.finditer(text)
        ]
        found += [{"kind": span.kind, "name": span.text} for span in personal_data(text)]
        made.append({"entities": found})
    return made


def _words(text: str) -> dict[str, str]:
    """The terms of a text, and the first word of each."""
    held: dict[str, str] = {}
    for word in re.findall(r"[^\W_]+", text.lower()):
        for term in terms(word):
            held.setdefault(term, word)
    return {term: word for term, word in held.items() if len(word) > 2 or not word.isascii()}


@cache
def _analyser() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    return SentimentIntensityAnalyzer()


def has_lexicon() -> bool:
    """Whether VADER is installed."""
    return _analyser() is not None
