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
        return value.model_dump(mode="json")
    return _other(value)


def _other(value: Any) -> Any:
    if isinstance(value, _TEXTS):
        return value.isoformat() if value == value else None  # pandas' NaT is a datetime
    if isinstance(value, decimal.Decimal):
        return as_json(int(value) if value == value.to_integral_value() else float(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes_text(bytes(value))
    if isinstance(value, uuid.UUID):
        return str(value)
    if callable(listed := getattr(value, "tolist", None)):  # arrays and numbers of numpy
        return as_json(listed())
    if isinstance(value, Iterable):
        return [as_json(one) for one in value]
    return None if str(value) in ("<NA>", "NaT") else str(value)


def bytes_text(data: bytes) -> str:
    """Return bytes as text: that which they are in UTF-8, else in Base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()
