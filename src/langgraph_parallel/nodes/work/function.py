"""Functions as workers."""

import asyncio
import inspect
from concurrent.futures import Future
from contextvars import copy_context
from functools import cached_property
from types import FunctionType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langchain_core.runnables.utils import accepts_config, accepts_run_manager

from langgraph_parallel.runtime.recording import Unheard

_COMPLETE = frozenset({"tags", "metadata", "callbacks", "recursion_limit", "configurable"})
"""What LangChain fills in from the config around, where it is left out."""


class Function(RunnableLambda[Any, Any]):
    """A function as a Runnable. What it returns is awaited if it can be, as futures can, whatever it is."""

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Call the function; without a run of LangChain's, which costs time, where nothing listens."""
        if kwargs or not self._is_plain or not _is_unheard(config):
            return await super().ainvoke(input, config, **kwargs)
        inside = _inside(config)
        context = copy_context()
        context.run(var_child_runnable_config.set, inside)
        # A task of its own, as on the long way: a function may cancel the task that it runs in.
        called: Any = self.afunc
        result = await _awaited(await asyncio.create_task(called(input), context=context))
        return await result.ainvoke(input, inside) if isinstance(result, Runnable) else result

    @cached_property
    def _is_plain(self) -> bool:
        """Whether it is a coroutine function of the input alone."""
        function = getattr(self, "afunc", None)
        if function is None or not inspect.iscoroutinefunction(function):
            return False
        return not (_may_take(function, "config") and accepts_config(function)) and not (
            _may_take(function, "run_manager") and accepts_run_manager(function)
        )

    async def _ainvoke(self, value: Any, run_manager: Any, config: RunnableConfig, **kwargs: Any) -> Any:
        return await _awaited(await super()._ainvoke(value, run_manager, config, **kwargs))


def _may_take(function: Any, name: str) -> bool:
    """Return whether a signature is worth the time of being read: whether it may have this parameter."""
    if type(function) is not FunctionType or vars(function):  # which may say that it has another signature
        return True
    return name in function.__code__.co_varnames


def _inside(config: RunnableConfig | None) -> RunnableConfig:
    """Return the config of what is called in a function, without the name and the id of its own run."""
    given = {key for key, value in (config or {}).items() if value is not None}
    if not given.issuperset(_COMPLETE):
        inside = ensure_config(config)
    else:  # nothing of the config around it shows, which LangChain would copy first
        token = var_child_runnable_config.set(None)
        try:
            inside = ensure_config(config)
        finally:
            var_child_runnable_config.reset(token)
    inside.pop("run_name", None)
    inside.pop("run_id", None)
    return inside


async def _awaited(result: Any) -> Any:
    if isinstance(result, Future):  # of an executor, or of LangGraph's `@task`
        result = asyncio.wrap_future(result)
    return await result if inspect.isawaitable(result) else result


def _is_unheard(config: RunnableConfig | None) -> bool:
    """Return whether no tracer and no callback listens."""
    manager: Any = (config or {}).get("callbacks")
    if not isinstance(manager, BaseCallbackManager):  # that of a node has a tracer, where tracing is on
        manager = AsyncCallbackManager.configure(manager)
    return all(isinstance(handler, Unheard) for handler in manager.handlers)
