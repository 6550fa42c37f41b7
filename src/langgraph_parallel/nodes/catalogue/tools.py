"""Tools of a worker: search in the files of the run, LangChain tools, and functions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, Field

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.nodes.work.adapter import Adapter
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.redact import describe

SEARCH = "search_files"
_MAX_CHARACTERS = 6000
"""Maximum characters of a tool result that are read."""


class ToolCall(BaseModel):
    """One call of a tool."""

    tool: str = Field(description="Its name.")
    input: str = Field(description="A text, or a JSON object for a tool with several arguments.")


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
        tools: LangChain tools, or functions with a docstring; `agents.adapt` gives either limits of its own.

    Raises:
        UsageError: a tool is neither, or has a name that is reserved or not its own.
    """

    def __init__(self, tools: Sequence[Any]) -> None:
        resolved = [as_tool(given) for given in tools]
        self._tools = {tool.name: tool for tool in resolved}
        self._invoked: dict[str, Adapter] = {
            tool.name: one.around(tool) if isinstance(one, Adapter) else Adapter(tool, None, None)
            for one, tool in zip(tools, resolved, strict=True)
        }
        names = [tool.name for tool in resolved]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise UsageError(f"two tools have the name {repeated[0]!r}; rename one of them")
        if SEARCH in names:
            raise UsageError(f"a tool has the reserved name {SEARCH!r}; rename it")

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
        return "\n".join(lines)

    async def use(
        self, call: ToolCall, passages: Passages, config: RunnableConfig | None
    ) -> list[ToolResult]:
        """Call a tool. A failure is a result that says so; an unknown tool or an empty text gives none.

        Raises:
            GraphBubbleUp: the tool interrupts, which LangGraph has to see.
        """
        if call.tool == SEARCH:
            return [ToolResult(passage.label, passage.text) for passage in passages.search(call.input)]
        chosen = self._invoked.get(call.tool)
        if chosen is None:
            return []
        label = f"{call.tool}: {call.input[:100]}"
        try:
            result = await chosen.ainvoke(_as_arguments(call.input), config)
        except Exception as error:
            if is_for_langgraph(error):
                raise
            return [ToolResult(label, f"(the tool failed: {describe(error)})", failed=True)]
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
        return [ToolResult(label, text[:_MAX_CHARACTERS])] if text.strip() else []


def as_tool(given: Any) -> BaseTool:
    """Return a tool; wrap a function, whose docstring describes it to the model."""
    if isinstance(given, Adapter):
        given = getattr(given.runnable, "func", None) or getattr(given.runnable, "afunc", given.runnable)
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
