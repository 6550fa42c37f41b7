"""The floor: what the prompts of a bill would have cost at least, however they had been ordered."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from benchmarks.billing.bill import Line
from benchmarks.billing.profile import Profile
from benchmarks.billing.tokens import BLOCK, SHORTEST


def billed_input(lines: Sequence[Line], profile: Profile) -> Decimal:
    """Return what was charged for prompts, in tokens at the price of input."""
    read, write = Decimal(profile.read_rate), Decimal(profile.write_rate)
    return sum(
        (
            (line.prompt - line.cached - line.written + line.cached * read + line.written * write)
            * (Decimal(profile.batch_rate) if line.lane == "batch" else 1)
            for line in lines
        ),
        Decimal(0),
    )


def floor(lines: Sequence[Line], profile: Profile, shared: int = 0) -> Decimal:
    """Return the least that the prompts can cost, in tokens at the price of input.

    Of each block that several prompts begin with, one request for each machine that must be used pays for
    writing it, and the others for reading it. The rest of each prompt costs as much as any input. Where the
    prompts have more in common than stands at their beginnings, the floor is that of prompts that begin with
    it.

    Args:
        lines: the requests.
        profile: of the server.
        shared: tokens that all prompts have in common, wherever they stand.
    """
    counts = Counter(digest for line in lines for digest in line.blocks)
    prompts = Decimal(sum(line.prompt for line in lines))
    as_sent = prompts - sum((_saved(number, BLOCK, profile) for number in counts.values()), Decimal(0))
    if shared < SHORTEST or not lines:
        return as_sent
    whole = shared - shared % BLOCK
    return min(as_sent, prompts - _saved(len(lines), whole, profile))


def _saved(number: int, tokens: int, profile: Profile) -> Decimal:
    """Return what a number of prompts saves that have some tokens in common."""
    if number < 2:
        return Decimal(0)  # what nobody else has is not worth writing
    leaders = -(-number // profile.overflow) if profile.overflow else 1
    cost = leaders * Decimal(profile.write_rate) + (number - leaders) * Decimal(profile.read_rate)
    return tokens * (number - cost)
