"""Thinking and tokens of chat templates: neither is part of an answer, whole or in parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.answers import thinking
from langgraph_parallel.answers.thinking import ThinkingFilter, divide

DIVIDED = {
    "<think>The user wants X.</think>\n\nWater boils.": ("The user wants X.", "Water boils."),
    "<thinking>a</thinking>b": ("a", "b"),
    "<THINK>a</THINK>\nb": ("a", "b"),
    "<reasoning>\na\n</reasoning>\nb": ("a", "b"),
    "<thought>a</thought><thought>b</thought> c": ("a\nb", "c"),
    "[THINK]a[/THINK]b": ("a", "b"),
    "\u25c1think\u25b7a\u25c1/think\u25b7b": ("a", "b"),
    "<seed:think>a</seed:think>b": ("a", "b"),
    "<|begin_of_thought|>a<|end_of_thought|>b": ("a", "b"),
    "<|channel|>analysis<|message|>a<|channel|>final<|message|>b<|return|>": ("a", "b"),
    "so it must be b.\n</think>\n\nb": ("so it must be b.", "b"),
    "so it must be b </think>\nb": ("so it must be b", "b"),
    "<think>never closed": ("never closed", ""),
    "<think></think>b": ("", "b"),
    "b<|im_end|>": ("", "b"),
    "b</s>\n": ("", "b"),
    "b<|eot_id|><|endoftext|>": ("", "b"),
    "b<end_of_turn>": ("", "b"),
    "[/INST] b": ("", "b"),
    "b<\uff5cend\u2581of\u2581sentence\uff5c>": ("", "b"),
    "Close it with </think> in the text.": ("", "Close it with </think> in the text."),
    "a < b and <b>c</b>": ("", "a < b and <b>c</b>"),
    "I think <think> is a tag.": ("", "I think <think> is a tag."),
    "": ("", ""),
}


@pytest.mark.parametrize("text", DIVIDED)
def test_thinking_is_told_from_the_answer(text: str) -> None:
    """Tags that open a text, or one that closes what the template has opened; other tags are text."""
    assert divide(text) == DIVIDED[text]


def shown(parts: list[str], *, hold: bool = False) -> str:
    """Return what a reader of a stream has at the end."""
    stream, text = ThinkingFilter(hold=hold), ""
    for part in parts:
        for piece in stream.feed(part):
            text = "" if piece is None else text + piece
    for piece in stream.end():
        text = "" if piece is None else text + piece
    return text


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("text", DIVIDED)
@given(data=st.data())
def test_a_stream_shows_the_answer_alone(text: str, hold: bool, data: st.DataObject) -> None:
    """However it is cut into parts."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert shown(parts, hold=hold) == DIVIDED[text][1]


@given(st.text(st.characters(exclude_characters="<[\u25c1"), min_size=1))
def test_a_text_without_tags_passes_as_it_is(text: str) -> None:
    """Except for white space at its ends."""
    assert divide(text).answer == text.strip()
    assert shown(list(text)).strip() == text.strip()


def test_thinking_is_never_shown_before_its_end() -> None:
    """Not even a part of its tag; and held back, no thinking that is closed only."""
    stream = ThinkingFilter()
    assert [*stream.feed("<thi"), *stream.feed("nk>secret"), *stream.feed("</thi")] == []
    assert [*stream.feed("nk>\n"), *stream.feed("open")] == ["open"]
    held = ThinkingFilter(hold=True)
    assert list(held.feed("secret\n</think>\nopen")) == []
    assert list(held.end()) == ["open"]


def test_what_turns_out_to_be_thinking_is_taken_back() -> None:
    """A reader that was shown it is told to start anew."""
    stream = ThinkingFilter()
    assert list(stream.feed("so it is b")) == ["so it is b"]
    assert list(stream.feed("\n</think>\nb")) == [None, "b"]


@pytest.mark.parametrize(
    "text",
    [
        "<think>" + "a > b " * 20_000 + "</think>Yes.",
        "Yes." + "<|im_end|>" * 10_000,
        " " * 100_000 + "Yes." + " " * 100_000 + "<",
        "Yes." + " " * 100_000 + "No. <",
    ],
    ids=["long thinking", "tokens", "white space around", "white space within"],
)
def test_long_answers_are_divided_in_one_pass(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a text nor its parts are read again from the beginning, whatever a model repeats."""
    read = 0
    skip = thinking._skip_thinking

    def counted(head: str) -> tuple[str, str | None]:
        nonlocal read
        read += len(head)
        return skip(head)

    monkeypatch.setattr(thinking, "_skip_thinking", counted)
    answer = thinking.divide(text).answer
    assert answer.startswith("Yes.")
    parts = thinking.ThinkingFilter()
    given = [one for at in range(0, len(text), 1000) for one in parts.feed(text[at : at + 1000])]
    given += parts.end()
    assert "".join(filter(None, given)).strip() == answer
    assert read <= 6 * len(text)


def test_a_letter_that_lower_case_makes_longer_does_not_shift_the_answer() -> None:
    """A Turkish capital with a dot in the thinking leaves the answer whole."""
    assert thinking.divide("<think>\u0130\u0130</think>Yes.") == ("\u0130\u0130", "Yes.")
