"""Which scorer is meant."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from langgraph_parallel.catalogue.imported import find
from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.scoring.base import Scorer
from langgraph_parallel.evaluation.scoring.judges import JudgeScorer, pairwise, rubric
from langgraph_parallel.evaluation.scoring.rules import exact, numeric, sets

ScorerLike: TypeAlias = str | Mapping[str, Any] | Scorer | JudgeScorer | Callable[..., Any]
"""A name, `module:function`, a mapping with `kind` and settings, a scorer, or a function."""
KINDS: Mapping[str, Callable[..., Scorer | JudgeScorer]] = {
    "exact": exact,
    "numeric": numeric,
    "f1": lambda **settings: sets("f1", **settings),
    "precision": lambda **settings: sets("precision", **settings),
    "recall": lambda **settings: sets("recall", **settings),
    "rubric": rubric,
    "pairwise": pairwise,
}


def as_scorer(given: ScorerLike) -> Scorer | JudgeScorer:
    """Return the scorer that is meant.

    Raises:
        UsageError: there is none of that name, or a setting is not valid.
    """
    if isinstance(given, Scorer | JudgeScorer):
        return given
    if isinstance(given, str) and ":" in given:
        given = find(given)
    if isinstance(given, str):
        given = {"kind": given}
    if isinstance(given, Mapping):
        settings = {**given}
        kind = settings.pop("kind", None)
        if kind not in KINDS:
            raise UsageError(
                f"scorer is {kind!r}; choose one of {', '.join(KINDS)}, or a function of the answer and what "
                "is expected, by name as module:function"
            )
        try:
            return KINDS[kind](**settings)
        except TypeError as error:
            raise UsageError(f"scorer {kind}: {str(error).rpartition('() ')[2]}") from None
    if callable(given):
        return Scorer(name=str(getattr(given, "__name__", None) or type(given).__name__), function=given)
    raise UsageError(f"scorer is {given!r}; expected one of {', '.join(KINDS)}, or a function")
