"""Numbers as they were said: in JSON data, in checkpoints, and in sums.

JSON has integers of any length, and numbers with any digits. A checkpoint holds integers of 64 bits, and a
float holds about 17 digits. What neither an int nor a float holds exactly is kept as the text of its digits,
and such a text is read as the number again: nothing is rounded into somebody else's number.
"""

import math
import operator
import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from types import NoneType
from typing import Any

from pydantic import JsonValue

_BEYOND = 2**63
"""Integers from -(2**63) to 2**63 - 1 fit a checkpoint."""
_MOST_DIGITS = 10_000
"""On either side of the decimal point. A decimal may have billions, and computing with them takes hours."""
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_AS_TEXT = re.compile(r"-?\d+(?:\.\d+)?(?:E[+-]\d{1,5})?", re.ASCII)
"""The text of a decimal, as Python writes it."""
_ATOMS = frozenset({str, float, bool, NoneType})
"""Types of JSON data that a checkpoint holds as they are, and that hold nothing else."""


def from_decimal(number: Decimal) -> int | float | str | None:
    """Return a decimal as JSON data: an int, the float that is written like it, or the text of its digits.

    None for NaN and infinities. Trailing zeros do not matter: equal decimals give equal data.

    >>> [from_decimal(Decimal(said)) for said in ("1.00", "0.1", "0.12345678901234567890")]
    [1, 0.1, '0.1234567890123456789']
    """
    if not number.is_finite():
        return None
    bare = number.normalize(_EXACT) if number else Decimal(0)
    if not _can_be_computed(bare):
        return str(bare)
    if bare == bare.to_integral_value():
        return int(bare)
    nearest = float(bare)
    return nearest if Decimal(repr(nearest)) == bare else str(bare)


def from_fraction(number: Fraction) -> int | float | str | None:
    """Return a fraction as JSON data: exactly if its decimals end, else as the nearest float.

    None beyond the largest float.

    >>> from_fraction(Fraction(3, 4)), from_fraction(Fraction(1, 3)), from_fraction(Fraction(1, 2**60))
    (0.75, 0.3333333333333333, '8.67361737988403547205962240695953369140625E-19')
    """
    rest = below = number.denominator
    twos = (rest & -rest).bit_length() - 1
    rest, fives = rest >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest == 1:
        places = max(twos, fives)
        return from_decimal(Decimal(number.numerator * 10**places // below).scaleb(-places, _EXACT))
    try:
        return float(number)
    except OverflowError:
        return None


def exact(value: object) -> Fraction | None:
    """Return the number that JSON data stands for; None if it is none.

    An integral float is the integer that it equals, another float what its text says: 0.1 is a tenth. A text
    is a number only if neither an int nor a float holds its digits, so that it stands for a number that
    `from_decimal` kept. Booleans, NaN and infinities are no numbers.

    >>> exact(0.1), exact("0.12345678901234567891") == exact(0.12345678901234568), exact("5")
    (Fraction(1, 10), False, None)
    """
    if isinstance(value, str):
        return _exact_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Fraction(value)
    if not math.isfinite(value):
        return None
    return Fraction(value) if value.is_integer() else Fraction(repr(float(value)))


def _exact_text(text: str) -> Fraction | None:
    if not _AS_TEXT.fullmatch(text):
        return None
    number = Decimal(text)
    if not _can_be_computed(number) or from_decimal(number) != text:
        return None
    return Fraction(number)


def _can_be_computed(number: Decimal) -> bool:
    """Return whether a decimal has few enough digits on either side of the point."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DIGITS and number.adjusted() < _MOST_DIGITS


def spell(number: int) -> str:
    """Return the digits of an integer, in base 16 if they are too many for Python to write in base 10.

    >>> spell(2**70), spell(2**20000)[:5]
    ('1180591620717411303424', '0x100')
    """
    try:
        return str(number)
    except ValueError:
        return hex(number)


def as_state(value: Any) -> Any:
    """Return data that a checkpoint can hold outside of a record: integers beyond 64 bits as texts.

    Only lists and dicts are looked into.

    >>> as_state({"a": [1, 2**70]})
    {'a': [1, '1180591620717411303424']}
    """
    if isinstance(value, int) and not -_BEYOND <= value < _BEYOND:
        return spell(value)
    if type(value) is list:
        return [item if type(item) in _ATOMS else as_state(item) for item in value]
    if type(value) is dict:
        return {key: item if type(item) in _ATOMS else as_state(item) for key, item in value.items()}
    return value


def to_store(value: JsonValue) -> Any:
    """Return JSON data that a checkpoint can hold in a record: integers beyond 64 bits as decimals."""
    if isinstance(value, int):
        return value if -_BEYOND <= value < _BEYOND else Decimal(value)
    if isinstance(value, list):
        return [item if type(item) in _ATOMS else to_store(item) for item in value]
    if isinstance(value, dict):
        return {key: item if type(item) in _ATOMS else to_store(item) for key, item in value.items()}
    return value


def from_store(value: Any) -> Any:
    """Return data with its decimals as JSON data; others are left to be validated.

    Data without a decimal is returned itself: results of workers may be large.
    """
    if type(value) in _ATOMS or isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return from_decimal(value)
    if isinstance(value, list):
        items = [item if type(item) in _ATOMS else from_store(item) for item in value]
        return items if any(map(operator.is_not, items, value)) else value
    if isinstance(value, dict):
        read = {key: item if type(item) in _ATOMS else from_store(item) for key, item in value.items()}
        return read if any(map(operator.is_not, read.values(), value.values())) else value
    return value
