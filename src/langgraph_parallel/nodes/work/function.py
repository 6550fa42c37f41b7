"""Functions as workers."""

import asyncio
import inspect
from concurrent.futures import Future
from typing import Any

from langchain_core.runnables import RunnableConfig, RunnableLambda


class Function(RunnableLambda[Any, Any]):
    """A function as a Runnable. What it returns is awaited if it can be, as futures can, whatever it is."""

    async def _ainvoke(self, value: Any, run_manager: Any, config: RunnableConfig, **kwargs: Any) -> Any:
        result = await super()._ainvoke(value, run_manager, config, **kwargs)
        if isinstance(result, Future):  # of an executor, or of LangGraph's `@task`
            result = asyncio.wrap_future(result)
        return await result if inspect.isawaitable(result) else result
