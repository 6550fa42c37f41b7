"""Values of databases, data frames and records as JSON values."""

import base64
import datetime
import decimal
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

_TEXTS = (datetime.datetime, datetime.date, datetime.time)
LARGEST = 2**63
"""Whole numbers from which on they do not travel between processes, and are written as text."""

_MOST_DIGITS = 19
"""Digits of the largest of these."""


def as_json(value: Any) -> Any:
    """Return a value as a JSON value; what has no form in JSON as its text.

    >>> as_json([1, float("nan"), decimal.Decimal("2.50"), datetime.date(2026, 5, 1)])
    [1, None, 2.5, '2026-05-01']
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value) if -LARGEST <= value < LARGEST else str(value)
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, BaseModel):
        return as_json(_dumped(value))
    return _other(value)


def _other(value: Any) -> Any:
    if isinstance(value, _TEXTS):
        return value.isoformat() if value == value else None  # pandas' NaT is a datetime
    if isinstance(value, decimal.Decimal):
        return _decimal(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes_text(bytes(value))
    if isinstance(value, uuid.UUID):
        return str(value)
    if callable(listed := getattr(value, "tolist", None)):  # arrays and numbers of numpy
        return as_json(listed())
    if isinstance(value, Iterable):
        return [as_json(one) for one in value]
    return None if str(value) in ("<NA>", "NaT") else str(value)


def _decimal(value: decimal.Decimal) -> Any:
    """Return a decimal as a number; as text beyond what numbers travel as, and None for what is none."""
    if not value.is_finite():
        return None
    if value.adjusted() >= _MOST_DIGITS:
        return str(value)
    return as_json(int(value) if value == value.to_integral_value() else float(value))


def _dumped(record: BaseModel) -> Any:
    try:
        return record.model_dump(mode="json")
    except ValueError:  # bytes that are no text, for example
        return record.model_dump()


def bytes_text(data: bytes) -> str:
    """Return bytes as text: that which they are in UTF-8, else in Base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()
