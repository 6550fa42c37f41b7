"""Thinking that a model writes before its answer, and the tokens of its template around it.

Servers without a parser for a model's thinking return it as text: between tags, or with a closing tag alone
where the template of the prompt has opened it. It is never part of an answer.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")
_PAIRS: dict[str, str] = {
    **{f"<{name}>": f"</{name}>" for name in _NAMES},
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel|>analysis<|message|>": "<|channel|>final<|message|>",
}
"""Opening and closing tags, in lower case."""
_CLOSING = {opening: re.compile(re.escape(closing), re.IGNORECASE) for opening, closing in _PAIRS.items()}
_ANY_CLOSING = re.compile("|".join(map(re.escape, _PAIRS.values())), re.IGNORECASE)
_LONGEST = max(map(len, [*_PAIRS, *_PAIRS.values()]))
_LONE_CLOSING = re.compile(r"(?:^|\n)[ \t]*</think(?:ing)?>|</think(?:ing)?>[ \t]*\n", re.IGNORECASE)
"""A closing tag without an opening one, at the beginning or the end of a line."""
_TAG = r"(?:<[|\uff5c][^<>\s]{1,40}[|\uff5c]>|</s>|<(?:end|start)_of_turn>|\[/?INST\])"
_LAST_TOKEN = re.compile(rf"{_TAG}$")
_LEADING_TOKENS = re.compile(rf"^(?:\s*{_TAG})+(?!assistant)\s*")
_LAST_TOKEN_OR_CLOSING = re.compile(rf"(?:{_TAG}|</think(?:ing)?>)$")
_OPEN_TOKEN = re.compile(r"(?:<[^<>\s]{0,42}|\[/?[A-Z]{0,5})$")
"""The end of a text of which more is to come, and that may be the beginning of a token."""
_LONGEST_TOKEN = 44
_BLOCK = 1000
"""Characters looked at together for white space."""
_SPACE = re.compile(r"\s*")


class Thought(NamedTuple):
    """A text, divided."""

    thinking: str
    """Empty if there is none."""
    answer: str
    """Without tokens of the template at its ends."""


def divide(text: str) -> Thought:
    r"""Divide what a model wrote into its thinking and its answer.

    >>> divide("<think>Is it?\nYes.</think>\n\nYes.<|im_end|>")
    Thought(thinking='Is it?\nYes.', answer='Yes.')
    """
    if not _may_have_tags(text):
        return Thought("", text.strip())
    thinking, rest = _skip_thinking(text)
    if rest is None:
        return Thought(thinking, "")
    if not thinking and (lone := _LONE_CLOSING.search(rest)):
        return Thought(rest[: lone.start()].strip(), without_tokens(rest[lone.end() :]))
    return Thought(thinking, without_tokens(rest))


def without_tokens(text: str) -> str:
    """Return a text without tokens of a chat template at its ends, and without white space there."""
    if not _may_have_tags(text):
        return text.strip()
    bare = _LEADING_TOKENS.sub("", text)
    return bare[: _end_before(_LAST_TOKEN, bare, len(bare))].strip()


def _may_have_tags(text: str) -> bool:
    """Return whether a text has a character that every tag and every token begins with."""
    return "<" in text or "[" in text or "◁" in text


def _skip_thinking(text: str) -> tuple[str, str | None]:
    """Return the thinking that a text begins with, and what follows; None where it is open."""
    thinking: list[str] = []
    place = _skip_space(text, 0)
    while opening := _opening_at(text, place):
        begin = place + len(opening)
        closing = _CLOSING[opening].search(text, begin)
        if closing is None:
            return "\n".join([*thinking, text[begin:].strip()]), None
        thinking.append(text[begin : closing.start()].strip())
        place = _skip_space(text, closing.end())
    return "\n".join(thinking), text[place:]


def _opening_at(text: str, place: int) -> str:
    """Return the tag at a place of a text; empty if there is none."""
    head = text[place : place + _LONGEST].lower()
    return next((opening for opening in _PAIRS if head.startswith(opening)), "")


def _skip_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _end_before(token: "re.Pattern[str]", text: str, end: int, known: int = 0) -> int:
    """Return where a text ends without tokens and white space at its end.

    It goes backwards: a pattern that is searched from the front tries each run of white space or tokens from
    each of its places, and models that fail may write one without end.

    Args:
        token: a pattern that ends at the end.
        text: any text.
        end: of the part that is looked at.
        known: characters at the beginning that are known to be nothing but tokens and white space.
    """
    while True:
        end = _end_before_space(text, end)
        if end <= known:
            return 0
        match = token.search(text, max(0, end - _LONGEST_TOKEN), end)
        if match is None:
            return end
        end = match.start()


def _end_before_space(text: str, end: int) -> int:
    while end:
        block = text[max(0, end - _BLOCK) : end]
        if kept := block.rstrip():
            return end - len(block) + len(kept)
        end -= len(block)
    return 0


class ThinkingFilter:
    """Takes the thinking, and the tokens of the template, out of a text that arrives in parts.

    Args:
        hold: give nothing out before the end, because the model may close its thinking without having opened
            it: until the closing tag, that looks like the answer.
    """

    def __init__(self, *, hold: bool = False) -> None:
        self._hold = hold
        self._head = ""
        """The text so far, until the answer begins."""
        self._thought = self._begun = self._open = False
        self._pending, self._last = "", ""
        self._held = 0
        """Characters at the beginning of what is pending that are nothing but tokens and white space."""

    def feed(self, part: str) -> Iterator[str | None]:
        """Take a part, and yield what is surely part of the answer.

        None takes back all that was yielded before: it was thinking.
        """
        if self._begun:
            self._pending += part
            yield from self._give()
            return
        self._head += part
        new = max(0, len(self._head) - len(part) - _LONGEST)
        if self._hold or (self._open and _ANY_CLOSING.search(self._head, new) is None):
            return  # long thinking is not read again from its beginning with each part
        if _may_open(self._head):
            return
        thinking, rest = _skip_thinking(self._head)
        self._thought = self._thought or bool(thinking)
        self._open = rest is None
        if rest and not _may_open(rest):
            self._begun, self._pending, self._held = True, rest, 0
            yield from self._give()

    def end(self) -> Iterator[str | None]:
        """Yield the rest of the answer."""
        pending = self._pending[: _end_before(_LAST_TOKEN, self._pending, len(self._pending))]
        if rest := pending if self._begun else divide(self._head).answer:
            yield rest

    def _give(self) -> Iterator[str | None]:
        before = self._last or "\n"
        lone = None if self._thought else _LONE_CLOSING.search(before + self._pending)
        if lone is not None:
            self._head, self._thought, self._begun = (before + self._pending)[lone.end() :], True, False
            yield None
            yield from self.feed("")
            return
        if not self._last:
            self._pending, self._held = _LEADING_TOKENS.sub("", self._pending).lstrip(), 0
        size = len(self._pending)
        opening = _OPEN_TOKEN.search(self._pending, max(0, size - _LONGEST_TOKEN))
        end = opening.start() if opening else size
        shown = self._pending[: _end_before(_LAST_TOKEN_OR_CLOSING, self._pending, end, self._held)]
        self._held = end - len(shown)
        if shown:
            self._pending, self._last = self._pending[len(shown) :], shown[-1]
            yield shown


def _may_open(text: str) -> bool:
    """Return whether a text may turn out to begin with an opening tag, or a token of the template."""
    head = text.lstrip().lower()
    return not head or any(opening.startswith(head) for opening in _PAIRS)
