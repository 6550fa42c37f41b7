"""A call in the batch lane: an open call without a slot."""

from dataclasses import dataclass

from langgraph_parallel.runtime.open_call import OpenCall


@dataclass(eq=False, slots=True)
class LaneCall(OpenCall):
    """A request in a batch: it holds an amount of the budget, at the price of a batch, and no slot."""

    async def open(self) -> None:
        """Wait for budget; a drain need not wait for the call, since its answer is kept.

        Raises:
            NotStarted: the run starts no calls, or its budget is spent.
        """
        self.lane, self.bound = "batch", None
        self._prepare()
        await self.run.budget.reserve(self.amount, self.waits)
        self._begin()
