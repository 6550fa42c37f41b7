"""The limits of a run over many items, as a worker process takes part in them."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redis_budget import open_redis_budget
from langgraph_parallel.runtime.redis_limits import check_url, connect, one_of, shared_url
from langgraph_parallel.runtime.shared_limits import sharing
from langgraph_parallel.scale.engine import Job, Line
from langgraph_parallel.scale.line.ledger import CoveredLimits
from langgraph_parallel.scale.line.limits import LimitsKeeper
from langgraph_parallel.scale.line.shared import LineLimits


class _OwnLine:
    """A line to a keeper in the same event loop."""

    def __init__(self, keeper: CoveredLimits) -> None:
        self._keeper = keeper

    async def ask(self, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the keeper."""
        return await self._keeper.answer("", op, data)


@contextlib.asynccontextmanager
async def limits_of(job: Job, line: Line | None, workers: int = 1) -> AsyncIterator[Sequence[Budget]]:
    """Let the limits of a job hold over all of its workers while the context is entered.

    Rates, requests in flight and budgets are shared through Redis, where its URL is set; else over the line;
    without either they are those of this process, which takes of a budget what the ledger of the job covers.

    Args:
        job: whose rows are run.
        line: to the coordinator; None in the only process.
        workers: number of processes that share the limits, this one included.

    Yields:
        The budgets that the calls of all rows are charged to; none if nothing is limited.

    Raises:
        UsageError: the URL of Redis is not valid, or its client is not installed.
    """
    limits = job.program.limits or Limits.model_construct()
    spent = Amount(job.spent_calls, job.spent_tokens, job.spent)
    budgets = Budget(limits).chain
    url = shared_url()
    async with AsyncExitStack() as stack:
        if url is not None:
            check_url(url)
            stack.enter_context(one_of(workers))
            stack.enter_context(sharing(partial(connect, url)))
            if budgets:
                opened = open_redis_budget(url, job.id, limits, spent)
                budgets = [await stack.enter_async_context(opened)]
        elif line is not None:
            shared = LineLimits(line, limits if budgets else None)
            await stack.enter_async_context(shared.kept_up())
            stack.enter_context(sharing(shared.provide))
            budgets = [] if shared.budget is None else [shared.budget]
        elif budgets and job.ledger is not None:
            own = LineLimits(_OwnLine(CoveredLimits(LimitsKeeper(limits, spent), job.ledger)), limits)
            await stack.enter_async_context(own.kept_up())
            budgets = [] if own.budget is None else [own.budget]
        else:
            for budget in budgets:
                budget.note_spent(spent)
        yield budgets
