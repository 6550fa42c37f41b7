"""Sectioning: the caller's planner divides the content, the caller's synthesizer joins the results."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from langgraph_parallel.errors import InputError, PlanError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.planner import PlannerLike, as_planner
from langgraph_parallel.nodes.flow.spec import PlanEstimate
from langgraph_parallel.nodes.flow.synthesize import concatenate
from langgraph_parallel.nodes.flow.synthesizer import SynthesizerLike, as_synthesizer
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import Workers, asks_in
from langgraph_parallel.records import Section
from langgraph_parallel.reducers.text.sentences import uncited
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.run import Run

Dependencies = Literal["waves", "error"]
EXAMPLES: dict[Any, list[Any]] = {
    str: ["# Water\n\nWater boils at 100 °C.\n\n# Iron\n\nIron melts at 1538 °C.\n"],
    list[str]: [["First text.", "Second text."]],
    dict[str, str]: [{"water.md": "Water boils at 100 °C.", "iron.md": "Iron melts at 1538 °C."}],
}
"""Example contents by type, for the form of LangGraph Studio."""


class SectioningSteps:
    """The plan and the close of a sectioning.

    Args:
        planner: divides the content.
        workers: of the sections.
        synthesizer: joins the results; None to concatenate them.
        dependencies: handling of sections that need others: `waves` lets them wait, `error` rejects
            them.

    Raises:
        UsageError: an argument is not valid.
        PromptError: the worker's prompt has a variable that sections do not provide.
    """

    def __init__(
        self,
        planner: PlannerLike,
        workers: Workers,
        synthesizer: SynthesizerLike | None,
        dependencies: Dependencies,
    ) -> None:
        self.planner, self._dependencies = as_planner(planner), dependencies
        self._synthesizer = concatenate() if synthesizer is None else as_synthesizer(synthesizer)
        if isinstance(workers.only, Ask):  # with several workers, sections have data for their own
            workers.only.prompt.check({*Section.model_fields, *workers.only.given})

    @property
    def plan_asks(self) -> Sequence[Ask]:
        """The `Ask` of the planner, if a model plans."""
        return asks_in(self.planner)

    @property
    def close_asks(self) -> Sequence[Ask]:
        """The `Ask` of the synthesizer, if a model writes."""
        return asks_in(self._synthesizer)

    async def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Divide the content.

        Raises:
            InputError: there is no content, or the planner expects another type.
            PlanError: sections need each other, and `dependencies` is `error`.
        """
        divided = self.planner(_content(given))
        sections = await divided if inspect.isawaitable(divided) else divided
        if self._dependencies == "error":
            _check_independent(sections)
        return sections

    def estimate_plan(self, given: Mapping[str, Any], run: Run, context: Context) -> PlanEstimate:
        """Estimate a plan that a model makes: the maximum of sections, each with the whole content."""
        content, (ask,) = _content(given), self.plan_asks
        sections = [
            Section(id=str(i), title="", content=str(content)) for i in range(self.planner.max_sections or 0)
        ]
        return PlanEstimate(ask.estimate({"content": content}, run, context), sections)

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Join the results, and list those that a written text does not refer to."""
        result = await gathered.attempt("synthesize", self._synthesizer)
        results = [(section.title, as_text(value)) for section, value in gathered.results]
        written = isinstance(result, str) and self.close_asks
        return {"result": result, "uncited": uncited(results, str(result)) if written else []}


def _check_independent(sections: Any) -> None:
    """Check that no section needs another one."""
    # The flow checks only after this whether the planner returned sections at all.
    for section in sections if isinstance(sections, Iterable) else ():
        if isinstance(section, Section) and section.needs:
            raise PlanError(
                f"section {section.title!r} needs {section.needs[0]!r}, so the work is not parallel; use "
                "dependencies='waves' to let it wait"
            )


def _content(given: Mapping[str, Any]) -> Any:
    content = given.get("content")
    if content is None:
        raise InputError("the input has no content; pass {'content': ...}")
    return content
