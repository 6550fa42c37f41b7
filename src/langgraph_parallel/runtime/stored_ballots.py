"""Ballots as they are stored: several in one operation of the saver, and each found with its own task.

LangGraph files what a task writes under the task's id, which follows from the checkpoint that has sent it.
What several voters have written is stored together (`runtime.wave_store`) under the id of the first of them.
Here each gets its own again, before LangGraph reads it: for a state, or to go on with a run.
"""

import copy
from binascii import unhexlify
from collections.abc import AsyncIterator, Iterator, Mapping
from contextvars import Context
from functools import cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import START
from langgraph.graph.state import StateGraph
from langgraph.types import Send
from langsmith import tracing_context
from typing_extensions import TypedDict
from xxhash import xxh3_128_hexdigest

BALLOTS = "branches"
"""The channel that voters write their records to."""
TASKS, _SENT = "__pregel_tasks", "__pregel_push"
"""The channel of what is sent, and the name of that in the ids and paths of tasks."""


def finding_ballots(saver: BaseCheckpointSaver[Any]) -> BaseCheckpointSaver[Any]:
    """Return a checkpointer of which LangGraph reads each ballot as that of its own task."""
    thin: Any = copy.copy(saver)

    def get_tuple(config: RunnableConfig) -> CheckpointTuple | None:
        found = saver.get_tuple(config)
        return None if found is None else with_own_tasks(found)

    async def aget_tuple(config: RunnableConfig) -> CheckpointTuple | None:
        found = await saver.aget_tuple(config)
        return None if found is None else with_own_tasks(found)

    def list_all(*args: Any, **options: Any) -> Iterator[CheckpointTuple]:
        return map(with_own_tasks, saver.list(*args, **options))

    async def alist(*args: Any, **options: Any) -> AsyncIterator[CheckpointTuple]:
        async for found in saver.alist(*args, **options):
            yield with_own_tasks(found)

    thin.get_tuple, thin.aget_tuple, thin.list, thin.alist = get_tuple, aget_tuple, list_all, alist
    return thin  # type: ignore[no-any-return]


def with_own_tasks(stored: CheckpointTuple) -> CheckpointTuple:
    """Return a checkpoint whose ballots are writes of the tasks that gave them.

    Args:
        stored: of any graph. The first ballot that is filed under a task is its own.
    """
    sent = stored.checkpoint["channel_values"].get(TASKS) or ()
    voters = {one.arg["id"]: (one.node, number) for number, one in enumerate(sent) if _is_voter(one)}
    place, step = stored.config["configurable"].get("checkpoint_ns", ""), stored.metadata.get("step", 0) + 1
    own: dict[str, str] = {}
    writes = []
    for task, channel, value in stored.pending_writes or ():
        if channel == BALLOTS and task not in own:
            own[task] = task
        elif channel == BALLOTS:
            (voter,) = value
            own[task], _ = task_of(stored.checkpoint["id"], place, step, *voters[voter])
        writes.append((own.get(task, task), channel, value))
    return stored._replace(pending_writes=writes)


def _is_voter(sent: Any) -> bool:
    return isinstance(sent, Send) and isinstance(sent.arg, Mapping) and "id" in sent.arg


def task_of(checkpoint: str, place: str, step: int, node: str, number: int) -> tuple[str, str]:
    """Return the id and the path that LangGraph gives to a task that was sent."""
    name = f"{place}|{node}" if place else node
    parts = f"{name}{step}{node}{_SENT}{number}"
    digest = xxh3_128_hexdigest(unhexlify(checkpoint.replace("-", "")) + parts.encode())
    id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
    return id, f"~{_SENT}, {number:010d}, {0:010d}"


class _Probe(TypedDict):
    given: int


@cache
def knows_tasks() -> bool:
    """Return whether the installed LangGraph gives tasks the ids that they are given here.

    With others it would not find the ballots that were stored, and ask for them again.
    """
    return Context().run(_ask_langgraph)


def _ask_langgraph() -> bool:
    builder = StateGraph(_Probe)
    builder.add_node("probe", _do_nothing)
    builder.add_conditional_edges(START, _send_two, ["probe"])
    graph = builder.compile(checkpointer=InMemorySaver(), interrupt_before=["probe"])
    config: RunnableConfig = {"configurable": {"thread_id": "probe"}, "callbacks": []}
    with tracing_context(enabled=False):  # it is no run of anybody's
        graph.invoke({"given": 0}, config)
    state = graph.get_state(config)
    checkpoint, step = state.config["configurable"]["checkpoint_id"], (state.metadata or {})["step"] + 1
    ids = [task_of(checkpoint, "", step, "probe", number)[0] for number in range(2)]
    return [task.id for task in state.tasks] == ids


def _do_nothing(state: _Probe) -> None:
    """Write nothing."""


def _send_two(state: _Probe) -> list[Send]:
    return [Send("probe", {}), Send("probe", {})]
