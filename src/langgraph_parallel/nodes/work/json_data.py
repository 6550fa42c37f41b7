"""Results of workers as JSON data."""

import math
import numbers
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

from pydantic import JsonValue, TypeAdapter

from langgraph_parallel.records.numbers import from_decimal, spell

_JSON: TypeAdapter[Any] = TypeAdapter(Any)
_SHORT = 2000
"""Bits of an integer that Python writes as text whatever its limit of digits."""
_NOTED = 10
"""Numbers that are not finite, of which the notes say where they were."""


def as_json(value: object, notes: list[str] | None = None) -> JsonValue:
    """Return a value as JSON data. What JSON cannot hold becomes text, so that nothing paid for is lost.

    Numbers are kept as they are: integers of any length, and decimals (see `records.numbers`). A number that
    is not finite is null.

    Args:
        value: what a worker returned.
        notes: gets a note for each number that is read as null.
    """
    if type(value) is str:
        return value
    data: JsonValue = _JSON.dump_python(value, mode="json", fallback=_as_number_or_text)
    if _is_plain(value):  # asked after the dump, which refuses what holds itself
        return data
    # JSON has decimals as texts; dumped as Python data they can be told from texts that look like numbers.
    said = _JSON.dump_python(value)
    if _is_plain(said) and _is_plain(data):
        return data
    lost: list[tuple[str, ...]] = []
    read = _read(said, data, (), lost)
    if notes is not None and lost:
        lost.sort(key=len)  # a field of the answer itself says more than one deep inside
        places = [".".join(path) or "the answer" for path in lost[:_NOTED]]
        notes += [f"{place} is read as null: not a finite number" for place in places]
        if len(lost) > _NOTED:
            more = len(lost) - _NOTED
            are = "1 more number is" if more == 1 else f"{more} more numbers are"
            notes.append(f"{are} read as null: not finite")
    return read


def _is_plain(data: Any) -> bool:
    """Return whether all of some data is kept as it is: nearly all results of workers."""
    left = [data]
    while left:
        item = left.pop()
        kind = type(item)
        if kind is dict:
            left += item.values()
        elif kind is list:
            left += item
        elif kind is int:
            if item.bit_length() > _SHORT:
                return False
        elif kind is float:
            if not math.isfinite(item):
                return False
        elif not (kind is str or kind is bool or item is None):
            return False
    return True


def _as_number_or_text(value: object) -> object:
    """Return a number of another library, such as NumPy's, as Python's; everything else as text."""
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else str(value)


def _read(said: object, data: JsonValue, path: tuple[str, ...], lost: list[tuple[str, ...]]) -> JsonValue:
    """Return data as it is kept: decimals as numbers, and numbers that are not finite as null.

    Args:
        said: the data before it was dumped as JSON.
        data: the data as JSON.
        path: keys and indices on the way to it.
        lost: gets the path of each number that is not finite.
    """
    if isinstance(data, dict):
        before = said if isinstance(said, Mapping) and len(said) == len(data) else data
        pairs = zip(before.values(), data.items(), strict=True)
        return {key: _read(one, item, (*path, key), lost) for one, (key, item) in pairs}
    if isinstance(data, list):
        alike = isinstance(said, Sequence | Set) and len(said) == len(data)
        each = zip(said if alike else data, data, strict=True)  # type: ignore[call-overload]
        return [_read(one, item, (*path, str(place)), lost) for place, (one, item) in enumerate(each)]
    if isinstance(said, Decimal) and data == str(said):
        data = from_decimal(said)
    # Pydantic writes a float that is not finite as null, or leaves it, by where it stands.
    was_number = data is None and isinstance(said, Decimal | float)
    if was_number or (isinstance(data, float) and not math.isfinite(data)):
        lost.append(path)
        return None
    return _within_digits(data) if isinstance(data, int) else data


def _within_digits(number: int) -> int | str:
    """Return an integer; as text if it has more digits than Python writes, so that JSON cannot show it."""
    text = spell(number) if number.bit_length() > _SHORT else ""
    return text if text.lstrip("-").startswith("0x") else number
