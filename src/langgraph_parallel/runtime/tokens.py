"""Token counts that are not known yet: of prompts without a tokenizer, of answers before they are there."""

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CountTokens = Callable[[str], int]
_NEWEST_WEIGHT = 0.1
_PIECE = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[!-/:-@\[-`{-~]")
"""A word, some digits, or a sign, of ASCII."""
_LETTERS = 7
"""Letters of a word that are one token at most."""
_SLICE = 2000
"""Characters of each part of the sample of a long text."""
_MEDIA_TOKENS = 1500
"""About as many as a page, or a picture of a million pixels."""


def estimate_tokens(text: str) -> int:
    """Estimate tokens as one for every three bytes of UTF-8, rounded up.

    English prose takes about 4.5 bytes per token in current tokenizers, source code about 3.5, Chinese and
    Japanese about 3: the estimate errs on the high side, which is the safe side for a ceiling.

    >>> estimate_tokens(""), estimate_tokens("hello")
    (0, 2)
    """
    return math.ceil(len(text.encode(errors="surrogatepass")) / 3)


def count_tokens(messages: "Sequence[BaseMessage]") -> int:
    """Return the tokens of a prompt, estimated; pictures and files are assumed to take 1,500 each."""
    blocks = [block for message in messages if isinstance(message.content, list) for block in message.content]
    media: int = sum(isinstance(block, dict) and block.get("type") != "text" for block in blocks)
    return _MEDIA_TOKENS * media + sum(estimate_tokens(message.text) for message in messages)


def expect_tokens(text: str) -> int:
    """Return about as many tokens as a text has: those of its words and signs, of a sample if it is long.

    English prose comes to 4.4 bytes for a token, source code to 3. For what a call is expected to cost; a
    ceiling needs `estimate_tokens`.

    >>> expect_tokens("Would the harbour office agree?"), expect_tokens("f(x[0], y)")
    (6, 9)
    """
    if len(text) <= 3 * _SLICE:
        return _count_pieces(text)
    middle = len(text) // 2
    sample = text[:_SLICE] + text[middle : middle + _SLICE] + text[-_SLICE:]
    return _count_pieces(sample) * len(text) // len(sample)


def _count_pieces(text: str) -> int:
    words = sum(math.ceil(len(piece) / _LETTERS) for piece in _PIECE.findall(text))
    others = len(text.encode(errors="surrogatepass")) - sum(character < "\x80" for character in text)
    return words + math.ceil(others / 3)


class AnswerLength:
    """Moving average of the tokens of answers. Not thread-safe: the limiter locks."""

    __slots__ = ("_average",)

    def __init__(self) -> None:
        self._average: float | None = None

    def expected(self, most: int) -> int:
        """Return the tokens to expect of an answer: the average, `most` at first and at most."""
        return most if self._average is None else min(most, math.ceil(self._average))

    def note(self, tokens: int) -> None:
        """Count an answer."""
        if self._average is None:
            self._average = tokens
        else:
            self._average += _NEWEST_WEIGHT * (tokens - self._average)
