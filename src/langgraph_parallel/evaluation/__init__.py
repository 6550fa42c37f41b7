"""Evaluation: graphs on the same items, compared in pairs, with a verdict in words.

    from langgraph_parallel.evaluation import evaluate

    found = evaluate({"single": single, "votes": votes}, "questions.jsonl", "exact", margin=0.02)
    print(found)
    found.recommendation.variant, found.recommendation.known

Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_parallel.evaluation.api import EvaluateOptions, aevaluate, evaluate
    from langgraph_parallel.evaluation.plot import frontier_svg
    from langgraph_parallel.evaluation.result import Comparison, Evaluation, Recommendation, VariantResult
    from langgraph_parallel.evaluation.scoring.base import Score, Scorer
    from langgraph_parallel.evaluation.scoring.judges import JudgeScorer, pairwise, rubric
    from langgraph_parallel.evaluation.scoring.rules import exact, numeric, sets
    from langgraph_parallel.evaluation.variants import Variant

_MODULES = {
    "Comparison": "evaluation.result",
    "EvaluateOptions": "evaluation.api",
    "Evaluation": "evaluation.result",
    "JudgeScorer": "evaluation.scoring.judges",
    "Recommendation": "evaluation.result",
    "Score": "evaluation.scoring.base",
    "Scorer": "evaluation.scoring.base",
    "Variant": "evaluation.variants",
    "VariantResult": "evaluation.result",
    "aevaluate": "evaluation.api",
    "evaluate": "evaluation.api",
    "exact": "evaluation.scoring.rules",
    "frontier_svg": "evaluation.plot",
    "numeric": "evaluation.scoring.rules",
    "pairwise": "evaluation.scoring.judges",
    "rubric": "evaluation.scoring.judges",
    "sets": "evaluation.scoring.rules",
}
"""For each public name, the module that defines it."""

__all__ = [
    "Comparison",
    "EvaluateOptions",
    "Evaluation",
    "JudgeScorer",
    "Recommendation",
    "Score",
    "Scorer",
    "Variant",
    "VariantResult",
    "aevaluate",
    "evaluate",
    "exact",
    "frontier_svg",
    "numeric",
    "pairwise",
    "rubric",
    "sets",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"langgraph_parallel.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
