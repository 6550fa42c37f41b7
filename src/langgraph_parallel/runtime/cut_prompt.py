"""Prompts that a server has cut to its context, and answered as if that were all."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

_WINDOWS = tuple(2**power for power in range(10, 18))
"""Usual sizes of the context of local servers, in tokens."""
_NEARLY_FULL = 8
_FULL = frozenset(window - spare for window in _WINDOWS for spare in range(_NEARLY_FULL + 1))
"""Tokens of a prompt that fills a context."""
_MOST_BYTES_PER_TOKEN = 6.0
"""English prose has about 4.5 bytes in a token, source code 3.5."""


def is_cut(messages: Sequence[BaseMessage], read: int) -> bool:
    """Return whether a server has read less than the whole prompt.

    Args:
        messages: the prompt.
        read: tokens that it says it has read.
    """
    # Servers cut to their context, which is a round number; and no tokenizer takes so few tokens.
    if read not in _FULL:
        return False
    return sum(len(message.text.encode()) for message in messages) > _MOST_BYTES_PER_TOKEN * read
