"""Bundles: branches that are sent together, and run in one task of LangGraph's (`runtime.bundling`).

Where one fan-out follows another in a loop, as the waves of a vote do, the task goes on with the next one:
between them LangGraph would have nothing to do that anybody sees.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphInterrupt
from langgraph.types import Send

from langgraph_parallel.nodes.fan_out.task import SentTask
from langgraph_parallel.records import Branch
from langgraph_parallel.runtime.bundling import Places
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.together import together

Node = Callable[..., Awaitable[Any]]
_BUNDLE = "bundle"
_STEPS = 2
"""Steps of LangGraph from one fan-out to the next: its branches, and the node that joins them."""


class Further(Protocol):
    """Says what follows after the branches of a bundle."""

    def after(self, ended: Mapping[str, Branch]) -> Sequence[SentTask]:
        """Return what is sent next; nothing if that is for another node to say.

        Args:
            ended: the branches before.
        """
        ...

    @property
    def update(self) -> Mapping[str, Any]:
        """What of the state has changed by what was sent."""
        ...


def bundled(tasks: Sequence[SentTask]) -> Sequence[Any]:
    """Return what is sent: each task, or one bundle of all."""
    return [{_BUNDLE: tasks}] if tasks and current_run().bundles else tasks


def bundle_of(sent: Sequence[Send] | str) -> Sequence[SentTask]:
    """Return the tasks that a router sends as one bundle; none if it goes on to another node."""
    return [] if isinstance(sent, str) else sent[0].arg[_BUNDLE]


def in_bundles(run_one: Node, further: Callable[[RunnableConfig], Further]) -> Node:
    """Build the node that runs a single branch, or a bundle.

    Args:
        run_one: runs a branch.
        further: begins, with the config of the node, to say what follows after a bundle.
    """

    async def branches(sent: Any, config: RunnableConfig) -> Any:
        if (bundle := sent.get(_BUNDLE)) is None:
            return await run_one(sent, config)
        return await run_bundle(bundle, config, run_one, further(config))

    return branches


async def run_bundle(
    bundle: Sequence[SentTask],
    config: RunnableConfig,
    run_one: Node,
    further: Further,
) -> dict[str, Any]:
    """Run the branches of a bundle at the same time, then those that follow; return what they write.

    What they ask a person is left to the next node (`raise_asked`), since what others have written by then is
    in the output of a run that is interrupted.

    Args:
        bundle: what was sent to them.
        config: of the node.
        run_one: runs a branch.
        further: says what follows.
    """
    places, all_ended, asked = Places(config), dict[str, Branch](), list[Any]()

    async def run_branch(sent: SentTask, number: int) -> Mapping[str, Branch]:
        try:
            update = await run_one(sent, places.config(number))
        except GraphInterrupt as error:
            asked.extend(error.args[0])
            return {}
        return update["branches"] if update else {}

    while bundle:
        ended: dict[str, Branch] = {}
        for written in await together(run_branch(sent, number) for number, sent in enumerate(bundle)):
            ended |= written
        all_ended |= ended
        bundle = [] if asked else further.after(ended)
        places.step += _STEPS
    if asked:
        current_run().kept[GraphInterrupt] = asked
    return {"branches": all_ended, **further.update}


def raise_asked() -> None:
    """Interrupt the run, in the node after a bundle, for what the branches have asked.

    Raises:
        GraphInterrupt: they have asked a person.
    """
    if asked := current_run().kept.pop(GraphInterrupt, None):
        raise GraphInterrupt(tuple(asked))
