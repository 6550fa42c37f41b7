"""Extraction without a model: the sentences that represent a document, and the terms that documents share."""

import pytest

from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.reducers.text.extract import most_central
from langgraph_parallel.reducers.text.themes import frequent_terms, shared_terms
from tests.support.ids import readable


def best(text: str, most: int, name: str = "a.txt") -> list[str]:
    """Return the texts of the most central statements."""
    return [statement.text for statement in most_central(read_blocks(text, name), most).best]


def test_central_sentences_are_most_similar_to_the_others() -> None:
    """What repeats one of them is left out; an empty text has none."""
    text = (
        "Cats purr when cats sleep well. Dogs bark at the postman. Most cats purr and sleep all day. "
        "Cats purr when cats sleep well. Old cats sleep even more."
    )
    chosen = best(text, 3)
    assert "Cats purr when cats sleep well." in chosen
    assert "Dogs bark at the postman." not in chosen
    assert len(set(chosen)) == len(chosen) == 3
    assert best("", 3) == []


def test_the_sentence_that_says_what_a_document_is_about_comes_first() -> None:
    """Of sentences that are as central, the early ones and those with words of the title are better."""
    told = "The barley mill grinds for nine bakeries."
    rest = (
        "Old workers repaired the northern pump. Young painters like southern gates. "
        "Cheap oil comes every spring. Visitors arrive on Sundays in autumn."
    )
    assert best(f"# Barley mill\n\n{told}\n\n{rest}\n", 1, "a.md") == [told]
    assert best(f"{told}\n\n{rest}\n", 1, "a.md") == [told]
    assert best(f"# Barley mill\n\n{rest} {told}\n", 1, "a.md") == [told]


def test_whole_sentences_come_before_fragments() -> None:
    """Items of lists are chosen only where there is nothing better."""
    items = "- old mills of the north and the south\n- new mills of the east and the west\n"
    text = f"{items}\nAll mills of the country grind barley.\n"
    assert best(text, 1, "a.md") == ["All mills of the country grind barley."]
    assert best(items, 1, "a.md") == ["old mills of the north and the south"]
    started = "and many more mills of the north.\n\nA mill of the south grinds barley at night."
    assert best(started, 1) == ["A mill of the south grinds barley at night."]


def titles(*documents: str) -> list[str]:
    """Return the terms that documents of one sentence each share."""
    shared = shared_terms({f"d{i}": [text] for i, text in enumerate(documents)}, 8)
    return [term.text for term in shared]


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (["The mill uses water power.", "We can use water power here."], ["water power"]),
        (["Read `mill_wheel` at https://mill.org/a.", "See `mill_wheel` on https://mill.org/a."], []),
        (["Die Mühle verwendet Wasserräder.", "Hier verwendet man Wasserräder."], ["Wasserräder"]),
        (["Das Paket wird installiert.", "Die Pakete werden installiert."], ["Paket"]),
        (["On peut utiliser l'eau du moulin.", "Il faut utiliser le moulin."], ["moulin"]),
        (["Se puede usar el molino.", "Los molinos se pueden usar."], ["molino"]),
        (["橋の修理は二年かかります。", "町は橋の修理を待っています。"], ["修理"]),
        (["The TLS handshake failed.", "A TLS handshake was seen."], ["TLS handshake"]),
        (["It rained.", "It snowed."], []),
    ],
    ids=readable,
)
def test_themes_are_words_with_a_topic(documents: list[str], expected: list[str]) -> None:
    """Words of texts about anything, code and addresses are none, in any language with a list of words."""
    assert titles(*documents) == expected


def test_a_theme_names_its_places_and_repeats_no_word() -> None:
    """Terms of more documents come first; a part of another term is left out."""
    documents = {
        "a": ["The water mill grinds barley.", "Barley needs rain."],
        "b": ["A water mill is old.", "Much barley was sold."],
        "c": ["Barley is cheap."],
    }
    found = shared_terms(documents, 8)
    assert [term.text for term in found] == ["barley", "water mill"]
    assert found[0].places == [("a", 0), ("a", 1), ("b", 1), ("c", 0)]
    assert shared_terms(documents, 1) == found[:1]
    assert shared_terms({"a": documents["a"]}, 8) == []
    assert [(term.text, term.places) for term in frequent_terms(documents["c"])] == [
        ("Barley", [0]),
        ("cheap", [0]),
    ]
