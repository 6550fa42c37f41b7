"""A graph as a tool of an agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.prebuilt import ToolRuntime
from langgraph.store.base import BaseStore

from langgraph_parallel.arguments import at_least, checked, shown
from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.limit_sources import merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.named_graph import NamedGraph
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.tools.answer import LEAST
from langgraph_parallel.tools.arguments import Args, Arguments
from langgraph_parallel.tools.call import Answer, Calls
from langgraph_parallel.tools.conversation import ledger_of
from langgraph_parallel.tools.describing import check_name, describe_kind
from langgraph_parallel.tools.failures import say_misfit
from langgraph_parallel.tools.kept import NAMESPACE


@checked
def as_tool(
    graph: Any,
    *,
    name: str | None = None,
    description: str | None = None,
    args: Args | None = None,
    fixed: Mapping[str, Any] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    conversation_limits: Limits | Mapping[str, Any] | None = None,
    tokens: int = 500,
    store: BaseStore | None = None,
    namespace: Sequence[str] = NAMESPACE,
) -> BaseTool:
    """Make a tool of a graph, for an agent.

        vote = create_voting(model="openai:gpt-5-mini", choices=["yes", "no"], voters=5)
        agent = create_agent(model, [as_tool(vote, name="ask_panel"), details_tool()])

    The model fills the input keys of the graph that have a simple type. It gets a short answer: what was
    found and at what support, what is missing and why, what it cost, and the id of the run, under which
    `details_tool` reads the rest. A failure is a tool message with the status `error` that says the way out.
    Interrupts reach the agent, and their answers come back; a run that was killed goes on with the agent.

    Args:
        graph: of this package, compiled without a checkpointer: it uses that of the agent.
        name: of the tool, by which the model calls it; by default that of the graph. A person who is asked
            sees that of the graph: give it a `name=`, too.
        description: what it does, for the model; by default that of the pattern.
        args: the input keys that the model fills, or their types by key; by default all simple ones.
        fixed: values by input key that the model does not choose.
        limits: of one call, around those of the graph: `Limits`, or a mapping of its fields.
        conversation_limits: budgets for all calls of a conversation, as `Limits` or a mapping. Tools that get
            the same `Limits` object share them.
        tokens: most tokens of an answer, at least 200, at 3 bytes a token.
        store: keeps whole outputs; by default the agent's store, else a bounded memory of this process.
        namespace: where in the store.

    Raises:
        UsageError: an argument is not valid, or the graph is not one of this package, has a checkpointer, or
            requires an input that is neither simple nor fixed.
        UnknownPrice: a budget is in dollars, and a model has no known price.
    """
    if not isinstance(graph, ParallelGraph):
        raise UsageError(
            f"the graph is {shown(type(graph).__name__)}; expected a langgraph_parallel graph, such as "
            "create_voting(...): for anything else, LangChain has its own as_tool and @tool"
        )
    if graph.checkpointer:
        raise UsageError(
            f"{graph.name!r} has a checkpointer; leave out checkpointer=: as a tool, a graph uses the agent's"
        )
    at_least(tokens, "tokens", LEAST)
    named = check_name(graph.name if name is None else name)
    own = None if limits is None else as_settings(limits, Limits, "limits")
    ledger = ledger_of(conversation_limits, named)
    bounds = [one for one in (own, ledger.limits if ledger else None) if one is not None]
    asked = [model for ask in graph.governing.asks for model in ask.models]
    check_prices(merge_limits(bounds), [*asked, *(graph.governing.fallbacks or ())])
    arguments = Arguments(graph, args, fixed)
    outputs = graph.names.outputs if isinstance(graph, NamedGraph) else {}
    calls = Calls(named, graph.governing.kind, own, ledger, tokens, store, tuple(namespace), outputs)
    called = _Called(graph, arguments, calls)
    return StructuredTool(
        name=named,
        description=describe_kind(graph.governing.kind) if description is None else description,
        args_schema=arguments.schema,
        func=called.run,
        coroutine=called.arun,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=partial(say_misfit, schema=arguments.schema.model_json_schema()),
    )


@dataclass(frozen=True)
class _Called:
    """A graph that agents call."""

    graph: ParallelGraph
    arguments: Arguments
    calls: Calls

    def run(
        self,
        config: RunnableConfig,
        callbacks: BaseCallbackManager | None = None,
        runtime: ToolRuntime = None,  # type: ignore[assignment]  # no union: LangChain would drop it
        **given: Any,
    ) -> Answer:
        """Run the graph, in an event loop of its own."""
        call = self.calls.begin(config, runtime)
        try:
            output = self._own.invoke(self.arguments.input(given), call.within(config, callbacks))
        except Exception as error:
            self.arguments.explain(error)
            output = call.ended(error)
        try:
            if output:
                call.shelf.keep(call.run, call.parts(output))
        except Exception as error:
            call.not_kept(error)
        return call.answer(output)

    async def arun(
        self,
        config: RunnableConfig,
        callbacks: BaseCallbackManager | None = None,
        runtime: ToolRuntime = None,  # type: ignore[assignment]  # no union: LangChain would drop it
        **given: Any,
    ) -> Answer:
        """Run the graph."""
        call = self.calls.begin(config, runtime)
        try:
            output = await self._own.ainvoke(self.arguments.input(given), call.within(config, callbacks))
        except Exception as error:
            self.arguments.explain(error)
            output = call.ended(error)
        try:
            if output:
                await call.shelf.akeep(call.run, call.parts(output))
        except Exception as error:
            call.not_kept(error)
        return call.answer(output)

    @property
    def _own(self) -> Any:
        """The graph with its own keys, whatever the caller calls them."""
        return getattr(self.graph, "own", self.graph)
