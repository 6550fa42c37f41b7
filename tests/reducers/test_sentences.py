"""Sentences of a text, and references to results."""

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.reducers.text.sentences import sentences, uncited


@given(st.text(max_size=200))
def test_sentences_are_places_of_the_text(text: str) -> None:
    """They are in order and do not overlap."""
    end = 0
    for sentence in sentences(text):
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.start >= end
        end = sentence.end


def test_sentences_of_several_scripts() -> None:
    """Full stops of all widths and list items end a sentence; abbreviations do not."""
    found = [s.text for s in sentences("\u96e8\u3060\u3002\u6674\u308c\uff01 Mr. Low left. - one\n- two")]
    assert found == ["\u96e8\u3060\u3002", "\u6674\u308c\uff01", "Mr. Low left.", "- one", "- two"]
    assert sentences("") == []


def test_a_number_at_the_start_of_a_line_is_part_of_its_sentence() -> None:
    """A line that starts with the mark of an item, and with a space after it, starts a sentence."""
    text = "Sales rose by\n4% in\n2024 and -\nas planned - fell.\n1. One\n- Two\n-x\n# Three"
    assert [s.text for s in sentences(text)] == [
        "Sales rose by\n4% in\n2024 and -\nas planned - fell.",
        "1. One",
        "- Two\n-x",
        "# Three",
    ]
    german = "Er kam z. B. heute, ca. um drei, bzw. später. Sie nicht."
    assert len(sentences(german)) == 2


def test_sentences_are_found_in_linear_time() -> None:
    """On such texts a careless pattern would backtrack for minutes."""
    assert len(sentences("A. " * 20_000)) >= 1
    assert len(sentences("It is. " * 20_000)) == 20_000


def test_a_result_is_referred_to_by_its_title_or_by_its_sentences() -> None:
    """An empty result needs no reference."""
    results = [("Ice", "It melts in spring."), ("Fire", "Flames need oxygen."), ("Air", "")]
    assert uncited(results, "About ice. Oxygen feeds flames.") == []
    assert uncited(results, "Nothing else.") == ["Ice", "Fire"]
    assert uncited([], "x") == []
