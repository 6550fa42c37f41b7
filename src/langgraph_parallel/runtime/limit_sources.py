"""Limits from the environment, and from several places together."""

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache

from pydantic import ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limits import PREFIX, Limits

_VARIABLES = {f"{PREFIX}{name.upper()}": name for name in Limits.model_fields}
"""Fields by the variable that sets them."""


def limits_from_environment(environment: Mapping[str, str] | None = None) -> Limits:
    """Return the limits that `LANGGRAPH_PARALLEL_*` variables set; an empty variable sets nothing.

    Args:
        environment: variables by name; None for those of the process.

    Raises:
        UsageError: a variable has an invalid value.
    """
    variables = os.environ if environment is None else environment
    given = ((field, variables.get(name, "").strip()) for name, field in _VARIABLES.items())
    return _parse_limits(tuple((field, text) for field, text in given if text))


@lru_cache(maxsize=64)
def _parse_limits(texts: tuple[tuple[str, str], ...]) -> Limits:
    """Parse limits, given as pairs of field and text. Cached: every run reads the environment."""
    try:
        return Limits.model_validate(dict(texts))
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        raise UsageError(f"{PREFIX}{name.upper()}={dict(texts)[name]!r}: {problem['msg']}") from None


def merge_limits(sources: Iterable[Limits | None]) -> Limits:
    """Merge limits: each field is from the first source that sets it, and set only if a source does.

    >>> both = merge_limits([Limits(attempts=2), Limits(attempts=9, backoff=1)])
    >>> both.attempts, both.backoff, sorted(both.model_fields_set)
    (2, 1.0, ['attempts', 'backoff'])
    """
    fields: dict[str, object] = {}
    for limits in sources:
        if limits is not None:
            fields = {name: getattr(limits, name) for name in limits.model_fields_set} | fields
    return Limits.model_construct(**fields)  # type: ignore[arg-type]  # validated where they were set
