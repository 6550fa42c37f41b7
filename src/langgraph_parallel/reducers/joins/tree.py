"""Levels of a reduction tree."""

from collections.abc import Sequence


def groups(sizes: Sequence[int], fan_in: int, ceiling: int | None = None) -> list[range]:
    """Divide neighbouring items into groups that are reduced together.

    The groups are as few as `fan_in` allows, and as even as possible. A group ends early if the next item
    would exceed `ceiling`; but two items are always reduced together, or the reduction would never end.

    Args:
        sizes: size of each item, in tokens.
        fan_in: maximum items in a group, >= 2.
        ceiling: maximum tokens in a group of three or more; None for no limit.

    Returns:
        The index range of each group, in order.

    >>> groups([1] * 5, 4)
    [range(0, 2), range(2, 5)]
    >>> groups([9, 9, 9], 4, ceiling=10)
    [range(0, 2), range(2, 3)]
    """
    count = -(-len(sizes) // fan_in)
    ends = {len(sizes) * (i + 1) // count for i in range(count)} if count else set()
    ranges, start, tokens = [], 0, 0
    for place, size in enumerate(sizes):
        is_full = place in ends or (ceiling is not None and tokens + size > ceiling and place - start >= 2)
        if place > start and is_full:
            ranges.append(range(start, place))
            start, tokens = place, 0
        tokens += size
    return [*ranges, range(start, len(sizes))] if sizes else []
