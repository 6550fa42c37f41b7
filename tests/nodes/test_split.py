"""Splitting: nothing is lost, nothing is repeated without overlap, and ceilings are kept."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.flow import split
from langgraph_parallel.nodes.flow.planner import Content, Planner
from langgraph_parallel.nodes.text import chunks
from langgraph_parallel.nodes.text.chunks import Piece, cut, split_lines
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.tokens import estimate_tokens

few = settings(max_examples=80, deadline=None)

BREAKS = "\n\r\f\v\x1c\x85\u2028\u2029"
texts = st.text(
    alphabet=st.one_of(st.sampled_from("ab \n\n" + BREAKS), st.characters(exclude_categories=["Cs"]))
)
lined = st.lists(st.sampled_from(["", "a", "word", "  indented", "x" * 30, "# head"]), max_size=25).map(
    "\n".join
)
ceilings = st.integers(2, 12)


def words(text: str) -> int:
    """Count one token for each word, so that sizes are easy to see."""
    return len(text.split())


def rows(text: str) -> int:
    """Count one token for each line."""
    return text.count("\n")


def divided(planner: Planner, content: Content) -> list[Section]:
    """Return the sections of a content."""
    sections = planner(content)
    assert isinstance(sections, list)
    return sections


def contents(sections: Sequence[Section]) -> list[str]:
    """Return the texts of sections."""
    return [section.content for section in sections]


def squeezed(text: str) -> str:
    """Return a text without white space: planners may leave out blank parts."""
    return "".join(text.split())


def last_lines(pieces: Sequence[Piece]) -> list[int]:
    """Return the number of the last line of each piece."""
    return [piece.first + len(split_lines(piece.text)) - 1 for piece in pieces]


# lines and pieces


@few
@given(text=texts)
def test_lines_joined_are_the_text(text: str) -> None:
    """Each line keeps its line feed, and only a line feed ends a line."""
    lines = split_lines(text)
    assert "".join(lines) == text
    assert all(line.count("\n") == line.endswith("\n") for line in lines)


def test_form_feeds_and_unicode_separators_do_not_end_a_line() -> None:
    """Lines are counted as editors and compilers count them."""
    assert split_lines("a\fb\u2028c\x85d\re\nf") == ["a\fb\u2028c\x85d\re\n", "f"]


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings)
@example(text="\U0001f600" * 50, ceiling=2)
@example(text="\n" * 50, ceiling=2)
def test_pieces_joined_are_the_text(text: str, ceiling: int) -> None:
    """Without overlap, the joined pieces equal the text, to the character."""
    assert "".join(piece.text for piece in cut(text, ceiling)) == text


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings, data=st.data())
def test_every_piece_is_under_the_ceiling(text: str, ceiling: int, data: st.DataObject) -> None:
    """With or without overlap, no piece is empty, and no piece exceeds the ceiling."""
    overlap = data.draw(st.integers(0, ceiling // 2))
    for piece in cut(text, ceiling, overlap=overlap):
        assert 0 < estimate_tokens(piece.text) <= ceiling


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings, data=st.data())
def test_a_piece_starts_on_the_line_that_it_names(text: str, ceiling: int, data: st.DataObject) -> None:
    """`first` is the number of the first line of a piece, or of the line that the piece is part of."""
    lines = split_lines(text)
    for piece in cut(text, ceiling, overlap=data.draw(st.integers(0, ceiling // 2))):
        first = split_lines(piece.text)[0]
        assert first in lines[piece.first - 1]


def test_an_empty_text_gives_no_pieces() -> None:
    """An empty text has no pieces."""
    assert cut("", 10) == []


def test_a_text_under_the_ceiling_is_one_piece() -> None:
    """A text exactly at the ceiling fits."""
    assert cut("a b\nc d\n", 4, count=words) == [Piece(1, "a b\nc d\n")]


def test_a_very_long_line_is_cut_within() -> None:
    """All of its pieces have the number of the line, and the next line has the next number."""
    pieces = cut(f"short\n{'x' * 100_000}\nlast\n", 1000)
    assert {piece.first for piece in pieces[1:-1]} == {2}
    assert "".join(piece.text for piece in pieces) == f"short\n{'x' * 100_000}\nlast\n"
    assert len(pieces) >= 34


def test_a_character_above_the_ceiling_is_a_piece_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A character cannot be cut further: cutting still ends, and loses nothing."""
    count = 0

    def counted(first: int, text: str) -> Piece:
        nonlocal count
        count += 1
        assert count < 100, "cutting does not end"
        return Piece(first, text)

    monkeypatch.setattr(chunks, "Piece", counted)
    text = "a\U0001f600b\n"
    assert "".join(piece.text for piece in cut(text, 1)) == text


def test_a_piece_preferably_ends_at_a_blank_line() -> None:
    """If the second half of a piece has a blank line, the next piece starts after it."""
    text = "a\nb\nc\n\nd\ne\nf\n"
    assert [piece.text for piece in cut(text, 5, count=rows)] == ["a\nb\nc\n\n", "d\ne\nf\n"]


def test_a_blank_line_before_an_indented_one_is_not_a_good_break() -> None:
    """A blank line does not separate the body of a function from its head."""
    assert cut("a\nb\nc\n\n  d\ne\nf\n", 6, count=rows)[1].text == "f\n"


def test_lines_without_tokens_are_not_repeated_without_overlap() -> None:
    """If the counter counts 0 for a blank line, the joined pieces still equal the text."""
    text = "a\nb\n\nc\nd\n"
    assert "".join(piece.text for piece in cut(text, 2, count=words)) == text


def test_a_custom_break_is_used() -> None:
    """`good_break` chooses where a piece preferably starts."""

    def at_heads(lines: Sequence[str], i: int) -> bool:
        return lines[i].startswith("#")

    pieces = cut("a\nb\n#c\nd\ne\n", 4, count=words, good_break=at_heads)
    assert [piece.first for piece in pieces] == [1, 3]


def test_overlap_repeats_whole_lines_up_to_its_size() -> None:
    """Two tokens of overlap repeat two lines of one word, or one line of two words."""
    pieces = cut("a\nb\nc\nd\ne f\ng\nh\n", 4, overlap=2, count=words)
    assert [piece.text for piece in pieces] == ["a\nb\nc\nd\n", "c\nd\ne f\n", "e f\ng\nh\n"]
    assert [piece.first for piece in pieces] == [1, 3, 5]


def test_a_line_longer_than_the_overlap_is_not_repeated() -> None:
    """A line is repeated as a whole or not at all."""
    pieces = cut("a b c\nd e f\n", 4, overlap=2, count=words)
    assert [piece.text for piece in pieces] == ["a b c\n", "d e f\n"]


@few
@given(text=lined, ceiling=st.integers(11, 24), data=st.data())
def test_overlap_repeats_at_most_its_tokens(text: str, ceiling: int, data: st.DataObject) -> None:
    """A piece shares at most the overlap with the previous one, and no line is left out."""
    overlap = data.draw(st.integers(0, ceiling // 2))
    lines, pieces = split_lines(text), cut(text, ceiling, overlap=overlap)
    for before, after, end in zip(pieces, pieces[1:], last_lines(pieces), strict=False):
        assert before.first < after.first <= end + 1
        assert estimate_tokens("".join(lines[after.first - 1 : end])) <= overlap


@few
@given(text=lined, ceiling=st.integers(11, 24), data=st.data())
@example(text="aaaaa\nb\nc\n" + "d" * 30 + "\n", ceiling=11, data=None)
def test_every_piece_shows_something_new(text: str, ceiling: int, data: st.DataObject | None) -> None:
    """Each piece has at least one line that the previous one does not have."""
    overlap = data.draw(st.integers(0, ceiling // 2)) if data else 2
    last = last_lines(cut(text, ceiling, overlap=overlap))
    assert all(one < other for one, other in pairwise(last))


def test_a_long_line_after_overlap_does_not_make_pieces_of_overlap_alone() -> None:
    """If the next line does not fit after the overlap, the overlap is left out."""
    pieces = cut("a\nb\nc\nd e f g\n", 4, overlap=2, count=words)
    assert [piece.text for piece in pieces] == ["a\nb\nc\n", "d e f g\n"]


# invalid arguments

Maker = Callable[..., Planner]


def criteria_of_one(*args: Any, **options: Any) -> Planner:
    """Build `by_criterion` with one criterion, so that it has the arguments of the other planners."""
    return split.by_criterion({"tone": "Is it polite?"}, *args, **options)


MAKERS: list[Maker] = [split.by_heading, split.by_file, criteria_of_one, split.by_pages, split.in_batches]


@pytest.mark.parametrize("ceiling", [0, -1])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_ceiling_below_one_is_rejected(maker: Maker, ceiling: int) -> None:
    """The error is raised when the planner is built."""
    with pytest.raises(UsageError, match=f"max_tokens is {ceiling}"):
        maker(max_tokens=ceiling)


@pytest.mark.parametrize("overlap", [-1, 6])
@pytest.mark.parametrize("maker", MAKERS[:4])
def test_an_overlap_above_half_the_ceiling_is_rejected(maker: Maker, overlap: int) -> None:
    """An overlap must be from 0 to half of the ceiling."""
    with pytest.raises(UsageError, match=f"overlap is {overlap}"):
        maker(max_tokens=10, overlap=overlap)


@pytest.mark.parametrize(("ceiling", "overlap"), [(0, 0), (10, -1), (10, 6)])
def test_cutting_checks_its_arguments_too(ceiling: int, overlap: int) -> None:
    """`cut` raises the same error as the planners."""
    with pytest.raises(UsageError):
        cut("text", ceiling, overlap=overlap)


@pytest.mark.parametrize("bad", [0, -2])
def test_a_batch_or_section_of_less_than_one_is_rejected(bad: int) -> None:
    """`size` and `pages` are at least 1."""
    with pytest.raises(UsageError, match=f"pages is {bad}"):
        split.by_pages(bad)
    with pytest.raises(UsageError, match=f"size is {bad}"):
        split.in_batches(bad)


def test_by_criterion_needs_criteria() -> None:
    """Without criteria, no text would have a section."""
    with pytest.raises(UsageError, match="criteria is empty"):
        split.by_criterion({})


@pytest.mark.parametrize(
    ("maker", "content", "message"),
    [
        (split.by_heading, ["a"], "content is list; expected a text, which planner by_heading"),
        (split.by_heading, None, "content is NoneType; expected a text, which planner by_heading"),
        (
            split.by_file,
            "a",
            "content is str; expected a mapping of path to text, which planner by_file",
        ),
        (
            split.by_file,
            {"a": 1},
            "content is dict; expected a mapping of path to text, which planner by_file",
        ),
        (criteria_of_one, {"a": "b"}, "content is dict; expected a text, which planner by_criterion"),
        (split.by_pages, 3, "content is int; expected a text, which planner by_pages"),
        (
            split.in_batches,
            "abc",
            "content is str; expected a list of texts, which planner in_batches",
        ),
        (
            split.in_batches,
            ["a", 1],
            "content is list; expected a list of texts, which planner in_batches",
        ),
    ],
)
def test_content_of_another_type_is_rejected(maker: Maker, content: Any, message: str) -> None:
    """The error names the planner, the expected type, and the actual type."""
    with pytest.raises(InputError, match=message):
        maker()(content)


@pytest.mark.parametrize(
    ("maker", "empty"),
    [
        (split.by_heading, ""),
        (split.by_heading, " \n\n"),
        (split.by_file, {}),
        (split.by_file, {"a.py": "", "b.py": "\n"}),
        (criteria_of_one, ""),
        (split.by_pages, ""),
        (split.by_pages, "\f\f"),
        (split.in_batches, []),
    ],
)
def test_empty_content_gives_no_sections(maker: Maker, empty: Content) -> None:
    """Blank content has no sections."""
    assert divided(maker(), empty) == []


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings)
@pytest.mark.parametrize("maker", [split.by_heading, criteria_of_one, split.by_pages])
def test_planners_of_texts_lose_nothing_and_keep_the_ceiling(maker: Maker, text: str, ceiling: int) -> None:
    """The sections contain everything but white space, once and in order; ids are unique."""
    sections = divided(maker(max_tokens=ceiling), text)
    assert squeezed("".join(contents(sections))) == squeezed(text)
    assert all(estimate_tokens(section.content) <= ceiling for section in sections)
    assert len({section.id for section in sections}) == len(sections)


# by_heading


def test_a_text_is_divided_at_its_headings() -> None:
    """Each section starts with the heading that titles it; text before the first heading is a section."""
    sections = divided(split.by_heading(), "Hello\n# One\na\n## Two ##\nb\n### Deep\nc\n#nospace\n")
    assert [(section.title, section.content) for section in sections] == [
        ("Start", "Hello\n"),
        ("One", "# One\na\n"),
        ("Two", "## Two ##\nb\n### Deep\nc\n#nospace\n"),
    ]


def test_the_level_limits_the_headings_that_divide() -> None:
    """At level 1, a second-level heading is text."""
    assert [s.title for s in divided(split.by_heading(level=1), "# One\n## Two\n# Three\n")] == [
        "One",
        "Three",
    ]


@pytest.mark.parametrize(
    "fenced",
    [
        "```\n# no\n```\n",
        "~~~ python\n# no\n~~~\n",
        "```\n~~~\n# no\n```\n",
        "````\n```\n# no\n```\n````\n",
        "~~~~\n~~~\n# no\n~~~~\n",
        "```\n```python\n# no\n```\n",
        "```\n# not closed\n",
    ],
    ids=["backticks", "tildes", "other-inside", "longer", "longer-tildes", "info-does-not-close", "open"],
)
def test_headings_inside_code_fences_are_text(fenced: str) -> None:
    """A fence is closed by at least as many of its own marks, with nothing after them."""
    assert contents(divided(split.by_heading(), fenced)) == [fenced]


@pytest.mark.parametrize(
    "before",
    ["```\ncode\n```\n", "~~~\ncode\n~~~~\n", "```pip install x``` does it\n", "text ``` text\n"],
    ids=["closed", "closed-by-more", "code-in-a-line", "within-a-line"],
)
def test_headings_after_code_divide(before: str) -> None:
    """A closed fence, or text that is not a fence, does not hide a heading."""
    assert [s.title for s in divided(split.by_heading(), f"{before}# Yes\n")] == ["Start", "Yes"]


def test_a_title_keeps_marks_that_belong_to_it() -> None:
    """Only marks after a space close a heading."""
    assert [s.title for s in divided(split.by_heading(), "## Tips for C#\n")] == ["Tips for C#"]


def test_a_heading_without_words_has_a_title_too() -> None:
    """The title is never empty."""
    assert [s.title for s in divided(split.by_heading(), "#\ntext\n")] == ["Untitled"]


def test_a_long_section_is_numbered_in_its_titles() -> None:
    """Parts are consecutive, and ids continue."""
    sections = divided(split.by_heading(2, count=words), "intro\n# A\nb\nc\n")
    assert [(s.id, s.title) for s in sections] == [("1", "Start"), ("2", "A (1/2)"), ("3", "A (2/2)")]


def test_a_heading_with_much_white_space_is_read_in_linear_time() -> None:
    """On such a line a careless pattern would backtrack for minutes."""
    assert divided(split.by_heading(), "# a" + " " * 50_000 + "b")


# by_file


def test_files_are_sections_in_the_order_of_their_paths() -> None:
    """A file under the ceiling is one section, with its path as id and title."""
    sections = divided(split.by_file(), {"b.py": "b\n", "a.py": "a\n", "empty.py": ""})
    assert [(s.id, s.title, s.content) for s in sections] == [
        ("a.py", "a.py", "a\n"),
        ("b.py", "b.py", "b\n"),
    ]


def test_the_parts_of_a_long_file_are_numbered() -> None:
    """Ids and titles have the path and the number of the part."""
    sections = divided(split.by_file(2, count=words), {"a.py": "a\nb\nc\n"})
    assert [s.title for s in sections] == ["a.py (1/2)", "a.py (2/2)"]
    assert [s.id for s in sections] == ["a.py (1/2)", "a.py (2/2)"]


@few
@given(
    files=st.dictionaries(st.sampled_from(["a", "a:1", "b.py", "c/d.py"]), lined, max_size=4),
    ceiling=ceilings,
)
def test_ids_of_files_are_unique_and_their_texts_whole(files: dict[str, str], ceiling: int) -> None:
    """Parts of one long line also have unique ids."""
    sections = divided(split.by_file(ceiling), files)
    assert len({section.id for section in sections}) == len(sections)
    assert squeezed("".join(contents(sections))) == squeezed("".join(files[path] for path in sorted(files)))
    assert all(estimate_tokens(section.content) <= ceiling for section in sections)


def test_a_path_that_looks_like_the_id_of_a_part_does_not_clash() -> None:
    """Ids are unique for any file names."""
    sections = divided(split.by_file(2, count=words), {"a": "a\nb\nc\n", "a:1#1": "d\n"})
    assert len({section.id for section in sections}) == len(sections)


# by_criterion


def test_every_criterion_gets_the_whole_text() -> None:
    """The criterion is the instructions of the section, and its name the title."""
    planner = split.by_criterion({"tone": "Is it polite?", "length": "Is it short?"})
    assert divided(planner, "Hello") == [
        Section(id="tone", title="tone", content="Hello", instructions="Is it polite?"),
        Section(id="length", title="length", content="Hello", instructions="Is it short?"),
    ]


def test_a_long_text_is_cut_for_every_criterion() -> None:
    """Each criterion has a section for each part."""
    sections = divided(split.by_criterion({"x": "X?", "y": "Y?"}, 2, count=words), "a\nb\nc\n")
    assert [(s.title, s.content, s.instructions) for s in sections] == [
        ("x (1/2)", "a\nb\n", "X?"),
        ("x (2/2)", "c\n", "X?"),
        ("y (1/2)", "a\nb\n", "Y?"),
        ("y (2/2)", "c\n", "Y?"),
    ]
    assert len({section.id for section in sections}) == 4


# by_pages


def test_a_text_is_divided_at_its_form_feeds() -> None:
    """Titles name the pages; a blank page has no section, but counts."""
    sections = divided(split.by_pages(), "one\fone more\f \ffour")
    assert [(s.title, s.content) for s in sections] == [
        ("page 1", "one"),
        ("page 2", "one more"),
        ("page 4", "four"),
    ]


def test_several_pages_make_one_section() -> None:
    """The form feed between pages is kept; the last section has the remaining pages."""
    sections = divided(split.by_pages(2), "a\fb\fc")
    assert [(s.title, s.content) for s in sections] == [("pages 1-2", "a\fb"), ("page 3", "c")]


def test_pages_overlap_by_the_last_lines_of_the_page_before() -> None:
    """Whole lines are repeated, up to the overlap."""
    sections = divided(split.by_pages(1, 10, overlap=2, count=words), "a b\nc\nd\n\fe\n")
    assert contents(sections) == ["a b\nc\nd\n", "c\nd\ne\n"]


def test_the_last_form_feed_does_not_start_a_page() -> None:
    """PDF tools end every page with a form feed, so these are three pages, not four."""
    sections = divided(split.by_pages(2), "a\fb\fc\f")
    assert [s.title for s in sections] == ["pages 1-2", "page 3"]


def test_overlap_does_not_add_a_page_after_the_last_one() -> None:
    """A section has some text besides what it repeats."""
    sections = divided(split.by_pages(1, 10, overlap=5, count=words), "a\n\fb\n\f")
    assert [s.title for s in sections] == ["page 1", "page 2"]


def test_overlap_does_not_join_two_words() -> None:
    """The repeated last line of a page stays a separate line."""
    sections = divided(split.by_pages(1, 10, overlap=5, count=words), "the end\fstart here")
    assert sections[1].content.split() == ["the", "end", "start", "here"]


# in_batches


def test_items_are_numbered_throughout() -> None:
    """Numbers continue from batch to batch, and titles name them."""
    sections = divided(split.in_batches(2), ["a", "b", "c"])
    assert [(s.id, s.title, s.content) for s in sections] == [
        ("1", "items 1-2", "[1] a\n[2] b\n"),
        ("2", "item 3", "[3] c\n"),
    ]


def test_a_batch_ends_at_the_ceiling() -> None:
    """An item that does not fit starts the next batch."""
    sections = divided(split.in_batches(20, 4, count=words), ["a", "b", "c d", "e"])
    assert [s.title for s in sections] == ["items 1-2", "item 3", "item 4"]


def test_an_item_longer_than_the_ceiling_has_batches_of_its_own() -> None:
    """It is cut, and shares no batch with its neighbours."""
    sections = divided(split.in_batches(20, 4, count=words), ["a", "b c d e f", "g"])
    assert [s.title for s in sections] == ["item 1", "item 2 (1/2)", "item 2 (2/2)", "item 3"]


@few
@given(items=st.lists(texts, max_size=12), size=st.integers(1, 5), ceiling=st.integers(3, 12))
def test_batches_hold_every_item_under_both_ceilings(items: list[str], size: int, ceiling: int) -> None:
    """The joined batches are all items with their numbers; no batch has too many items or tokens."""
    sections = divided(split.in_batches(size, ceiling), items)
    every = "".join(f"[{i}]{item}" for i, item in enumerate(items, 1))
    assert squeezed("".join(contents(sections))) == squeezed(every)
    assert all(estimate_tokens(section.content) <= ceiling for section in sections)
    for section in sections:
        if span := re.match(r"items (\d+)-(\d+)", section.title):
            assert int(span[2]) - int(span[1]) < size


def test_batches_hold_no_more_items_than_their_size() -> None:
    """Five items are divided into batches of two, two and one."""
    assert len(divided(split.in_batches(2), list("abcde"))) == 3
