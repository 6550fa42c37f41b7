"""Searches in texts without a model have a result for any text, and places that are in it."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.offline.feedback import entities, sentiments, topics, urgencies
from langgraph_parallel.offline.personal_data import personal_data
from langgraph_parallel.offline.spam import spam_signs
from langgraph_parallel.reducers.text.languages import detect_languages, stop_words
from tests.support.fuzzing import fuzz, mutated

TOKENS = (
    *(
        "@",
        "::",
        ".",
        "-",
        "+",
        "(",
        ")",
        "/",
        " ",
        "\n",
        "\\n",
        "0",
        "12",
        "x",
        "ext. ",
        "tel",
        "\u0130",
        "\u00df",
        "٣",
    ),
    *("\ud800", "\x00", "\u2028", "😀", "!", "BUY ", "http://", "www.", "$", "#"),
)
SAMPLES = st.lists(
    st.sampled_from(
        [
            *(
                "ann@example.org",
                "+49 30 1234567",
                "tel: (212) 555-0134",
                "4111 1111 1111 1111",
                "192.168.7.9",
            ),
            *(
                "DE89 3704 0044 0532 0130 00",
                "078-05-1120",
                "2a00:1450:4001:81b::200e",
                "2024-01-02",
                "1.2.3.4/24",
            ),
            *("BUY NOW FREE CASH!!!", "click here", "https://a.example/b", " ", "\n", ", ", "call me on "),
        ]
    ),
    max_size=8,
).map("".join)


@given(mutated(SAMPLES, TOKENS), st.sampled_from([None, "US", "DE", "GB"]))
@fuzz
def test_places_of_personal_data_are_in_the_text(text: str, region: str | None) -> None:
    """Places are in text order, do not overlap, and hold what they say, in any text."""
    for spans in (personal_data(text, region), spam_signs(text)):
        assert all(text[span.start : span.end] == span.text and span.text for span in spans)
    found = personal_data(text, region)
    assert all(one.end <= other.start for one, other in pairwise(found))


WORDS = st.sampled_from(
    [
        "Where",
        "is",
        "my",
        "refund",
        "Wo",
        "ist",
        "mein",
        "Geld",
        "où",
        "est",
        "vélo",
        "返金",
        "OK",
        "don't",
        "#1",
    ]
)


@given(st.lists(mutated(st.lists(WORDS, max_size=8).map(" ".join), TOKENS), max_size=6))
@fuzz
def test_texts_in_any_language_are_analysed(texts: list[str]) -> None:
    """Every text gets a language that is listed or none, and one judgement of each dimension."""
    assert {*detect_languages(texts)} <= {*stop_words(), None}
    for analyse in (sentiments, topics, urgencies, entities):
        assert len(analyse(texts)) == len(texts)


@pytest.mark.parametrize(
    "unit",
    ["@", "a@", "::", "a:", "1", "1 ", "(", "tel ", "12 ", "BUY! ", "a.b@c.", "1.", "+", "DE89 ", "4111 "],
)
def test_a_long_run_takes_memory_in_proportion(unit: str) -> None:
    """A text of one unit over and over is searched in memory that its length bounds."""
    text = unit * (60_000 // len(unit))
    personal_data("warm up")
    tracemalloc.start()
    try:
        spans = len(personal_data(text)) + len(spam_signs(text))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60 * len(text) + 1_500 * spans
