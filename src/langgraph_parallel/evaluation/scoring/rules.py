"""Scorers that compare an answer with what is expected: exact, numeric, sets."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.scoring.base import Score, Scorer
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.normalise import (
    Normaliser,
    NormaliserLike,
    as_normaliser,
    number,
    read_by,
)

Measure = Literal["f1", "precision", "recall"]


def exact(normalise: NormaliserLike = "text") -> Scorer:
    """Score 1 if an answer means the same as what is expected, else 0; a text and a number as texts.

    Args:
        normalise: by which answers are read, as in votes: `text` (case, spaces and punctuation at the ends do
            not count), `number`, `option`, `boxed`, `without_articles`, a function, or several of them. An
            answer that cannot be read is wrong.

    Raises:
        UsageError: there is no such normaliser.
    """
    read = _reader(normalise)

    def same(answer: Any, expected: Any) -> bool:
        if answer is None or expected is None:
            return answer is expected
        if isinstance(answer, str) != isinstance(expected, str):  # 4 and "4", true and "True"
            answer, expected = _as_text(answer), _as_text(expected)
        said, true = read_by(read, answer), read_by(read, expected)
        return said is not None and canonical(said) == canonical(true)

    return Scorer(name="exact", takes_whole=False, function=same)


def numeric(tolerance: float = 0.0, relative: float = 0.0) -> Scorer:
    """Score 1 if an answer is the number that is expected, within a tolerance, else 0.

    Args:
        tolerance: largest difference.
        relative: largest difference as a share of the expected number; the larger of both holds.

    Raises:
        UsageError: a tolerance is negative.
    """
    if tolerance < 0 or relative < 0:
        raise UsageError("numeric: tolerance and relative must not be negative")

    def near(answer: Any, expected: Any) -> bool:
        said, true = _number(answer), _number(expected)
        if true is None:
            raise UsageError(f"numeric: {expected!r} is expected, which is no number")
        if said is None:
            return False
        return abs(said - true) <= max(tolerance, relative * abs(true)) + 1e-12 * abs(true)

    return Scorer(name="numeric", takes_whole=False, function=near)


def sets(measure: Measure = "f1", key: str | None = None, normalise: NormaliserLike = "text") -> Scorer:
    """Score a list by what it shares with the expected list; precision, recall and F1 are reported.

    Of two empty lists all three are 1. An element that comes twice counts twice.

    Args:
        measure: the one that is compared: `f1`, `precision` or `recall`.
        key: field that identifies an element that is a record, such as the `rule` of a finding; None for the
            element itself. Several, separated by commas, identify it together: `"path,line,rule"`.
        normalise: how texts are read, as for `exact`.

    Raises:
        UsageError: there is no such measure or normaliser.
    """
    if measure not in get_args(Measure):
        raise UsageError(f"sets: {measure!r} is not a measure; choose one of {', '.join(get_args(Measure))}")
    read = _reader(normalise)
    names = [] if key is None else [name.strip() for name in key.split(",")]

    def element(value: Any) -> str:
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        if names:
            if not isinstance(plain, Mapping):
                raise UsageError(f"sets: {plain!r:.60} has no field {names[0]!r}")
            plain = [plain.get(name) for name in names]
            return canonical([read_by(read, one) if isinstance(one, str) else one for one in plain])
        return canonical(read_by(read, plain) if isinstance(plain, str) else plain)

    def overlap(answer: Any, expected: Any) -> Score:
        said, true = Counter(map(element, _list(answer))), Counter(map(element, _list(expected)))
        shared = (said & true).total()
        precision = shared / said.total() if said else float(not true)
        recall = shared / true.total() if true else float(not said)
        f1 = 2 * shared / (said.total() + true.total()) if said or true else 1.0
        parts = {"precision": precision, "recall": recall, "f1": f1}
        return Score(parts[measure], parts)

    return Scorer(name=measure, takes_whole=False, function=overlap)


def _reader(normalise: NormaliserLike) -> Normaliser:
    read = as_normaliser(normalise)
    if read is None:
        raise UsageError("normalise is None; name a normaliser, such as 'text'")
    return read


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _number(value: Any) -> float | None:
    read = None if isinstance(value, bool) else number(value)
    try:
        return None if read is None else float(read)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _list(value: Any) -> list[Any]:
    """Return the elements of a list, or of JSON or lines that have been read as one text."""
    if value is None:
        return []
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return [line for line in value.splitlines() if line.strip()]
        return parsed if isinstance(parsed, list) else [parsed]
    if isinstance(value, Mapping):
        return [value]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
