"""Functions as workers."""

import inspect
from typing import Any

from langchain_core.runnables import RunnableConfig, RunnableLambda


class Function(RunnableLambda[Any, Any]):
    """A function as a Runnable. What it returns is awaited if it can be, whatever the function is."""

    async def _ainvoke(self, value: Any, run_manager: Any, config: RunnableConfig, **kwargs: Any) -> Any:
        result = await super()._ainvoke(value, run_manager, config, **kwargs)
        return await result if inspect.isawaitable(result) else result
