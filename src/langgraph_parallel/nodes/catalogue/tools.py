"""A worker with tools: it asks, reads what they give, and states only what that says."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel, Field

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.nodes.text.quotes import said_at
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Composed
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.tokens import estimate_tokens

SEARCH = "search_files"
_CALLS = 8
"""Calls of tools in one step, at most."""
_LONGEST = 6000
"""Characters of one result of a tool that are read."""


class _Called(BaseModel):
    """One call of a tool."""

    tool: str
    input: str


class _Claimed(BaseModel):
    """One finding."""

    claim: str
    source: int
    quote: str


class Step(BaseModel):
    """What to ask next, and what was found."""

    calls: list[_Called] = Field(description="Empty when there is enough.")
    findings: list[_Claimed]


class _Found(BaseModel):
    label: str
    text: str
    failed: bool = False
    """It says only why there is nothing."""


class Toolbox:
    """The tools of a worker by name, and search in the files of the run.

    Args:
        tools: LangChain tools, or functions with a docstring.

    Raises:
        UsageError: one is neither, or two have one name.
    """

    def __init__(self, tools: Sequence[Any]) -> None:
        held = [_tool(one) for one in tools]
        self._tools = {one.name: one for one in held}
        if len(self._tools) < len(held) or SEARCH in self._tools:
            raise UsageError(f"two tools have one name; each needs its own, and {SEARCH} is taken")

    def __len__(self) -> int:
        return len(self._tools)

    def described(self, *, files: bool) -> str:
        """The tools as a prompt shows them."""
        lines = [f"- {SEARCH}: the passages of the given files that are most like a text."] if files else []
        lines += [
            f"- {one.name}: {one.description} Takes {json.dumps(one.args)}" for one in self._tools.values()
        ]
        return "\n".join(lines) or "There are none."

    async def use(self, called: _Called, passages: Passages, config: RunnableConfig | None) -> list[_Found]:
        """Call a tool; what fails says so, and nothing else."""
        if called.tool == SEARCH:
            return [_Found(label=p.label, text=p.text) for p in passages.search(called.input)]
        held = self._tools.get(called.tool)
        label = f"{called.tool}: {called.input[:100]}"
        if held is None:
            return []
        try:
            given = _arguments(held, called.input)
            result = await held.ainvoke(given, config)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return [_Found(label=label, text=f"(the tool failed: {describe(error)})", failed=True)]
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
        return [_Found(label=label, text=text[:_LONGEST])] if text.strip() else []


class Researcher(Composed):
    """Looks into a topic with tools, in a few steps.

    Args:
        ask: with `{question}`, `{topic}`, `{tools}`, `{found}` and `{left}`, and the schema `Step`.
        tools: what it may use.
        steps: how often it is asked, at most.
    """

    def __init__(self, ask: Ask, tools: Toolbox, steps: int) -> None:
        self._ask, self._tools, self._steps = ask, tools, steps

    @property
    def asks(self) -> Sequence[Ask]:
        """What asks the model."""
        return [self._ask]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Look into the topic of a section.

        Returns:
            `findings`: each with its `claim`, `source` and `quote`; those whose words no source holds are
            left out, and counted as `unsupported`.
        """
        section: Section = input
        files: Any = section.data.get("files") or {}
        passages = Passages(files)
        found: list[_Found] = []
        claims: list[_Claimed] = []
        asked: set[tuple[str, str]] = set()
        for left in range(self._steps - 1, -1, -1):
            try:
                step: Step = await self._ask.ainvoke(self._given(section, files, found, left))
            except Exception as error:
                if not claims:
                    raise
                return _supported(claims, found) | {"ended": describe(error)}  # what is there is paid for
            claims += step.findings
            calls = [one for one in step.calls if (one.tool, one.input) not in asked][:_CALLS]
            if not calls or not left:
                break
            asked |= {(one.tool, one.input) for one in calls}
            results = await asyncio.gather(*(self._tools.use(one, passages, config) for one in calls))
            held = {(one.label, one.text) for one in found}
            for one in (one for result in results for one in result):
                if (one.label, one.text) not in held:
                    held.add((one.label, one.text))
                    found.append(one)
        return _supported(claims, found)

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Every step, each with as much found as a prompt takes."""
        total = Estimate()
        for left in range(self._steps):
            given = self._given(input, input.data.get("files") or {}, [], left)
            total += self._ask.estimate(
                given, run, context, more=run.limits_for(self._ask.limits).section_tokens
            )
        return total

    def _given(self, section: Section, files: Mapping[str, str], found: Sequence[_Found], left: int) -> Any:
        ceiling = current_run().limits_for(self._ask.limits).section_tokens
        shown: list[str] = []
        for number, one in reversed(list(enumerate(found, 1))):  # the latest are the most wanted
            text = f"[{number}] {one.label}\n{one.text}"
            if estimate_tokens("\n\n".join([text, *shown])) > ceiling and shown:
                break
            shown.insert(0, text)
        steps = (
            f"You may ask the tools {left} more times." if left else "This is your last step: ask no tool."
        )
        return {
            "question": section.content,
            "topic": f"{section.title}\n\n{section.instructions}",
            "tools": self._tools.described(files=bool(files)),
            "found": "\n\n".join(shown) or "Nothing yet.",
            "left": steps,
        }


def _supported(claims: Sequence[_Claimed], found: Sequence[_Found]) -> dict[str, Any]:
    findings, lost = [], 0
    for one in claims:
        source = found[one.source - 1] if 1 <= one.source <= len(found) else None
        place = said_at(one.quote, source.text) if source and not source.failed else None
        if source is None or place is None or not one.claim.strip():
            lost += 1
            continue
        quote = " ".join(source.text[place[0] : place[1]].split())
        findings.append({"claim": one.claim.strip(), "source": source.label, "quote": quote})
    distinct = {json.dumps(one, sort_keys=True): one for one in findings}
    return {"findings": list(distinct.values()), "unsupported": lost}


def _tool(given: Any) -> BaseTool:
    if isinstance(given, BaseTool):
        return given
    if not callable(given) or not getattr(given, "__doc__", None):
        raise UsageError(f"{given!r} is no tool; pass a LangChain tool, or a function with a docstring")
    made: BaseTool = tool(given)
    return made


def _arguments(held: BaseTool, text: str) -> Any:
    """What a tool takes: a JSON object as one, anything else as its only argument."""
    try:
        given = json.loads(text)
    except ValueError:
        return text
    return given if isinstance(given, dict) else text
