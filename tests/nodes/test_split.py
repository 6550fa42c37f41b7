"""Splitting: nothing is lost, nothing is shown twice unless asked for, and ceilings hold."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.flow import split
from langgraph_parallel.nodes.flow.plan import Content, Planner
from langgraph_parallel.nodes.text import chunks as cutting
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
    """A counter of one token a word, for tests in which sizes should be plain to see."""
    return len(text.split())


def rows(text: str) -> int:
    """A counter of one token a line."""
    return text.count("\n")


def divided(planner: Planner, content: Content) -> list[Section]:
    """What a planner makes of the content."""
    sections = planner(content)
    assert isinstance(sections, list)
    return sections


def contents(sections: Sequence[Section]) -> list[str]:
    """The texts of the sections."""
    return [section.content for section in sections]


def squeezed(text: str) -> str:
    """A text without white space, which planners may leave out where there is nothing else."""
    return "".join(text.split())


def ends(made: Sequence[Piece]) -> list[int]:
    """The number of the last line of each piece."""
    return [piece.first + len(split_lines(piece.text)) - 1 for piece in made]


# lines and pieces


@few
@given(text=texts)
def test_lines_joined_are_the_text(text: str) -> None:
    """Every line keeps its end, and only a line feed ends a line."""
    lines = split_lines(text)
    assert "".join(lines) == text
    assert all(line.count("\n") == line.endswith("\n") for line in lines)


def test_form_feeds_and_unicode_separators_end_no_line() -> None:
    """Lines are counted as editors and compilers count them."""
    assert split_lines("a\fb\u2028c\x85d\re\nf") == ["a\fb\u2028c\x85d\re\n", "f"]


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings)
@example(text="\U0001f600" * 50, ceiling=2)
@example(text="\n" * 50, ceiling=2)
def test_pieces_joined_are_the_text(text: str, ceiling: int) -> None:
    """Without overlap nothing is lost and nothing is added, to the character."""
    assert "".join(piece.text for piece in cut(text, ceiling)) == text


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings, data=st.data())
def test_every_piece_is_under_the_ceiling(text: str, ceiling: int, data: st.DataObject) -> None:
    """With overlap and without, no piece is empty and none has more tokens than allowed."""
    overlap = data.draw(st.integers(0, ceiling // 2))
    for piece in cut(text, ceiling, overlap=overlap):
        assert 0 < estimate_tokens(piece.text) <= ceiling


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings, data=st.data())
def test_a_piece_starts_on_the_line_that_it_names(text: str, ceiling: int, data: st.DataObject) -> None:
    """`first` is the number of the piece's first line, or of the line that it is a part of."""
    lines = split_lines(text)
    for piece in cut(text, ceiling, overlap=data.draw(st.integers(0, ceiling // 2))):
        first = split_lines(piece.text)[0]
        assert first in lines[piece.first - 1]


def test_an_empty_text_gives_no_pieces() -> None:
    """There is nothing to show."""
    assert cut("", 10) == []


def test_a_text_under_the_ceiling_is_one_piece() -> None:
    """Exactly at the ceiling is still under it."""
    assert cut("a b\nc d\n", 4, count=words) == [Piece(1, "a b\nc d\n")]


def test_a_very_long_line_is_cut_within() -> None:
    """All of its pieces name the line, and the next line starts a count of its own."""
    made = cut(f"short\n{'x' * 100_000}\nlast\n", 1000)
    assert {piece.first for piece in made[1:-1]} == {2}
    assert "".join(piece.text for piece in made) == f"short\n{'x' * 100_000}\nlast\n"
    assert len(made) >= 34


def test_a_character_above_the_ceiling_is_a_piece_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One character cannot be cut: cutting ends all the same, and loses nothing."""
    made = 0

    def bounded(first: int, text: str) -> Piece:
        nonlocal made
        made += 1
        assert made < 100, "cutting does not end"
        return Piece(first, text)

    monkeypatch.setattr(cutting, "Piece", bounded)
    text = "a\U0001f600b\n"
    assert "".join(piece.text for piece in cut(text, 1)) == text


def test_a_piece_rather_ends_at_a_blank_line() -> None:
    """Where a blank line is in the second half, the next piece starts behind it."""
    text = "a\nb\nc\n\nd\ne\nf\n"
    assert [piece.text for piece in cut(text, 5, count=rows)] == ["a\nb\nc\n\n", "d\ne\nf\n"]


def test_a_blank_line_before_an_indented_one_is_no_good_break() -> None:
    """A function's body is not cut from its head for the sake of a blank line."""
    assert cut("a\nb\nc\n\n  d\ne\nf\n", 6, count=rows)[1].text == "f\n"


def test_lines_of_no_tokens_are_not_repeated_without_overlap() -> None:
    """A counter may count nothing for a blank line: the pieces joined still are the text."""
    text = "a\nb\n\nc\nd\n"
    assert "".join(piece.text for piece in cut(text, 2, count=words)) == text


def test_a_break_of_ones_own_is_taken() -> None:
    """`good_break` says where a piece should rather begin."""

    def at_heads(lines: Sequence[str], i: int) -> bool:
        return lines[i].startswith("#")

    made = cut("a\nb\n#c\nd\ne\n", 4, count=words, good_break=at_heads)
    assert [piece.first for piece in made] == [1, 3]


def test_overlap_repeats_whole_lines_up_to_its_size() -> None:
    """Two tokens of overlap repeat two lines of one word, and one line of two words."""
    made = cut("a\nb\nc\nd\ne f\ng\nh\n", 4, overlap=2, count=words)
    assert [piece.text for piece in made] == ["a\nb\nc\nd\n", "c\nd\ne f\n", "e f\ng\nh\n"]
    assert [piece.first for piece in made] == [1, 3, 5]


def test_a_line_longer_than_the_overlap_is_not_repeated() -> None:
    """Lines are repeated whole or not at all."""
    made = cut("a b c\nd e f\n", 4, overlap=2, count=words)
    assert [piece.text for piece in made] == ["a b c\n", "d e f\n"]


@few
@given(text=lined, ceiling=st.integers(11, 24), data=st.data())
def test_overlap_repeats_at_most_so_many_tokens(text: str, ceiling: int, data: st.DataObject) -> None:
    """What a piece shares with the one before is no more than the overlap, and nothing is left out."""
    overlap = data.draw(st.integers(0, ceiling // 2))
    lines, made = split_lines(text), cut(text, ceiling, overlap=overlap)
    for before, after, end in zip(made, made[1:], ends(made), strict=False):
        assert before.first < after.first <= end + 1
        assert estimate_tokens("".join(lines[after.first - 1 : end])) <= overlap


@few
@given(text=lined, ceiling=st.integers(11, 24), data=st.data())
@example(text="aaaaa\nb\nc\n" + "d" * 30 + "\n", ceiling=11, data=None)
def test_every_piece_shows_something_new(text: str, ceiling: int, data: st.DataObject | None) -> None:
    """No piece consists only of what the one before has shown."""
    overlap = data.draw(st.integers(0, ceiling // 2)) if data else 2
    last = ends(cut(text, ceiling, overlap=overlap))
    assert all(one < other for one, other in pairwise(last))


def test_a_long_line_after_overlap_does_not_make_pieces_of_overlap_alone() -> None:
    """Where the next line does not fit behind the overlap, the overlap gives way."""
    made = cut("a\nb\nc\nd e f g\n", 4, overlap=2, count=words)
    assert [piece.text for piece in made] == ["a\nb\nc\n", "d e f g\n"]


# bad arguments

Maker = Callable[..., Planner]


def criteria_of_one(*args: Any, **options: Any) -> Planner:
    """`by_criterion` for one criterion, so that it is made like the others."""
    return split.by_criterion({"tone": "Is it polite?"}, *args, **options)


MAKERS: list[Maker] = [split.by_heading, split.by_file, criteria_of_one, split.by_pages, split.in_batches]


@pytest.mark.parametrize("ceiling", [0, -1])
@pytest.mark.parametrize("maker", MAKERS)
def test_a_ceiling_below_one_is_refused(maker: Maker, ceiling: int) -> None:
    """The error comes when the planner is made."""
    with pytest.raises(UsageError, match=f"max_tokens is {ceiling}"):
        maker(max_tokens=ceiling)


@pytest.mark.parametrize("overlap", [-1, 6])
@pytest.mark.parametrize("maker", MAKERS[:4])
def test_an_overlap_outside_of_half_the_ceiling_is_refused(maker: Maker, overlap: int) -> None:
    """More than half of the ceiling could not progress."""
    with pytest.raises(UsageError, match=f"overlap is {overlap}"):
        maker(max_tokens=10, overlap=overlap)


@pytest.mark.parametrize(("ceiling", "overlap"), [(0, 0), (10, -1), (10, 6)])
def test_cutting_checks_its_arguments_too(ceiling: int, overlap: int) -> None:
    """Whoever calls `cut` directly gets the same error."""
    with pytest.raises(UsageError):
        cut("text", ceiling, overlap=overlap)


@pytest.mark.parametrize("bad", [0, -2])
def test_a_batch_or_section_of_less_than_one_is_refused(bad: int) -> None:
    """Sizes and pages start at 1."""
    with pytest.raises(UsageError, match=f"pages is {bad}"):
        split.by_pages(bad)
    with pytest.raises(UsageError, match=f"size is {bad}"):
        split.in_batches(bad)


def test_by_criterion_needs_criteria() -> None:
    """Without criteria there would be no section, whatever the text."""
    with pytest.raises(UsageError, match="criterion"):
        split.by_criterion({})


@pytest.mark.parametrize(
    ("maker", "content", "message"),
    [
        (split.by_heading, ["a"], "by_heading divides a text, not list"),
        (split.by_heading, None, "by_heading divides a text, not NoneType"),
        (split.by_file, "a", "by_file divides a mapping of path to text, not str"),
        (split.by_file, {"a": 1}, "by_file divides a mapping of path to text, not dict"),
        (criteria_of_one, {"a": "b"}, "by_criterion divides a text, not dict"),
        (split.by_pages, 3, "by_pages divides a text, not int"),
        (split.in_batches, "abc", "in_batches divides a list of texts, not str"),
        (split.in_batches, ["a", 1], "in_batches divides a list of texts, not list"),
    ],
)
def test_content_of_another_type_is_refused(maker: Maker, content: Any, message: str) -> None:
    """The error names the planner, what it divides, and what it got."""
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
def test_content_with_nothing_in_it_gives_no_sections(maker: Maker, empty: Content) -> None:
    """There is nothing to work on."""
    assert divided(maker(), empty) == []


@few
@given(text=st.one_of(texts, lined), ceiling=ceilings)
@pytest.mark.parametrize("maker", [split.by_heading, criteria_of_one, split.by_pages])
def test_planners_of_texts_lose_nothing_and_keep_the_ceiling(maker: Maker, text: str, ceiling: int) -> None:
    """All but white space is in the sections, once and in order; ids are unique."""
    sections = divided(maker(max_tokens=ceiling), text)
    assert squeezed("".join(contents(sections))) == squeezed(text)
    assert all(estimate_tokens(section.content) <= ceiling for section in sections)
    assert len({section.id for section in sections}) == len(sections)


# by_heading


def test_a_text_is_divided_at_its_headings() -> None:
    """Each section begins with its heading and is titled by it; text before the first one is a section."""
    sections = divided(split.by_heading(), "Hello\n# One\na\n## Two ##\nb\n### Deep\nc\n#nospace\n")
    assert [(section.title, section.content) for section in sections] == [
        ("Start", "Hello\n"),
        ("One", "# One\na\n"),
        ("Two", "## Two ##\nb\n### Deep\nc\n#nospace\n"),
    ]


def test_the_level_says_how_deep_to_divide() -> None:
    """At level 1 a second-level heading is text."""
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
    """A fence ends with as many of its own marks as it began with, or more, and nothing behind them."""
    assert contents(divided(split.by_heading(), fenced)) == [fenced]


@pytest.mark.parametrize(
    "before",
    ["```\ncode\n```\n", "~~~\ncode\n~~~~\n", "```pip install x``` does it\n", "text ``` text\n"],
    ids=["closed", "closed-by-more", "code-in-a-line", "within-a-line"],
)
def test_headings_after_code_divide(before: str) -> None:
    """What is closed, or no fence, hides no heading."""
    assert [s.title for s in divided(split.by_heading(), f"{before}# Yes\n")] == ["Start", "Yes"]


def test_a_title_keeps_marks_that_belong_to_it() -> None:
    """Only marks behind a space close a heading."""
    assert [s.title for s in divided(split.by_heading(), "## Tips for C#\n")] == ["Tips for C#"]


def test_a_heading_without_words_has_a_title_too() -> None:
    """A person sees something in any case."""
    assert [s.title for s in divided(split.by_heading(), "#\ntext\n")] == ["Untitled"]


def test_a_long_section_is_numbered_in_its_titles() -> None:
    """Parts follow one another, and ids count on."""
    sections = divided(split.by_heading(2, count=words), "intro\n# A\nb\nc\n")
    assert [(s.id, s.title) for s in sections] == [("1", "Start"), ("2", "A (1/2)"), ("3", "A (2/2)")]


# by_file


def test_files_are_sections_in_the_order_of_their_paths() -> None:
    """A file under the ceiling is one section, named by its path."""
    sections = divided(split.by_file(), {"b.py": "b\n", "a.py": "a\n", "empty.py": ""})
    assert [(s.id, s.title, s.content) for s in sections] == [
        ("a.py", "a.py", "a\n"),
        ("b.py", "b.py", "b\n"),
    ]


def test_the_parts_of_a_long_file_are_numbered() -> None:
    """Ids and titles hold the path and the part."""
    sections = divided(split.by_file(2, count=words), {"a.py": "a\nb\nc\n"})
    assert [s.title for s in sections] == ["a.py (1/2)", "a.py (2/2)"]
    assert [s.id for s in sections] == ["a.py (1/2)", "a.py (2/2)"]


@few
@given(
    files=st.dictionaries(st.sampled_from(["a", "a:1", "b.py", "c/d.py"]), lined, max_size=4),
    ceiling=ceilings,
)
def test_ids_of_files_are_unique_and_their_texts_whole(files: dict[str, str], ceiling: int) -> None:
    """Parts of one long line have ids of their own, too."""
    sections = divided(split.by_file(ceiling), files)
    assert len({section.id for section in sections}) == len(sections)
    assert squeezed("".join(contents(sections))) == squeezed("".join(files[path] for path in sorted(files)))
    assert all(estimate_tokens(section.content) <= ceiling for section in sections)


def test_a_path_that_looks_like_the_id_of_a_part_is_no_clash() -> None:
    """Ids are unique whatever the files are called."""
    sections = divided(split.by_file(2, count=words), {"a": "a\nb\nc\n", "a:1#1": "d\n"})
    assert len({section.id for section in sections}) == len(sections)


# by_criterion


def test_every_criterion_gets_the_whole_text() -> None:
    """The criterion is the section's instructions, its name the title."""
    planner = split.by_criterion({"tone": "Is it polite?", "length": "Is it short?"})
    assert divided(planner, "Hello") == [
        Section(id="tone", title="tone", content="Hello", instructions="Is it polite?"),
        Section(id="length", title="length", content="Hello", instructions="Is it short?"),
    ]


def test_a_long_text_is_cut_for_every_criterion() -> None:
    """Each criterion sees all parts."""
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
    """Titles name the pages; a page without text gives no section and keeps its number."""
    sections = divided(split.by_pages(), "one\fone more\f \ffour")
    assert [(s.title, s.content) for s in sections] == [
        ("page 1", "one"),
        ("page 2", "one more"),
        ("page 4", "four"),
    ]


def test_several_pages_make_one_section() -> None:
    """The form feed between them stays; the last section has what is left."""
    sections = divided(split.by_pages(2), "a\fb\fc")
    assert [(s.title, s.content) for s in sections] == [("pages 1-2", "a\fb"), ("page 3", "c")]


def test_pages_overlap_by_the_last_lines_of_the_page_before() -> None:
    """Whole lines, of at most so many tokens."""
    sections = divided(split.by_pages(1, 10, overlap=2, count=words), "a b\nc\nd\n\fe\n")
    assert contents(sections) == ["a b\nc\nd\n", "c\nd\ne\n"]


def test_the_last_form_feed_ends_a_page_and_begins_none() -> None:
    """PDF tools put one behind every page: the three pages here are not called four."""
    sections = divided(split.by_pages(2), "a\fb\fc\f")
    assert [s.title for s in sections] == ["pages 1-2", "page 3"]


def test_overlap_makes_no_page_behind_the_last_one() -> None:
    """A section has something of its own beside what it repeats."""
    sections = divided(split.by_pages(1, 10, overlap=5, count=words), "a\n\fb\n\f")
    assert [s.title for s in sections] == ["page 1", "page 2"]


def test_overlap_does_not_glue_two_words_together() -> None:
    """The last line of a page stays a line of its own where it is shown again."""
    sections = divided(split.by_pages(1, 10, overlap=5, count=words), "the end\fstart here")
    assert sections[1].content.split() == ["the", "end", "start", "here"]


# in_batches


def test_items_are_numbered_throughout() -> None:
    """Numbers go on from batch to batch, and titles name them."""
    sections = divided(split.in_batches(2), ["a", "b", "c"])
    assert [(s.id, s.title, s.content) for s in sections] == [
        ("1", "items 1-2", "[1] a\n[2] b\n"),
        ("2", "item 3", "[3] c\n"),
    ]


def test_a_batch_ends_at_the_ceiling() -> None:
    """Items that do not fit go to the next batch."""
    sections = divided(split.in_batches(20, 4, count=words), ["a", "b", "c d", "e"])
    assert [s.title for s in sections] == ["items 1-2", "item 3", "item 4"]


def test_an_item_longer_than_the_ceiling_has_batches_of_its_own() -> None:
    """It is cut, and its neighbours are not mixed with it."""
    sections = divided(split.in_batches(20, 4, count=words), ["a", "b c d e f", "g"])
    assert [s.title for s in sections] == ["item 1", "item 2 (1/2)", "item 2 (2/2)", "item 3"]


@few
@given(items=st.lists(texts, max_size=12), size=st.integers(1, 5), ceiling=st.integers(3, 12))
def test_batches_hold_every_item_under_both_ceilings(items: list[str], size: int, ceiling: int) -> None:
    """Joined they are all items with their numbers; none has too many items or tokens."""
    sections = divided(split.in_batches(size, ceiling), items)
    every = "".join(f"[{i}]{item}" for i, item in enumerate(items, 1))
    assert squeezed("".join(contents(sections))) == squeezed(every)
    assert all(estimate_tokens(section.content) <= ceiling for section in sections)
    for section in sections:
        if span := re.match(r"items (\d+)-(\d+)", section.title):
            assert int(span[2]) - int(span[1]) < size


def test_batches_hold_no_more_items_than_their_size() -> None:
    """Five short items in batches of two make three."""
    assert len(divided(split.in_batches(2), list("abcde"))) == 3
