"""The levels of a tree in which many results become one. Pure."""

from collections.abc import Sequence


def groups(sizes: Sequence[int], fan_in: int, ceiling: int | None = None) -> list[range]:
    """Divide neighbours into groups that are reduced together: the places of each.

    As few groups as `fan_in` allows, as even as can be. A group ends early where its sizes would exceed the
    ceiling, unless it would then have only one member: two are always reduced together, or there would be no
    end.

    Args:
        sizes: of what is to be reduced, in tokens.
        fan_in: the most in one group, at least 2.
        ceiling: the most tokens in one group.

    >>> groups([1] * 5, 4)
    [range(0, 2), range(2, 5)]
    >>> groups([9, 9, 9], 4, ceiling=10)
    [range(0, 2), range(2, 3)]
    """
    count = -(-len(sizes) // fan_in)
    ends = {len(sizes) * (i + 1) // count for i in range(count)} if count else set()
    made, start, held = [], 0, 0
    for place, size in enumerate(sizes):
        full = place in ends or (ceiling is not None and held + size > ceiling and place - start >= 2)
        if place > start and full:
            made.append(range(start, place))
            start, held = place, 0
        held += size
    return [*made, range(start, len(sizes))] if sizes else []
