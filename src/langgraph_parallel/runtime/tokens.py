"""Token counts that are not known yet: of prompts without a tokenizer, of answers before they are there."""

import math
from collections.abc import Callable

CountTokens = Callable[[str], int]
_NEWEST_WEIGHT = 0.1


def estimate_tokens(text: str) -> int:
    """Estimate tokens as one for every three bytes of UTF-8, rounded up.

    English prose takes about 4.5 bytes per token in current tokenizers, source code about 3.5, Chinese and
    Japanese about 3: the estimate errs on the high side, which is the safe side for a ceiling.

    >>> estimate_tokens(""), estimate_tokens("hello")
    (0, 2)
    """
    return math.ceil(len(text.encode(errors="surrogatepass")) / 3)


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
