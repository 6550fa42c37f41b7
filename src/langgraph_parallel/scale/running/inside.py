"""Code of the caller's in a row: its calls to models obey the map, and are counted for the row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from langgraph_parallel.records import Call
from langgraph_parallel.runtime.around import Around
from langgraph_parallel.runtime.batch.claims import open_claims
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.governor import governed_config
from langgraph_parallel.runtime.kept_answers import in_branch
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.scale.running.shared import Shared

_PATH = "row"
"""What stands for the row in the path of its questions: equal questions of all rows share an answer."""


class Inside:
    """The run of all rows of a worker, below which each row has a run of its own.

    Args:
        name: of the function or graph.
        shared: what the rows have in common.
        context: of their runs.
    """

    def __init__(self, name: str, shared: Shared, context: Context) -> None:
        self._name, self._shared = name, shared
        self.root = Run(shared.limits, around=Around(budgets=shared.budgets))
        self.root.answers.begin(None, context.cache, {})
        if context.fallbacks is not None:
            self.root.fallbacks = tuple(context.fallbacks)
        self.claims = open_claims(self.root, shared.job)
        self._config = governed_config(self.root.within({}))
        self._steps = self._config["recursion_limit"]

    def config(self, key: str) -> RunnableConfig:
        """Return the config of a row, with a run of its own."""
        run = Run(outer=self.root)
        run.answers = self.root.answers.apart()
        config = run.within(self._config)
        config["recursion_limit"] = self._steps
        config["run_name"] = f"{self._name}[{key}]"
        config["metadata"] = {"key": key}
        return config

    def close(self, *, whole: bool) -> None:
        """End the run of all rows.

        Args:
            whole: whether every row that has begun has a result, which is stored.
        """
        self.claims.end(whole)

    @contextmanager
    def entered(self, config: RunnableConfig, key: str) -> Iterator["Entered"]:
        """Run code as part of a row.

        Args:
            config: of the row.
            key: of the row.
        """
        around = {name: value for name, value in config.items() if name not in ("run_name", "metadata")}
        token = var_child_runnable_config.set(cast("RunnableConfig", around))
        try:
            path = self._shared.asker(key) if self._shared.is_batch else _PATH
            with in_branch(path) as branch:
                yield Entered(branch.calls, branch)
        finally:
            var_child_runnable_config.reset(token)


class Entered:
    """A row while its code runs.

    Args:
        calls: that it has made so far, by id.
        answers: that are kept if it ends well.
    """

    __slots__ = ("answers", "calls")

    def __init__(self, calls: dict[str, Call], answers: Any) -> None:
        self.calls, self.answers = calls, answers
