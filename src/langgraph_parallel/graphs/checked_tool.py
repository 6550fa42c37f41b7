"""Checked tool: a tool of an agent, whose calls and results are checked before they are passed on."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from pydantic import PrivateAttr

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import KeptBack, UsageError
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.answer_checks import AnswerChecks
from langgraph_parallel.nodes.catalogue.checks import CheckLike, build_check_workers, load_checks
from langgraph_parallel.nodes.catalogue.gate import Gate
from langgraph_parallel.nodes.catalogue.guarded import Policy, lets_pass
from langgraph_parallel.nodes.catalogue.tools import as_tool
from langgraph_parallel.nodes.catalogue.withheld import withheld_config, within
from langgraph_parallel.prompts import load_prompt
from langgraph_parallel.runtime.models import ModelLike


@checked
def checked_tool(
    tool: BaseTool | Callable[..., Any],
    *,
    input_checks: Mapping[str, CheckLike] | None = None,
    output_checks: Mapping[str, CheckLike] | None = None,
    model: ModelLike | None = None,
    policy: Policy = "closed",
    raises: bool = False,
) -> BaseTool:
    """Make a tool whose calls and results are checked before they are passed on.

        agents.checked_tool(send, input_checks={"inside": lambda text: "@example.com" not in text})

    For agents of any kind, `create_research`, and as a source of `create_scatter_gather`. A call that a check
    of its input withholds is not made. The model is told which check withheld it, and goes on; of a result
    that is withheld it gets nothing, and no trace shows it. The checks of a side run at the same time. They
    cannot ask a person.

    Args:
        tool: of LangChain, or a function with a docstring, which describes it to the model.
        input_checks: by name, as the checks of `create_guarded`: criteria for a model, a worker, or a
            `Check`. They get the arguments as a JSON text.
        output_checks: the same; they get the result as a text.
        model: of the checks that models make; by default the one that the environment names.
        policy: handling of a check that fails to run: `closed` withholds, `open` passes on.
        raises: whether a call that is withheld raises `KeptBack`, and so ends the agent's run.

    Raises:
        UsageError: there is no check, the tool is neither, or a check is not valid.
    """
    if input_checks is None and output_checks is None:
        raise UsageError("there is nothing to check; pass input_checks or output_checks")
    inner = as_tool(tool)
    sides = {"input_checks": input_checks, "output_checks": output_checks}
    built = {side: _build(given, side, model, policy) for side, given in sides.items()}
    return _CheckedTool.around(inner, built["input_checks"], built["output_checks"], raises=raises)


def _build(
    given: Mapping[str, CheckLike] | None, name: str, model: ModelLike | None, policy: Policy
) -> AnswerChecks | None:
    if given is None:
        return None
    checks, prompt = load_checks(given, "", name), load_prompt("checked_tool/check")
    workers, inputs = build_check_workers(
        checks, prompt, model, variable="content", create_voting=create_voting
    )
    return AnswerChecks(workers, inputs, list(checks), lambda outcome: lets_pass(outcome, policy))


class _CheckedTool(BaseTool):
    """A tool within its checks."""

    _inner: Any = PrivateAttr()
    _before: AnswerChecks | None = PrivateAttr(default=None)
    _after: AnswerChecks | None = PrivateAttr(default=None)
    _raises: bool = PrivateAttr(default=False)

    @classmethod
    def around(
        cls, inner: BaseTool, before: AnswerChecks | None, after: AnswerChecks | None, *, raises: bool
    ) -> "_CheckedTool":
        """Return a tool that is to a model what another one is.

        Args:
            inner: the other one.
            before: checks of its arguments.
            after: checks of its results.
            raises: whether a check that has not passed raises.
        """
        made = cls(
            name=inner.name,
            description=inner.description,
            args_schema=inner.args_schema or inner.get_input_schema(),
            return_direct=inner.return_direct,
            tags=inner.tags,
            metadata=inner.metadata,
        )
        made._inner, made._before, made._after, made._raises = inner, before, after, raises
        return made

    async def _arun(self, config: RunnableConfig, **arguments: Any) -> Any:
        said = json.dumps(arguments, ensure_ascii=False, default=str)
        try:
            if self._before is not None:
                await self._before.judge(said, config)
        except KeptBack as withheld:
            return self._withheld("the call was not made", withheld)
        if self._after is None:
            return await self._inner.ainvoke(arguments, config)
        gate = Gate([], checks_answer=True)  # traces do not show a result that is withheld, either
        inner, held = withheld_config(config, gate)
        try:
            with within(inner):
                result = await self._inner.ainvoke(arguments, inner)
                await self._after.judge(_as_text(result), inner)
        except KeptBack as withheld:
            gate.close("a check has not passed")
            return self._withheld("what it returned is withheld", withheld)
        except GraphBubbleUp:
            if held is not None:
                await held.flush()  # a person is asked, and the tool goes on from there
            raise
        gate.answer_passed()
        if held is not None:
            await held.flush()
        return result

    def _run(self, config: RunnableConfig, **arguments: Any) -> Any:
        # In a thread of its own, since an event loop may run in this one.
        with ThreadPoolExecutor(max_workers=1) as pool:
            running = pool.submit(copy_context().run, asyncio.run, self._arun(config, **arguments))
            return running.result()

    def _withheld(self, what: str, error: KeptBack) -> str:
        if self._raises:
            raise error
        return f"({self.name}: {what}: {error})"


def _as_text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
