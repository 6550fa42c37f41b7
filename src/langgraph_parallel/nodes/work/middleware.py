"""Governed calls as a middleware of LangChain's agents. Importing this needs langchain."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest
from langchain_core.language_models import BaseChatModel

from langgraph_parallel.arguments import checked
from langgraph_parallel.runtime.governed import governed
from langgraph_parallel.runtime.limits import Limits, worker_limits

_KEPT = 16
"""Number of models that are kept governed."""


class GovernedMiddleware(AgentMiddleware[Any, Any, Any]):
    """Lets the model calls of an agent obey the run, with the retries and the timeout of this package.

        create_agent("openai:gpt-5-mini", tools, middleware=[agents.GovernedMiddleware()])

    The same as an agent whose model is `governed(model)`, also for models that another middleware chooses:
    put it last, so that it is next to the model. Tools and the agent itself hold no slot.

    Args:
        limits: bounds of the calls; for the precedence see `runtime.limits`.

    Raises:
        UsageError: `limits` has an unknown key, or one of runs.
    """

    @checked
    def __init__(self, limits: Limits | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._limits = worker_limits(limits)
        self._governed: dict[int, tuple[BaseChatModel, BaseChatModel]] = {}

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[..., Any]) -> Any:
        """Call the governed model."""
        return handler(request.override(model=self._govern(request.model)))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[..., Awaitable[Any]]
    ) -> Any:
        """Call the governed model."""
        return await handler(request.override(model=self._govern(request.model)))

    def _govern(self, model: BaseChatModel) -> BaseChatModel:
        if not isinstance(model, BaseChatModel):
            return model  # one whose fields are chosen for each call; callbacks govern the one that it makes
        # Kept, because a new model would get new clients. So is the original, whose id is the key.
        if id(model) not in self._governed:
            while len(self._governed) >= _KEPT:
                self._governed.pop(next(iter(self._governed)))
            self._governed[id(model)] = (model, governed(model, self._limits))
        return self._governed[id(model)][1]
