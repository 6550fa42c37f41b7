"""Texts and code of a given number of tokens, drawn from a seed."""

import random
from collections.abc import Iterator

from benchmarks.billing.tokens import tokenize

_WHO = ("The council", "A committee", "The harbour office", "Our workshop", "The library", "Every tenant")
_DID = ("decided", "reported", "argued", "denied", "was told", "wrote in its letter", "did not expect")
_WHAT = (
    "the bridge",
    "the fee for boats",
    "the winter timetable",
    "the reading room",
    "the lift",
    "the budget",
)
_HOW = ("would close early", "costs more than planned", "needs another inspection", "should stay as it is")
_WHEN = ("in spring", "before the holidays", "after the storm", "for two years", "since the last vote")


def prose(tokens: int, seed: int = 0) -> str:
    """Return sentences with about this many tokens."""
    return _of_size(_sentences(random.Random(seed)), tokens)


def code(tokens: int, seed: int = 0) -> str:
    """Return Python functions with about this many tokens."""
    return _of_size(_functions(random.Random(seed)), tokens)


def _of_size(parts: Iterator[str], tokens: int) -> str:
    found: list[str] = []
    size = 0
    for part in parts:
        size += len(tokenize(part))
        if found and size > tokens:
            break
        found.append(part)
    return "".join(found).lstrip()


def _sentences(draw: random.Random) -> Iterator[str]:
    while True:
        who, did, what = draw.choice(_WHO), draw.choice(_DID), draw.choice(_WHAT)
        how, when = draw.choice(_HOW), draw.choice(_WHEN)
        begin = "\n\n" if draw.random() < 0.1 else " "
        item = draw.randrange(10_000)
        yield f"{begin}{who} {did} {when} that {what} {how}, as item {item} of the minutes says."


def _functions(draw: random.Random) -> Iterator[str]:
    while True:
        name = f"{draw.choice(('load', 'merge', 'check', 'store'))}_{draw.choice(('rows', 'users', 'keys'))}"
        number = draw.randrange(10_000)
        yield (
            f"def {name}_{number}(given, limit={number % 97}):\n"
            f"    found = [item for item in given if item.weight > {number % 31}]\n"
            f"    if len(found) > limit:\n        raise ValueError('too many: %d' % len(found))\n"
            f"    return sorted(found, key=lambda item: item.number_{number % 13})\n\n\n"
        )
