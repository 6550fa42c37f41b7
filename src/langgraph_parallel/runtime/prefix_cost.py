"""What prompts cost that begin alike, where the provider keeps prefixes: pure arithmetic.

A provider reads what it has seen of a prompt from its cache, in whole blocks, once a prefix is long enough.
So the first call with a prefix, its leader, pays for all of it, at the rate of writing where there is one;
those that follow pay the rate of reading for its blocks, and in full for the rest.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

LEAST_KEPT = 1024
"""Least tokens of a prompt's beginning that providers keep, where nothing else is known of a model."""
_BYTES_PER_TOKEN = 4
"""English prose has about 4.5 bytes in a token, source code 3.5; too short a prefix is led in vain."""
_LEAST_SAVED = 0.05
"""Least share of a follower's prompt that makes it worth waiting for a leader."""
_LEAST_SAVED_AGAIN = 0.2
"""The same for a longer prefix, for which it waits a second time."""
_LEAST_BLOCKS = 2
"""Least blocks that a longer prefix adds."""


class CacheRates(NamedTuple):
    """How a provider bills what it reads from its cache and writes to it, relative to other input."""

    read: float = 0.1
    write: float = 1.0
    minimum: int = LEAST_KEPT
    """Least tokens of a prefix that is kept."""
    block: int = 128
    """Tokens of a block; what is no whole block is not kept."""

    def blocks(self, tokens: int) -> int:
        """Return the tokens of a prefix that are kept: none of a short one.

        >>> CacheRates().blocks(1000), CacheRates().blocks(1300)
        (0, 1280)
        """
        return tokens - tokens % self.block if tokens >= self.minimum else 0


class Begins(NamedTuple):
    """A prompt, and what it has in common with others."""

    tokens: int
    """Tokens of the whole prompt."""
    prefixes: Sequence[tuple[Hashable, int]] = ()
    """What identifies each prefix, and its tokens, shortest first."""


class Billed(NamedTuple):
    """Input tokens by the rate at which they are billed."""

    full: int = 0
    read: int = 0
    written: int = 0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.full + self.read + self.written

    def at(self, rates: CacheRates) -> float:
        """Return what they cost in tokens of the full price.

        >>> Billed(full=100, read=1000, written=1000).at(CacheRates(read=0.1, write=1.25))
        1450.0
        """
        return self.full + self.read * rates.read + self.written * rates.write


def tokens_of(size: int) -> int:
    """Return the tokens of a prefix of a number of bytes, rather too few than too many."""
    return size // _BYTES_PER_TOKEN


def expected_bill(prompts: Iterable[Begins], rates: CacheRates) -> Billed:
    """Return how the input of calls is billed if each prefix that is worth it is led.

    A prefix that a single prompt has is nobody's to lead, but it may be written all the same.

    Args:
        prompts: in any order.
        rates: of the provider.

    >>> nine = [Begins(10_100, [("document", 10_000)])] * 9
    >>> round(expected_bill(nine, CacheRates()).at(CacheRates()) / 10_100, 1)
    1.9
    """
    led: set[Hashable] = set()
    full = read = written = 0
    for prompt in prompts:
        worth = levels([tokens for _, tokens in prompt.prefixes], prompt.tokens, rates)
        known = longest = 0
        for level in worth:
            digest, tokens = prompt.prefixes[level]
            longest = rates.blocks(tokens)
            known = longest if digest in led else known
            led.add(digest)
        read += known
        written += longest - known
        full += prompt.tokens - longest
    return Billed(full, read, written)


def levels(sizes: Sequence[int], tokens: int, rates: CacheRates) -> list[int]:
    """Return which prefixes of a prompt are worth a leader: their indices in `sizes`.

    The first one is the shortest that the provider keeps and that saves at least a twentieth of a follower's
    prompt. A longer one, for which followers wait a second time, has to save a fifth of what they pay then.

    Args:
        sizes: tokens of the prefixes, ascending.
        tokens: of the whole prompt.
        rates: of the provider.

    >>> levels([300, 3000, 3100, 4000], 4100, CacheRates())
    [1, 3]
    """
    chosen: list[int] = []
    led, price = 0, float(tokens)
    for index, size in enumerate(sizes):
        added = rates.blocks(size) - led
        if added < _LEAST_BLOCKS * rates.block:
            continue
        saved = added * (1 - rates.read)
        if saved >= (_LEAST_SAVED_AGAIN if chosen else _LEAST_SAVED) * price > 0:
            chosen.append(index)
            led, price = led + added, price - saved
    return chosen
