"""What matters of the output of each pattern, for a model that called it; the gravest or the best first."""

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from langgraph_parallel.tools.decisions import (
    summarise_debate,
    summarise_guarded,
    summarise_labeling,
    summarise_moderation,
    summarise_review,
    summarise_voting,
)
from langgraph_parallel.tools.quoting import Block, said
from langgraph_parallel.tools.results import (
    summarise_best_of,
    summarise_brainstorm,
    summarise_briefing,
    summarise_feedback,
    summarise_market_study,
    summarise_plan,
    summarise_research,
    summarise_result,
    summarise_scatter_gather,
)
from langgraph_parallel.tools.summary import Output

Summary = Callable[[Output], list[Block]]
_ANY: TypeAdapter[Any] = TypeAdapter(Any, config={"ser_json_inf_nan": "strings"})
_ABOUT_THE_RUN = ("missing", "sections", "branches", "run_report", "markdown", "csv")
"""Output keys that say nothing new, or are long: the details have them."""


def _any(output: Output) -> list[Block]:
    """Return every key of an output that is not about the run itself."""
    keys = (key for key in output if key not in _ABOUT_THE_RUN)
    return [Block([["- ", said(key), ": ", said(as_data(output[key]))] for key in keys], most=150)]


def as_data(value: Any) -> Any:
    """Return a value as JSON data, records in it dumped."""
    return _ANY.dump_python(value, mode="json", fallback=str)


_SUMMARIES: dict[str, Summary] = {
    "best_of": summarise_best_of,
    "brainstorm": summarise_brainstorm,
    "briefing": summarise_briefing,
    "debate": summarise_debate,
    "feedback": summarise_feedback,
    "guarded": summarise_guarded,
    "labeling": summarise_labeling,
    "map_reduce": summarise_result,
    "market_study": summarise_market_study,
    "parallel_plan": summarise_plan,
    "moderation": summarise_moderation,
    "research": summarise_research,
    "review": summarise_review,
    "scatter_gather": summarise_scatter_gather,
    "sectioning": summarise_result,
    "voting": summarise_voting,
}


def summarise(kind: str, output: Output) -> list[Block]:
    """Return what matters of an output, by its pattern; of an unknown pattern every key in short."""
    return _SUMMARIES.get(kind, _any)(output)
