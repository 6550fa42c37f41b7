"""Quotes: places are exact, and searching takes linear time."""

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.nodes.text.quotes import locate


@given(st.text(max_size=20), st.text(max_size=60))
def test_a_place_has_the_words_of_the_quote(quote: str, text: str) -> None:
    """Only white space and case may differ."""
    for start, end in locate(quote, text):
        assert text[start:end].casefold().split() == quote.casefold().split()


def test_a_quote_has_at_most_twenty_places() -> None:
    """A text that repeats the quote thousands of times is not searched to its end."""
    assert len(locate("e", "e " * 15_000)) == 20
