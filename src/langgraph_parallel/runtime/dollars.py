"""Amounts of US dollars, as text: a few significant digits, and sums that add up as they are printed."""

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

_DIGITS = 3
_NOTHING = 1e-12
"""Amounts below come from the rounding of sums, not from any price."""


def dollars(usd: float, *, up: bool = False, digits: int = _DIGITS) -> str:
    """Return an amount of US dollars with some significant digits, and with cents at least.

    Args:
        usd: the amount.
        up: round up, for what it is at most.
        digits: that are significant; fewer for what is estimated.

    >>> dollars(12.3456), dollars(0.0123456), dollars(0.0000123), dollars(-0.5), dollars(0)
    ('$12.35', '$0.0123', '$0.0000123', '-$0.500', '$0.00')
    >>> dollars(0.02411, up=True), dollars(0.02411, digits=2)
    ('$0.0242', '$0.024')
    """
    decimals = _decimals(usd, digits)
    rounding = ROUND_CEILING if up else ROUND_HALF_EVEN
    # From the shortest text of the number: 0.1 is a little more than that, and would be rounded up.
    return _shown(int(Decimal(repr(usd)).scaleb(decimals).to_integral_value(rounding)), decimals)


class Divided(NamedTuple):
    """Amounts of one line, in the same decimals."""

    paid: str
    alone: str
    """What it would have been without what has made it cheaper."""
    less: Mapping[str, str]
    """What each cause has saved, by its name."""
    more: Mapping[str, str]
    """What each has cost in addition."""


def divide(paid: float, saved: Mapping[str, float]) -> Divided:
    """Return what was paid and saved as text: the printed amounts add up to what it would have been alone.

    What is less than the last decimal is left out.

    Args:
        paid: the cost.
        saved: by cause; negative for what has cost more.

    >>> divide(0.02411, {"caching": 0.0333333, "batch": 0.0333333})
    Divided(paid='$0.0241', alone='$0.0908', less={'caching': '$0.0334', 'batch': '$0.0333'}, more={})
    """
    decimals = _decimals(paid if paid > _NOTHING else max(map(abs, saved.values()), default=0.0))
    scale = 10.0**decimals
    whole, alone = round(paid * scale), round((paid + math.fsum(saved.values())) * scale)
    parts = {name: math.floor(usd * scale) for name, usd in saved.items() if usd}
    left = alone - whole - sum(parts.values())
    # What rounding down has left goes to those of which it has taken most.
    by_rest = sorted(parts, key=lambda name: parts[name] - saved[name] * scale)
    for name in by_rest[: max(0, left)]:
        parts[name] += 1
    return Divided(
        _shown(whole, decimals),
        _shown(alone, decimals),
        {name: _shown(part, decimals) for name, part in parts.items() if part > 0},
        {name: _shown(-part, decimals) for name, part in parts.items() if part < 0},
    )


def _decimals(usd: float, digits: int = _DIGITS) -> int:
    size = abs(usd)
    return max(2, digits - 1 - math.floor(math.log10(size))) if size > _NOTHING else 2


def _shown(units: int, decimals: int) -> str:
    amount = Decimal(abs(units)).scaleb(-decimals)
    return f"{'-' if units < 0 else ''}${amount:,.{decimals}f}"
