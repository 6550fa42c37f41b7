"""What a tool tells a model of a call that failed: the words of the error, which say the way out."""

import logging
from collections.abc import Mapping
from typing import Any

from langgraph.errors import is_invalid_resume
from pydantic import ValidationError

from langgraph_parallel.errors import FanOutError, ParallelError
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.explain import is_bug
from langgraph_parallel.runtime.redact import in_words, redact

__all__ = ["error_words", "is_invalid_resume", "output_of", "say_misfit"]

_log = logging.getLogger("langgraph_parallel")
_LONGEST = 900
"""Characters of an error that a model gets."""


def error_words(error: Exception) -> str:
    """Return what an error says, on one line. A bug of the caller's code is logged with its traceback."""
    if isinstance(error, ParallelError):
        words = redact(str(error)[: 10 * _LONGEST])
    elif is_bug(error):
        _log.error("a graph that an agent called as a tool has failed", exc_info=error)
        words = f"its own code has an error, which other arguments may avoid: {in_words(error)}"
    else:
        words = in_words(error)
    line = " ".join(visible(words).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def output_of(error: Exception) -> dict[str, Any]:
    """Return what a run that ended with an error leaves: branches, sections, report; empty if nothing."""
    if not isinstance(error, FanOutError):
        return {}
    missing = [branch.name for branch in error.failed.values()]
    found = {"missing": missing, "branches": error.branches, "sections": error.sections}
    return {**{key: value for key, value in found.items() if value}, "run_report": error.run_report}


def say_misfit(error: Any, schema: Mapping[str, Any]) -> str:
    """Return what is wrong with the arguments of a call, and which there are.

    Args:
        error: a `ValidationError`.
        schema: JSON schema of the arguments.

    Raises:
        ValidationError: the error is not about the arguments: a person's answer does not fit its question.
    """
    if is_invalid_resume(error) or not isinstance(error, ValidationError):
        raise error
    problems = [_problem(one) for one in error.errors()[:3]]
    required = set(schema.get("required") or ())
    known = ", ".join(
        f"{name} ({'required' if name in required else 'optional'})"
        for name in schema.get("properties") or {}
    )
    line = f"wrong arguments: {'; '.join(problems)}. Call again with {known}."
    return visible(line)[:_LONGEST]


def _problem(error: Mapping[str, Any]) -> str:
    place = ".".join(map(str, error["loc"]))
    words = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {words[:1].lower()}{words[1:]}" if place else words
