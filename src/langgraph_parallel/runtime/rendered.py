"""Rendered prompts: the messages of a call, and what other calls have in common with them.

Providers bill a prefix of a prompt that they have seen at a fraction of its price. So prompts begin with what
is common to the calls of a fan-out (`prompts.boundary`), and say here where that ends.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage, HumanMessage


class Prefix(NamedTuple):
    """The beginning of a prompt that other calls may have, too."""

    digest: str
    """Of its text; prefixes with the same digest are the same."""
    size: int
    """Bytes of UTF-8, from the beginning of the prompt."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The messages of a call, and what they have in common with those of others."""

    messages: Sequence[BaseMessage]
    prefixes: Sequence[Prefix] = ()
    """From the shortest, which most calls have, to the longest."""
    number_line: str = ""
    """The sentence at their end that tells a voter its number; empty if no other call may share its answer's
    request."""

    @property
    def alike(self) -> Sequence[BaseMessage] | None:
        """The messages without that sentence: equal for voters who are asked the same. None without one."""
        if not self.number_line:
            return None
        *before, last = self.messages
        told: Any = last.content
        content = told[: -len(numbered("", self.number_line))] if isinstance(told, str) else told[:-1]
        return [*before, HumanMessage(content)]

    def followed_by(self, *more: BaseMessage) -> "Rendered":
        """Return the prompt with further messages behind it, such as an answer and what is wrong with it."""
        return Rendered([*self.messages, *more], self.prefixes)


def numbered(content: str, number_line: str) -> str:
    """Return a message that ends with the sentence that tells a voter its number."""
    return f"{content}\n\n{number_line}"


def as_rendered(prompt: "Rendered | Sequence[BaseMessage]") -> Rendered:
    """Return a prompt of which nothing more is known as a rendered one."""
    return prompt if isinstance(prompt, Rendered) else Rendered(prompt)


def find_prefixes(system: str, human: str, ends: Sequence[int]) -> list[Prefix]:
    """Return the prefixes of a prompt of a system message and a message.

    Args:
        system: the whole of it is in each prefix.
        human: the message.
        ends: number of its characters in each prefix, ascending.
    """
    return list(_prefixes(system, human, ends))


def _prefixes(system: str, human: str, ends: Sequence[int]) -> Iterator[Prefix]:
    hashed: Any = hashlib.sha256()
    size, begin = 0, 0
    part = f"{system}\0"
    for end in ends:
        part += human[begin:end]
        encoded = part.encode(errors="surrogatepass")
        hashed.update(encoded)
        size, begin, part = size + len(encoded), end, ""
        yield Prefix(hashed.copy().hexdigest()[:32], size)
