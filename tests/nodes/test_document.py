"""Documents in pieces and passages: nothing is lost, and blocks stay whole where they can."""

from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel.nodes.text.document import cut_document, show_place
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.runtime.tokens import estimate_tokens

PARTS = (
    "# A heading of the document",
    "A paragraph of a few words.",
    "```\nsome code\n\nmore code\n```",
    "- one\n- two",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "x" * 200,
)
few = settings(max_examples=60, deadline=None)


@few
@given(
    st.lists(st.sampled_from(PARTS), max_size=12), st.integers(5, 80), st.sampled_from(["a.md", "a.rst", ""])
)
def test_pieces_joined_are_the_document(parts: list[str], ceiling: int, name: str) -> None:
    """Each is within the ceiling, and knows its first line and character."""
    text = "\n\n".join(parts)
    pieces = cut_document(text, name, ceiling)
    assert "".join(piece.text for piece in pieces) == text
    for piece in pieces:
        assert estimate_tokens(piece.text) <= ceiling
        assert text[piece.offset :].startswith(piece.text)
        assert piece.first == 1 + text.count("\n", 0, piece.offset)


@few
@given(st.lists(st.sampled_from(PARTS[:4]), min_size=1, max_size=20))
def test_code_that_fits_is_never_cut(parts: list[str]) -> None:
    """The ceiling is larger than any block, so that no piece starts or ends inside of one."""
    for piece in cut_document("\n\n".join(parts), "a.md", 20):
        assert piece.text.count("```") % 2 == 0


def test_a_piece_starts_with_a_heading_and_does_not_end_with_one() -> None:
    """A heading in the second half of a piece is a better place than the end of it."""
    text = "".join(f"## Part {i}\n\n{'word ' * 20}\n\n{'more ' * 20}\n\n" for i in range(6))
    pieces = cut_document(text, "a.md", 130)
    assert len(pieces) > 2
    assert all(piece.text.startswith("## Part") for piece in pieces)
    headed = f"{'word ' * 60}\n\n# End\n\n{'more ' * 60}\n"
    assert [piece.text.startswith("# End") for piece in cut_document(headed, "a.md", 110)] == [False, True]


def test_a_place_is_shown_without_markup() -> None:
    """A quote of several blocks is shown on one line."""
    text = "See [the *mill*](https://a.org).\n\n> It **grinds**\n> barley.\n"
    blocks = read_blocks(text, "a.md")
    assert show_place(blocks, 0, len(text)) == "See the mill. It grinds barley."
    assert show_place(blocks, text.index("*mill"), text.index("](")) == "mill"
    assert show_place(blocks, 0, 0) == ""


def test_a_passage_is_at_most_one_section() -> None:
    """It starts with its heading, keeps code, and has the line of its first block."""
    text = (
        "[![mill](a.svg)](https://a.org)\n\n# Mill\n\nIt grinds [barley](https://b.org).\n\n"
        "## Install\n\nRun this:\n\n```sh\n$ get mill\n```\n\n<!-- secret words -->\n\n"
        "## End\n\n- one\n- two\n"
    )
    passages = Passages({"a.md": text})
    (found,) = passages.search("How do I get it?")
    assert (found.label, found.shown) == ("a.md, line 7", "Install\n\nRun this:\n\n    $ get mill")
    assert found.text.startswith("## Install\n\nRun this")
    assert passages.search("barley")[0].shown == "Mill\n\nIt grinds barley."
    assert passages.search("one")[0].shown == "End\n\n- one\n- two"
    assert passages.search("secret") == passages.search("svg") == []


def test_rows_of_a_long_table_have_its_header() -> None:
    """A row alone would not say what its cells are."""
    rows = "".join(f"| place {i} | {i * 7} sacks of barley per day |\n" for i in range(90))
    passages = Passages({"a.md": f"| name | output |\n|---|---|\n{rows}"})
    (found, *_) = passages.search("place 83")
    assert found.text.startswith("| name | output |\n|---|---|\n| place ")
    assert "| place 83 | 581 sacks" in found.text
    assert found.line > 3


def test_words_of_a_question_without_a_topic_do_not_count() -> None:
    """They would find sentences with the same question words, in every language."""
    files = {
        "a": "How it is and what it does, and how you do it with us.",
        "b": "Barley is ground at night.",
        "c": "Wie man es macht und was es ist und wo es das gibt.",
        "d": "Gerste wird in der Nacht gemahlen.",
    }
    passages = Passages(files)
    assert [found.document for found in passages.search("How is barley ground?")] == ["b"]
    assert [found.document for found in passages.search("Wie wird die Gerste gemahlen?")] == ["d"]
