"""A worker with tools: it calls them, reads their results, and states only what the results say."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, Field

from langgraph_parallel.counted import count
from langgraph_parallel.nodes.catalogue.tools import SEARCH, Toolbox, ToolCall, ToolResult
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.nodes.text.quotes import find_statement
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.remember import remember
from langgraph_parallel.nodes.work.workers import Composed
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.tokens import estimate_tokens

_MAX_CALLS = 8
"""Maximum tool calls of one step."""


class Claim(BaseModel):
    """One finding."""

    claim: str = Field(description="One sentence that can be understood on its own.")
    source: int = Field(description="The number of the result that says it.")
    quote: str = Field(description="The words of the result that say it, copied exactly.")


class Step(BaseModel):
    """What to ask next, and what was found."""

    calls: list[ToolCall] = Field(
        description="What to ask the tools next; empty when you have enough, or no step is left."
    )
    findings: list[Claim] = Field(description="Everything that the tool results say about your topic.")


class Researcher(Composed):
    """Researches a topic with tools, in a few steps; a checkpointer keeps what models and tools answered.

    Args:
        ask: with `{question}`, `{topic}`, `{tools}`, `{found}` and `{left}`, and the schema `Step`.
        tools: that it may call.
        max_steps: maximum calls of the model.
    """

    def __init__(self, ask: Ask, tools: Toolbox, max_steps: int) -> None:
        self._ask, self._tools, self._max_steps = ask, tools, max_steps

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask` of all steps."""
        return [self._ask]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Research the topic of a section.

        Returns:
            `findings`, each with `claim`, `source` and `quote`; `unsupported`, the number of claims that were
            dropped because no source contains their quote; and `ended`, the error of a step that failed after
            others had made claims.
        """
        section: Section = input
        files: Any = section.data.get("files") or {}
        passages = Passages(files)
        results: list[ToolResult] = []
        claims: list[Claim] = []
        asked: set[tuple[str, str]] = set()
        for steps_left in range(self._max_steps - 1, -1, -1):
            try:
                step = await self._ask_step(self._variables(section, results, steps_left))
            except Exception as error:
                if not claims:
                    raise
                return _keep_supported(claims, results) | {"ended": describe(error)}  # they are paid for
            claims += step.findings
            calls = [call for call in step.calls if (call.tool, call.input) not in asked][:_MAX_CALLS]
            if not calls or not steps_left:
                break
            asked |= {(call.tool, call.input) for call in calls}
            answers = await asyncio.gather(*(self._use(call, passages, config) for call in calls))
            # Results are cited by number, so new ones go behind the earlier ones.
            results = list(dict.fromkeys([*results, *chain.from_iterable(answers)]))
        return _keep_supported(claims, results)

    async def _ask_step(self, variables: dict[str, str]) -> Step:
        async def ask() -> Any:
            step: Step = await self._ask.ainvoke(variables)
            return step.model_dump(mode="json")

        return Step.model_validate(await remember("step", ask))

    async def _use(
        self, call: ToolCall, passages: Passages, config: RunnableConfig | None
    ) -> list[ToolResult]:
        if call.tool == SEARCH:
            return await self._tools.use(call, passages, config)

        async def use() -> Any:
            return [asdict(result) for result in await self._tools.use(call, passages, config)]

        return [ToolResult(**fields) for fields in await remember(call.tool, use)]

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of all steps, each with as many results as a prompt holds."""
        total = Estimate()
        more = run.limits_for(self._ask.limits).section_tokens
        for steps_left in range(self._max_steps):
            total += self._ask.estimate(self._variables(input, [], steps_left), run, context, more=more)
        return total

    def _variables(self, section: Section, results: Sequence[ToolResult], steps_left: int) -> dict[str, str]:
        """Return the variables of the prompt of one step."""
        left = (
            f"You may ask the tools {count(steps_left, 'more time')}."
            if steps_left
            else "This is your last step: ask no tool."
        )
        return {
            "question": section.content,
            "topic": f"{section.title}\n\n{section.instructions}",
            "tools": self._tools.describe(files=bool(section.data.get("files"))),
            "found": "\n\n".join(self._fit_results(results)),
            "left": left,
        }

    def _fit_results(self, results: Sequence[ToolResult]) -> list[str]:
        """Render the latest results, each after its number, as many as the prompt holds."""
        ceiling = current_run().limits_for(self._ask.limits).section_tokens
        shown: list[str] = []
        for number, result in reversed(list(enumerate(results, 1))):
            text = f"[{number}] {result.label}\n{result.text}"
            if estimate_tokens("\n\n".join([text, *shown])) > ceiling and shown:
                break
            shown.insert(0, text)
        return shown


def _keep_supported(claims: Sequence[Claim], results: Sequence[ToolResult]) -> dict[str, Any]:
    """Return the distinct findings whose quote is in their source, and the number of all other claims."""
    findings = [finding for claim in claims if (finding := _check_finding(claim, results))]
    distinct = {json.dumps(finding, sort_keys=True): finding for finding in findings}
    return {"findings": list(distinct.values()), "unsupported": len(claims) - len(findings)}


def _check_finding(claim: Claim, results: Sequence[ToolResult]) -> dict[str, str] | None:
    """Return a claim as a finding, with the quote as in the source; None if the source does not state it."""
    source = results[claim.source - 1] if 1 <= claim.source <= len(results) else None
    if source is None or source.failed or not claim.claim.strip():
        return None
    place = find_statement(claim.quote, source.text)
    if place is None:
        return None
    quote = " ".join(source.text[place[0] : place[1]].split())
    return {"claim": claim.claim.strip(), "source": source.label, "quote": quote}
