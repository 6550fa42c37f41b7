"""Blocks of documents: which sentences are prose, and that each is a place of its document."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel.reducers.text.block import Kind
from langgraph_parallel.reducers.text.blocks import read_blocks
from langgraph_parallel.reducers.text.inline import BLANK, readable, view_markdown, view_rest
from langgraph_parallel.reducers.text.statements import statements
from tests.support.ids import readable as short

SENTENCES = (
    "The old mill grinds barley for nine bakeries.",
    "Every autumn the river floods its lower meadow.",
    "A narrow bridge connects both banks since 1897.",
)
NAMES = ("a.md", "a.rst", "a.txt", "a.html", "a")

MARKDOWN_NOISE = {
    "fence": "```python\nimport zebra\nThe zebra is inside of the fence here.\n```",
    "tilde fence": "~~~\nThe zebra is inside of the fence here.\n\nThe zebra is still inside here.\n~~~",
    "open fence": "> ```\n> The zebra is inside of the fence here.",
    "indented": "    The zebra is inside of indented code here.",
    "table": "| zebra | stripes |\n|---|---|\n| The zebra has many stripes. | The zebra sleeps now. |",
    "badges": "[![zebra](https://a.org/b.svg)](https://a.org) ![The zebra is a picture here.](z.png)",
    "definition": "[zebra]: https://a.org/zebra 'The zebra is a title here.'",
    "comment": "<!-- The zebra is in a comment here.\n\nThe zebra is in it, too. -->",
    "html": '<p align="center">\n<img alt="The zebra is a picture here.">\n</p>',
    "contents": "- [Zebra and where it lives](#zebra)\n- [Zebra and what it eats](#food)",
    "navigation": "[The zebra docs](https://a.org) | [The zebra source](https://b.org)",
    "heading": "## The zebra is only a heading here.",
    "setext": "The zebra is only a heading here.\n---",
    "footnote": "[^1]: The zebra is in a footnote here.",
    "rule": "* * *",
    "template": "{% include 'The zebra is a template here.' %}",
    "introduction": "The zebra has the following kinds of stripes:",
    "question": "Does the zebra have stripes on its back?",
}
REST_NOISE = {
    "code": ".. code-block:: python\n\n   The zebra is inside of the code.\n\n   The zebra is in it, too.",
    "literal": "Zebras::\n\n   The zebra is inside of the code here.\n\n   The zebra is in it, too.",
    "doctest": ">>> zebra()\nThe zebra is a result of it.",
    "image": ".. image:: zebra.png\n   :alt: The zebra is a picture here.",
    "comment": ".. The zebra is in a comment here.\n   The zebra is in it, too.",
    "target": ".. _The zebra is a target here: https://a.org",
    "substitution": "|zebra| |stripes|",
    "grid": "+----------------------+\n| The zebra is in here.|\n+----------------------+",
    "simple table": "=====  ======\nzebra  The zebra is in a cell.\n=====  ======",
    "title": "The zebra is only a heading here.\n=================================",
    "overlined": "----------\nThe zebra is only a heading here.\n----------",
    "fields": ":zebra: The zebra is a field here.\n   The zebra is in it, too.",
}
PLAIN_NOISE = {
    "aligned": "zebra   The zebra is in a column\nlion    The lion is in a column",
    "drawing": "+--------+\n| zebra  |\n+--------+",
    "contents": "1.1. The zebra and where it lives\n1.2. The zebra and what it eats",
    "session": "$ zebra --stripes The zebra is an argument here.",
    "capitals": "THE ZEBRA IS PROVIDED AS IT IS WITHOUT WARRANTY.",
    "code": "zebra = {stripes: [1, 2], back: (3 + 4) * 5}; run(zebra).",
}
NOISE = [
    *(("a.md", name, text) for name, text in MARKDOWN_NOISE.items()),
    *(("a.rst", name, text) for name, text in REST_NOISE.items()),
    *(("a.txt", name, text) for name, text in PLAIN_NOISE.items()),
]


def told(text: str, name: str = "a.md") -> list[str]:
    """Return the statements of a document."""
    return [statement.text for statement in statements(read_blocks(text, name))]


@pytest.mark.parametrize(("name", "kind", "noise"), NOISE, ids=short)
def test_what_is_not_prose_has_no_statements(name: str, kind: str, noise: str) -> None:
    """The sentences before and after it are found."""
    assert told(f"{SENTENCES[0]}\n\n{noise}\n", name) == [SENTENCES[0]]
    if kind != "open fence":
        assert told(f"{SENTENCES[0]}\n\n{noise}\n\n{SENTENCES[1]}\n", name) == list(SENTENCES[:2])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_in_any_document_only_prose_has_statements(data: st.DataObject) -> None:
    """Each statement is a place of the document, and of one of its sentences."""
    name, noises = data.draw(
        st.sampled_from([("a.md", MARKDOWN_NOISE), ("a.rst", REST_NOISE), ("a.txt", PLAIN_NOISE)])
    )
    noise = st.sampled_from([text for kind, text in noises.items() if kind not in ("open fence", "indented")])
    parts = data.draw(st.lists(st.one_of(st.sampled_from(SENTENCES), noise), max_size=8))
    text = "\n\n".join(parts)
    expected = [part for part in parts if part in SENTENCES]
    found = list(statements(read_blocks(text, name)))
    assert [statement.text for statement in found] == expected
    assert [text[statement.start : statement.end] for statement in found] == expected


@given(st.text(alphabet=st.sampled_from('ab.!  \n\n`*_[]()<>|#->:=+~\\{}\t\r"1\u3002\u6f22'), max_size=120))
@settings(max_examples=200, deadline=None)
def test_a_block_is_a_place_and_its_view_is_as_long(text: str) -> None:
    """Blocks are in order and do not overlap; a view has the characters of the text, or blanks."""
    for name in NAMES:
        end = 0
        for block in read_blocks(text, name):
            assert end <= block.start <= block.end <= len(text)
            assert len(block.view) == block.end - block.start
            pairs = zip(block.view, text[block.start : block.end], strict=True)
            assert all(shown in (source, BLANK) or shown.isspace() for shown, source in pairs)
            end = block.end


@given(
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4), st.sampled_from(["> ", "- ", "1. ", "> - "])
)
def test_a_statement_within_lists_and_quotes_is_a_place(parts: list[str], mark: str) -> None:
    """The marks at the starts of its lines are in the place, and not in the statement."""
    text = "\n\n".join(
        mark + part.replace(" for ", "\n" + (mark if mark == "> " else " " * len(mark)) + "for ")
        for part in parts
    )
    found = list(statements(read_blocks(text, "a.md")))
    assert [statement.text for statement in found] == parts
    for statement in found:
        words = [word for word in text[statement.start : statement.end].split() if word != ">"]
        assert words == statement.text.split()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("**Bold** and *slanted*, ~~gone~~ and __strong__.", "Bold and slanted, gone and strong."),
        (
            "2 * 3 * 4 is not `2*3*4`, a_b_c and src/**/*.py.",
            "2 * 3 * 4 is not `2*3*4`, a_b_c and src/**/*.py.",
        ),
        ("See [the *guide*](https://a.org 'T'), [more][x] and [y].", "See the guide, more and y."),
        ("An [array[0]] and [z] stay.", "An [array[0]] and [z] stay."),
        ("![Logo](a.png) [![b](c)](d) Text <b>x</b><br>y <!-- c -->", "Text x y"),
        ("Write to <ann@a.org> or <https://a.org>.", "Write to ann@a.org or https://a.org."),
        ("Call `f()` or f() (see [here](x) and ![i](y)).", "Call `f()` or f() (see here and)."),
        ("An icon :rocket: at 10:30:15 o'clock ([![x](y)](z)).", "An icon at 10:30:15 o'clock."),
        ("- [x] done[^2] \\*not\\* R&amp;D {#id .c}", "- done *not* R&D"),
        ("a ``b ` c`` [d](e_(f)_g)", "a ``b ` c`` d"),
    ],
    ids=short,
)
def test_markdown_is_shown_as_its_readers_see_it(source: str, shown: str) -> None:
    """Link texts are kept, their addresses are not; code is never touched."""
    assert readable(view_markdown(source, {"Y"}).text) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (":func:`os.path` and :py:class:`~a.b.C`, :ref:`the end <label>`.", "os.path and C, the end."),
        ("``x * y`` is *not* **so**; see `docs <https://a.org>`__.", "`x * y` is not so; see docs."),
        ("A reference_ and `two words`_ [1]_ |release| here.", "A reference and two words here."),
        ("snake_case stays, \\*so\\* does this.", "snake_case stays, *so* does this."),
    ],
    ids=short,
)
def test_rest_is_shown_as_its_readers_see_it(source: str, shown: str) -> None:
    """Roles, targets and substitutions are not shown."""
    assert readable(view_rest(source).text) == shown


def test_a_directive_with_prose_is_read() -> None:
    """Admonitions and descriptions of objects hold sentences; their first lines and options do not."""
    text = (
        f".. note:: {SENTENCES[0]}\n\n"
        f".. function:: mill(zebra)\n   :module: zebra\n\n   {SENTENCES[1]}\n\n"
        f".. versionadded:: 3.2\n   {SENTENCES[2]}\n"
    )
    assert told(text, "a.rst") == list(SENTENCES)


def test_front_matter_and_pages_of_html_are_understood() -> None:
    """Settings are not prose; of a page that was not made a text, tags and scripts are left out."""
    assert told(f"---\ntitle: The zebra is a title here.\n---\n\n{SENTENCES[0]}") == [SENTENCES[0]]
    assert told(f"+++\ntitle = 'The zebra is a title.'\n+++\n\n{SENTENCES[0]}") == [SENTENCES[0]]
    page = f"<!doctype html><title>Zebra</title><h1>Zebra is here now.</h1><p>{SENTENCES[0]}</p>"
    assert told(page + "<script>The zebra is a script here.</script><pre>The zebra is code here.</pre>") == [
        SENTENCES[0]
    ]
    assert told(f"Use <path> for {SENTENCES[0]}", "a.html") == [f"Use <path> for {SENTENCES[0]}"]


def test_the_markup_of_a_text_is_told_by_its_signs() -> None:
    """A name without a suffix says nothing; a few signs in a long text are chance."""
    assert told(f"# One\n\n{SENTENCES[0]}\n\n## Two\n\n    The zebra is code here.\n", "") == [SENTENCES[0]]
    assert told(f".. note::\n\n   {SENTENCES[0]}\n\n.. image:: a\n   :alt: The zebra is here.\n", "") == [
        SENTENCES[0]
    ]
    lines = "\n\n".join(f"    In year {i} the mill ground barley for bakeries." for i in range(500))
    assert len(told(f"# one\n\n# two\n\n{lines}", "a.txt")) == 500


def test_terms_of_a_manual_are_not_part_of_its_sentences() -> None:
    """A line that ends before its place is used up is a heading or a term; a first line may be indented."""
    text = (
        "OPTIONS\n       The mill has many options, and each of them is read before\n"
        "       the grinding starts in the morning.\n\n"
        "   A paragraph may start with an indented line, as it does in most\nbooks and in many letters.\n"
    )
    assert told(text, "a.txt") == [
        "The mill has many options, and each of them is read before the grinding starts in the morning.",
        "A paragraph may start with an indented line, as it does in most books and in many letters.",
    ]


def test_headings_in_the_text_of_a_pdf_are_not_part_of_a_sentence() -> None:
    """They are lines of their own, without a blank line, and much shorter than the others."""
    text = (
        "The barley mill\nInstall\n$ get mill\n"
        "A mill is built beside a river with enough water for its wheel,\n"
        "where the farmers of the valley can bring their barley in one day. The\n"
        "Old mill of the valley is one of these.\n"
    )
    assert told(text, "a.pdf") == [
        "A mill is built beside a river with enough water for its wheel, where the farmers of the valley "
        "can bring their barley in one day.",
        "The Old mill of the valley is one of these.",
    ]


def test_a_word_divided_at_the_end_of_a_line_is_put_together() -> None:
    """A plain hyphen stays, since it may be part of the word."""
    assert (
        readable("inter\u2010\n   active, soft\u00ad\nware, well-\nknown")
        == "interactive, software, well- known"
    )


def test_kinds_of_blocks() -> None:
    """Blocks are what a reader takes them for."""
    text = "# Mill\n\nIt grinds.\n\n- Barley\n\n```\nx\n```\n\n| a |\n|---|\n| b |\n\n[x](y)\n\n<hr>\n"
    assert [block.kind for block in read_blocks(text, "a.md")] == [
        Kind.heading,
        Kind.paragraph,
        Kind.item,
        Kind.code,
        Kind.table,
        Kind.navigation,
        Kind.markup,
    ]
