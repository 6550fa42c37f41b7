"""Values of Arrow, of which Python does not have all: its dates end in the year 9999. Needs pyarrow."""

import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import RecordBatch

_DAY = 86_400
_CYCLE = 146_097
"""Days in 400 years, after which the calendar is the same."""
_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
"""Of a second, by the unit of a time."""


def rows_of(batch: "RecordBatch") -> list[dict[str, Any]]:
    """Return the rows of a batch; dates and times that Python does not have are texts of ISO 8601."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (OverflowError, ValueError):
        columns = [[_value(one) for one in column] for column in batch.columns]
        rows = [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]
    return rows


def _value(given: Any) -> Any:
    try:
        return given.as_py()
    except (OverflowError, ValueError):
        return _rare(given)


def _rare(given: Any) -> Any:
    """Return a value that Python does not have."""
    kind = str(given.type)
    if kind.startswith(("list", "large_list", "fixed_size_list")):
        return [_value(one) for one in given]
    if kind.startswith("struct"):
        return {name: _value(one) for name, one in given.items()}
    if kind.startswith("date"):
        return _date(given.value if kind.startswith("date32") else given.value // (_DAY * 1000))
    if not kind.startswith("time"):
        return f"{given.value} {given.type.unit}" if kind.startswith("duration") else str(given)
    digits = _DIGITS[given.type.unit]
    seconds, part = divmod(given.value, 10**digits)
    days, seconds = divmod(seconds, _DAY)
    clock = str(datetime.timedelta(seconds=seconds)).rjust(8, "0") + (f".{part:0{digits}d}" if part else "")
    if not kind.startswith("timestamp"):
        return clock
    return f"{_date(days)}T{clock}{'+00:00' if given.type.tz else ''}"


def _date(days: int) -> str:
    """Return a day by its number from 1970-01-01 on, in the Gregorian calendar."""
    cycles, rest = divmod(days, _CYCLE)
    day = datetime.date(1970, 1, 1) + datetime.timedelta(rest)
    return f"{day.year + 400 * cycles:04d}-{day:%m-%d}"
