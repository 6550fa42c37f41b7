"""Store of a vote that runs in the task of its branch: it stores what LangGraph would have stored.

A vote inside of another graph stores what cannot be had again (`runtime.wave_saver`): for each wave the
checkpoint that sends it, and the ballot of each voter as soon as there is one. Where the vote runs without
LangGraph's loop (`runtime.in_task`), the same is stored from here, with the versions of channels, the ids and
the paths of tasks that it has otherwise. So nobody can tell who reads the state, goes back in time, or takes
up a run that was killed: LangGraph does that from what is stored, and then runs the vote itself.

What costs time is the number of operations of the saver. So there is no look for an earlier checkpoint, which
a vote that begins cannot have, and the ballots that arrive while an operation of their vote is under way are
stored in one, as writes of the first one's task. Whoever reads them finds each with its own task again
(`runtime.stored_ballots`). A branch does not wait for the operations of its vote, since its own record makes
them superfluous; the run does so at its end (`runtime.storing`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from inspect import signature
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.channels import LastValue
from langgraph.channels.base import BaseChannel
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.constants import START
from langgraph.types import Send

from langgraph_parallel.runtime.stored_ballots import BALLOTS, TASKS, task_of
from langgraph_parallel.runtime.storing import Storing

CHECKPOINTER = "__pregel_checkpointer"
"""The config key under which LangGraph passes a checkpointer down to nested graphs."""
_DURABILITY, _REPLAY, _SCRATCHPAD = "__pregel_durability", "__pregel_replay_state", "__pregel_scratchpad"
"""Config keys of when checkpoints are stored, of a run that goes back in time, and of what numbers the graphs
that a task runs."""
_VERSION = 4
"""Of the form of a checkpoint; LangGraph reads earlier ones."""
NOTHING: Any = LastValue(object).checkpoint()
"""What LangGraph loads a channel from that was never stored, and what an empty one returns to be stored."""


def can_store(config: RunnableConfig | None) -> bool:
    """Return whether the rows of a vote can be made here, as the config of its run has it."""
    configurable: Mapping[str, Any] = (config or {}).get("configurable") or {}
    saver, place = configurable.get(CHECKPOINTER), configurable.get("checkpoint_ns")
    return (
        isinstance(saver, BaseCheckpointSaver)
        and bool(place and configurable.get("thread_id"))
        and configurable.get(_DURABILITY) != "exit"
        and not configurable.get(_REPLAY)
        and place not in (configurable.get("checkpoint_map") or {})
        and _takes_paths(getattr(saver.aput_writes, "__func__", saver.aput_writes))
    )


@lru_cache(maxsize=64)
def _takes_paths(put_writes: Callable[..., Any]) -> bool:
    """Return whether a saver takes the paths of tasks: those written before there were any do not."""
    return "task_path" in signature(put_writes).parameters


class _Written(NamedTuple):
    """What a voter has written, and its task."""

    writes: Sequence[tuple[str, Any]]
    id: str
    path: str


class _Wave(NamedTuple):
    """A wave that was sent."""

    id: str
    """Of its checkpoint."""
    step: int
    ballots: list[_Written]
    """Those that are not being stored yet."""


class WaveStore:
    """Makes the rows of one run of a vote.

    Args:
        config: of the run.
        storing: stores them.
    """

    def __init__(self, config: RunnableConfig, storing: Storing) -> None:
        given: Mapping[str, Any] = config.get("configurable") or {}
        self._saver: BaseCheckpointSaver[Any] = given[CHECKPOINTER]
        self._place = _place(given)
        self._configurable = {**given, "thread_id": str(given["thread_id"]), "checkpoint_ns": self._place}
        self._config, self._line = config, storing.line()
        self._is_sync = given.get(_DURABILITY) == "sync"
        self._latest: Any = None
        self._versions: dict[str, Any] = {}
        self._changed: dict[str, Any] = {}
        """The versions of channels that have changed since the last row."""
        self._seen: dict[str, dict[str, Any]] = {}
        """By node, the versions of what has triggered it."""
        self._updated: list[str] = []
        self._wave: _Wave | None = None

    def begun(self, written: Iterable[str], due: Iterable[str | Send]) -> None:
        """Note that the input was written, and which nodes are next."""
        self._bump([START])
        self._seen = {"__input__": {}, START: {START: self._latest}}
        self._bump([START, *written, *map(_trigger, due)])

    def stepped(self, ran: Iterable[str | Send], written: Sequence[str], due: Iterable[str | Send]) -> None:
        """Note that a step has ended.

        Args:
            ran: the nodes of the step.
            written: the channels that they have written to.
            due: the nodes that are next.
        """
        triggers = {_trigger(one): one for one in ran}
        for trigger, one in triggers.items():
            seen = self._seen.setdefault(one.node if isinstance(one, Send) else one, {})
            if not isinstance(one, Send):
                seen[trigger] = self._versions[trigger]
        self._updated = sorted({*written, *map(_trigger, due)})
        self._bump([*triggers, *self._updated])

    def _bump(self, channels: Iterable[str]) -> None:
        self._latest = self._saver.get_next_version(self._latest, None)
        changed = dict.fromkeys(channels, self._latest)
        self._versions |= changed
        self._changed |= changed

    async def send(
        self, channels: Mapping[str, BaseChannel[Any, Any, Any]], sent: Sequence[Any], step: int
    ) -> None:
        """Store the checkpoint that sends a wave.

        Args:
            channels: of the state.
            sent: to the voters.
            step: in which they run.
        """
        stored = {key: channel.checkpoint() for key, channel in channels.items() if key in self._versions}
        checkpoint = Checkpoint(
            v=_VERSION,
            ts=datetime.now(UTC).isoformat(),
            id=str(uuid6(clock_seq=step - 1)),
            channel_values={key: value for key, value in stored.items() if value is not NOTHING}
            | {TASKS: list(sent)},
            channel_versions={**self._versions},
            versions_seen={node: {**seen} for node, seen in self._seen.items()},
            updated_channels=self._updated,
        )
        parents = self._configurable.get("checkpoint_map") or {}
        before, changed = self._config_at(self._wave.id if self._wave else None), self._changed
        self._wave, self._changed = _Wave(checkpoint["id"], step, []), {}
        metadata: Any = {"source": "loop", "step": step - 1, "parents": parents}
        self._line.add(partial(self._saver.aput, before, checkpoint, metadata, changed))
        if self._is_sync:
            await self._line.made()

    def ended(self, node: str, number: int, update: Mapping[str, Any], due: Iterable[str]) -> None:
        """Store what a voter has written.

        Args:
            node: its name.
            number: its place among those that were sent.
            update: of the state.
            due: the nodes that are next.
        """
        assert self._wave is not None
        writes = [*update.items(), *((_trigger(one), None) for one in due)]
        id, path = task_of(self._wave.id, self._place, self._wave.step, node, number)
        written = _Written(writes, id, path)
        if list(update) != [BALLOTS]:  # a voter that was not asked has none
            self._line.add(partial(self._store, self._wave, [written]))
            return
        self._wave.ballots.append(written)
        if len(self._wave.ballots) == 1:
            self._line.add(partial(self._store, self._wave, self._wave.ballots))

    async def _store(self, wave: _Wave, written: list[_Written]) -> None:
        """Store what there is by now."""
        writes, first = [write for one in written for write in one.writes], written[0]
        written.clear()
        await self._saver.aput_writes(self._config_at(wave.id), writes, first.id, first.path)

    def _config_at(self, checkpoint: str | None) -> RunnableConfig:
        return {**self._config, "configurable": {**self._configurable, "checkpoint_id": checkpoint}}


def _place(configurable: Mapping[str, Any]) -> str:
    """Return the `checkpoint_ns` of a graph that begins in a task; each later one there has a number."""
    number = configurable[_SCRATCHPAD].subgraph_counter()
    return f"{configurable['checkpoint_ns']}|{number}" if number else str(configurable["checkpoint_ns"])


def _trigger(one: str | Send) -> str:
    """Return the channel that makes a node run."""
    return TASKS if isinstance(one, Send) else f"branch:to:{one}"
