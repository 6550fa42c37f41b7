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
_LONGEST = max(map(len, [*_PAIRS, *_PAIRS.values()]))
_LONE_CLOSING = re.compile(r"(?:^|\n)[ \t]*</think(?:ing)?>|</think(?:ing)?>[ \t]*\n", re.IGNORECASE)
"""A closing tag without an opening one, at the beginning or the end of a line."""
_TAG = r"(?:<[|\uff5c][^<>\s]{1,40}[|\uff5c]>|</s>|<(?:end|start)_of_turn>|\[/?INST\])"
_TRAILING_TOKENS = re.compile(rf"(?:\s*{_TAG})+\s*$")
_LEADING_TOKENS = re.compile(rf"^(?:\s*{_TAG})+(?!assistant)\s*")
_OPEN_END = re.compile(rf"(?:\s*(?:{_TAG}|</think(?:ing)?>))*\s*(?:<[^<>\s]{{0,42}}|\[/?[A-Z]{{0,5}})?$")
"""The end of a text of which more is to come, and that may be a token: it is held back."""


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
    if not thinking and (lone := _LONE_CLOSING.search(rest)):
        return Thought(rest[: lone.start()].strip(), without_tokens(rest[lone.end() :]))
    return Thought(thinking, without_tokens(rest))


def without_tokens(text: str) -> str:
    """Return a text without tokens of a chat template at its ends, and without white space there."""
    if not _may_have_tags(text):
        return text.strip()
    return _TRAILING_TOKENS.sub("", _LEADING_TOKENS.sub("", text)).strip()


def _may_have_tags(text: str) -> bool:
    """Return whether a text has a character that every tag and every token begins with."""
    return "<" in text or "[" in text or "◁" in text


def _skip_thinking(text: str) -> tuple[str, str]:
    """Return the thinking that a text begins with, and what follows; nothing follows where it is open."""
    thinking: list[str] = []
    rest = text.lstrip()
    while opening := _opening_of(rest):
        begin, closing = len(opening), _PAIRS[opening]
        end = rest.lower().find(closing, begin)
        if end < 0:
            return "\n".join([*thinking, rest[begin:].strip()]), ""
        thinking.append(rest[begin:end].strip())
        rest = rest[end + len(closing) :].lstrip()
    return "\n".join(thinking), rest


def _opening_of(text: str) -> str:
    """Return the tag that a text begins with; empty if it begins with none."""
    head = text[:_LONGEST].lower()
    return next((opening for opening in _PAIRS if head.startswith(opening)), "")


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
        self._thought = self._begun = False
        self._pending, self._last = "", ""

    def feed(self, part: str) -> Iterator[str | None]:
        """Take a part, and yield what is surely part of the answer.

        None takes back all that was yielded before: it was thinking.
        """
        if self._begun:
            self._pending += part
            yield from self._give()
            return
        self._head += part
        if self._hold or _may_open(self._head):
            return
        thinking, rest = _skip_thinking(self._head)
        self._thought = self._thought or bool(thinking)
        if rest and not _may_open(rest):
            self._begun, self._pending = True, rest
            yield from self._give()

    def end(self) -> Iterator[str | None]:
        """Yield the rest of the answer."""
        pending = _TRAILING_TOKENS.sub("", self._pending).rstrip()
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
            self._pending = _LEADING_TOKENS.sub("", self._pending).lstrip()
        held = _OPEN_END.search(self._pending)
        shown = self._pending[: held.start()] if held else self._pending
        if shown:
            self._pending, self._last = self._pending[len(shown) :], shown[-1]
            yield shown


def _may_open(text: str) -> bool:
    """Return whether a text may turn out to begin with an opening tag, or a token of the template."""
    head = text.lstrip().lower()
    return not head or any(opening.startswith(head) for opening in _PAIRS)
