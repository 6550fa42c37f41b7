"""The channel of a graph's input, which holds the values that the channels of the input's keys refer to."""

from collections.abc import Sequence
from typing import Any

from langgraph.constants import START
from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.runtime.input_values import Held, hold_values, refer
from langgraph_parallel.runtime.stored_once import NOTHING, Stored, given, latest

_INPUTS = "__langgraph_parallel_inputs"
"""The only key of what a checkpoint stores of several inputs."""
_KEPT = 2
"""Earlier inputs that are stored with a new one where a checkpoint has all of the channel: the last one that
the graph has read, and the one that sections are planned from, if a run ended between the two."""

if Stored is not None:

    class StartChannel(Stored):
        """The channel of a graph's input: stored once, and held as long as the state is loaded."""

        loaded: Sequence[tuple[Any, Sequence[Held]]] = ()
        """The inputs of the thread that were loaded, oldest first, each with what references to it find."""
        is_from_before = False
        """Whether it was stored by an `EphemeralValue`, which is empty again once the graph has read it."""

        def from_checkpoint(self, checkpoint: Any) -> "StartChannel":
            """Return the channel as it was stored."""
            new: Any = super().from_checkpoint(checkpoint)
            inputs = [new.value] if new.is_available() else []
            new.is_from_before = bool(inputs) and new.value is checkpoint
            if inputs and isinstance(new.value, dict) and new.value.keys() == {_INPUTS}:
                inputs = new.value[_INPUTS]
                new.value = inputs[-1]
            new.loaded = [(one, hold_values(one)) for one in inputs]
            return new  # type: ignore[no-any-return]

        def copy(self) -> "StartChannel":
            """Return a copy."""
            new: Any = super().copy()
            new.value, new.loaded = self.value, self.loaded
            return new  # type: ignore[no-any-return]

        def update(self, values: Sequence[Any]) -> bool:
            """Take an input. It stays: what the graph writes to other channels refers to it."""
            if values:
                self.value = values[-1]
            return bool(values)

        def replay_writes(self, writes: Sequence[Any]) -> None:
            """Take the inputs of runs after the checkpoint that was loaded."""
            if not writes and self.is_from_before:
                self.value = NOTHING
            self.loaded = [*self.loaded, *((value, hold_values(value)) for _, _, value in writes)]
            self.update([value for _, _, value in writes])

        def stored(self) -> Any:
            """Return what a checkpoint stores that has all of the channel."""
            read = [one for one, held in self.loaded if one is not self.value and any(h.read for h in held)]
            return {_INPUTS: [*read[-_KEPT:], self.value]} if read else super().stored()


def store_input_once(graph: CompiledStateGraph[Any, Any, Any, Any]) -> None:
    """Store the input of a compiled graph once, where its channels resolve references to it."""
    keys = {key for key, channel in graph.channels.items() if getattr(channel, "reducer", None) is given}
    if not keys or START not in graph.nodes:
        return

    def written(input: Any) -> Any:
        """Return what the first node writes."""
        return refer(input, keys)

    # The input comes first, since channels are loaded in this order.
    replaced: Any = graph.channels[START]
    start = StartChannel(latest, replaced.UpdateType)
    start.key = START
    graph.channels = {START: start} | graph.channels | {START: start}
    graph.nodes[START] = graph.nodes[START].copy(update={"mapper": written})
