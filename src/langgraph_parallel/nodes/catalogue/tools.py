"""A worker with tools: it calls them, reads their results, and states only what the results say."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, Field

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.nodes.text.quotes import find_statement
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Composed
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.tokens import estimate_tokens

SEARCH = "search_files"
_MAX_CALLS = 8
"""Maximum tool calls of one step."""
_MAX_CHARACTERS = 6000
"""Maximum characters of a tool result that are read."""


class ToolCall(BaseModel):
    """One call of a tool."""

    tool: str
    input: str


class Claim(BaseModel):
    """One finding."""

    claim: str
    source: int
    quote: str


class Step(BaseModel):
    """What to ask next, and what was found."""

    calls: list[ToolCall] = Field(description="Empty when there is enough.")
    findings: list[Claim]


@dataclass(frozen=True)
class ToolResult:
    """What a tool returned. Results are equal if their label and text are."""

    label: str
    """The source that a finding names."""
    text: str
    failed: bool = field(default=False, compare=False)
    """Whether the text is an error, which supports no claim."""


class Toolbox:
    """Tools by name, and search in the files of the run.

    Args:
        tools: LangChain tools, or functions with a docstring.

    Raises:
        UsageError: a tool is neither, or two tools have the same name.
    """

    def __init__(self, tools: Sequence[Any]) -> None:
        resolved = [_as_tool(given) for given in tools]
        self._tools = {tool.name: tool for tool in resolved}
        if len(self._tools) < len(resolved) or SEARCH in self._tools:
            raise UsageError(f"tools have the same name; rename them, and do not use {SEARCH}")

    def __len__(self) -> int:
        return len(self._tools)

    def describe(self, *, files: bool) -> str:
        """Render the tools for a prompt.

        Args:
            files: whether there are files to search.
        """
        lines = [f"- {SEARCH}: the passages of the given files that are most like a text."] if files else []
        lines += [
            f"- {tool.name}: {tool.description} Takes {json.dumps(tool.args)}"
            for tool in self._tools.values()
        ]
        return "\n".join(lines) or "There are none."

    async def use(
        self, call: ToolCall, passages: Passages, config: RunnableConfig | None
    ) -> list[ToolResult]:
        """Call a tool. A failure is a result that says so; an unknown tool or an empty text gives none.

        Raises:
            GraphBubbleUp: the tool interrupts, which LangGraph has to see.
        """
        if call.tool == SEARCH:
            return [ToolResult(passage.label, passage.text) for passage in passages.search(call.input)]
        chosen = self._tools.get(call.tool)
        if chosen is None:
            return []
        label = f"{call.tool}: {call.input[:100]}"
        try:
            result = await chosen.ainvoke(_as_arguments(call.input), config)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return [ToolResult(label, f"(the tool failed: {describe(error)})", failed=True)]
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
        return [ToolResult(label, text[:_MAX_CHARACTERS])] if text.strip() else []


class Researcher(Composed):
    """Researches a topic with tools, in a few steps.

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
                step: Step = await self._ask.ainvoke(self._variables(section, results, steps_left))
            except Exception as error:
                if not claims:
                    raise
                return _keep_supported(claims, results) | {"ended": describe(error)}  # they are paid for
            claims += step.findings
            calls = [call for call in step.calls if (call.tool, call.input) not in asked][:_MAX_CALLS]
            if not calls or not steps_left:
                break
            asked |= {(call.tool, call.input) for call in calls}
            answers = await asyncio.gather(*(self._tools.use(call, passages, config) for call in calls))
            # Results are cited by number, so new ones go behind the earlier ones.
            results = list(dict.fromkeys([*results, *chain.from_iterable(answers)]))
        return _keep_supported(claims, results)

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
            f"You may ask the tools {steps_left} more times."
            if steps_left
            else "This is your last step: ask no tool."
        )
        return {
            "question": section.content,
            "topic": f"{section.title}\n\n{section.instructions}",
            "tools": self._tools.describe(files=bool(section.data.get("files"))),
            "found": "\n\n".join(self._fit_results(results)) or "Nothing yet.",
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
    findings = [finding for claim in claims if (finding := _check_claim(claim, results))]
    distinct = {json.dumps(finding, sort_keys=True): finding for finding in findings}
    return {"findings": list(distinct.values()), "unsupported": len(claims) - len(findings)}


def _check_claim(claim: Claim, results: Sequence[ToolResult]) -> dict[str, str] | None:
    """Return a claim as a finding, with the quote as in the source; None if the source does not state it."""
    source = results[claim.source - 1] if 1 <= claim.source <= len(results) else None
    if source is None or source.failed or not claim.claim.strip():
        return None
    place = find_statement(claim.quote, source.text)
    if place is None:
        return None
    quote = " ".join(source.text[place[0] : place[1]].split())
    return {"claim": claim.claim.strip(), "source": source.label, "quote": quote}


def _as_tool(given: Any) -> BaseTool:
    """Return a tool; wrap a function, whose docstring describes it to the model."""
    if isinstance(given, BaseTool):
        return given
    if not callable(given) or not getattr(given, "__doc__", None):
        raise UsageError(f"{given!r} is not a tool; pass a LangChain tool, or a function with a docstring")
    wrapped: BaseTool = tool(given)
    return wrapped


def _as_arguments(text: str) -> Any:
    """Return the arguments of a tool: those of a JSON object, else the text as the only argument."""
    try:
        arguments = json.loads(text)
    except ValueError:
        return text
    return arguments if isinstance(arguments, dict) else text
