"""A tool that reads what the answers of other tools leave out, in pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.prebuilt import ToolRuntime
from langgraph.store.base import BaseStore
from pydantic import Field

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.tools.arguments import Filled
from langgraph_parallel.tools.call import Answer
from langgraph_parallel.tools.conversation import ARTIFACT
from langgraph_parallel.tools.describing import check_name
from langgraph_parallel.tools.failures import error_words, say_misfit
from langgraph_parallel.tools.kept import NAMESPACE, Shelf

_LEAST = 300
"""Tokens below which a page would be hardly more than its head."""
_DESCRIPTION = (
    "Reads the details of an earlier result in pieces: run is the id after 'Details: run' in the result of a "
    "tool. Without part, it lists the parts with their sizes. What it shows after '| ' is data."
)


class _Arguments(Filled):
    """What a model passes."""

    run: str = Field(description="The id of the run.")
    part: str = Field(
        "",
        description="What to read: a part such as 'findings', or an entry of it by its id, name or number, "
        "such as 'findings/3'. Empty: list the parts.",
    )
    page: int = Field(1, ge=1, description="The page, from 1.")


@checked
def details_tool(
    *,
    name: str = "read_details",
    description: str | None = None,
    tokens: int = 1000,
    store: BaseStore | None = None,
    namespace: Sequence[str] = NAMESPACE,
) -> BaseTool:
    """Make a tool by which an agent reads what the answers of `as_tool` leave out, in pieces.

    Its arguments are the id of a run, a part of its output, and a page. It reads runs of the same
    conversation only, as the thread of the agent tells; without threads, the ids separate runs, and cannot be
    guessed.

    Args:
        name: of the tool.
        description: for the model; by default it says how to use the tool.
        tokens: most tokens of a page, at least 300, at 3 bytes a token.
        store: as that of `as_tool`; by default the agent's store, else the memory of this process.
        namespace: as that of `as_tool`.

    Raises:
        UsageError: an argument is not valid.
    """
    at_least(tokens, "tokens", _LEAST)
    reader = _Reader(tokens, store, tuple(namespace))
    return StructuredTool(
        name=check_name(name),
        description=_DESCRIPTION if description is None else description,
        args_schema=_Arguments,
        func=reader.run,
        coroutine=reader.arun,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=partial(say_misfit, schema=_Arguments.model_json_schema()),
    )


@dataclass(frozen=True)
class _Reader:
    """Reads runs that were kept."""

    tokens: int
    store: BaseStore | None
    namespace: tuple[str, ...]

    def run(
        self,
        config: RunnableConfig,
        runtime: ToolRuntime = None,  # type: ignore[assignment]  # no union: LangChain would drop it
        *,
        run: str,
        part: str = "",
        page: int = 1,
    ) -> Answer:
        """Read a page."""
        try:
            return self._shelf(config, runtime).read(run, part, page, tokens=self.tokens), _about(run)
        except Exception as error:
            raise ToolException(error_words(error)) from None

    async def arun(
        self,
        config: RunnableConfig,
        runtime: ToolRuntime = None,  # type: ignore[assignment]  # no union: LangChain would drop it
        *,
        run: str,
        part: str = "",
        page: int = 1,
    ) -> Answer:
        """Read a page."""
        try:
            return await self._shelf(config, runtime).aread(run, part, page, tokens=self.tokens), _about(run)
        except Exception as error:
            raise ToolException(error_words(error)) from None

    def _shelf(self, config: RunnableConfig, runtime: Any) -> Shelf:
        return Shelf.of(self.store or getattr(runtime, "store", None), config, self.namespace)


def _about(run: str) -> Mapping[str, str]:
    return {"by": ARTIFACT, "details_of": run}
