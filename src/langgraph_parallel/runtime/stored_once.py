"""Channels that are stored once: a checkpoint holds what a step has changed, and not all of the state again.

LangGraph's `DeltaChannel` (in beta since 1.2) stores updates, and puts the value together again from them. It
is used here alone, so that a LangGraph without it, or with another one, asks for no other change: without it,
the channels are stored with every checkpoint.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from langgraph.channels import BinaryOperatorAggregate, LastValue
from langgraph.graph.message import add_messages

from langgraph_parallel.records import Section
from langgraph_parallel.reducers.channels import merge_all_branches, merge_all_calls
from langgraph_parallel.runtime.excerpts import (
    Source,
    hold_sources,
    planned,
    stored_plan,
    with_texts,
    without_texts,
)
from langgraph_parallel.runtime.input_values import find_value, resolve
from langgraph_parallel.runtime.messages import with_ids

if TYPE_CHECKING:
    from langgraph.channels.delta import DeltaChannel
else:
    try:
        from langgraph.channels.delta import DeltaChannel
    except ImportError:  # pragma: no cover - before LangGraph 1.2
        DeltaChannel = None

Merge = Callable[[Any, Sequence[Any]], Any]
"""From a value, or None, and its updates to the new value."""


def latest(before: Any, updates: Sequence[Any]) -> Any:
    """Return the last update."""
    return updates[-1]


def merged_branches(before: Any, updates: Sequence[Any]) -> Any:
    """Merge branches by id, as `merge_branches` does."""
    return merge_all_branches([before or {}, *updates])


def merged_calls(before: Any, updates: Sequence[Any]) -> Any:
    """Merge calls by id, as `merge_calls` does."""
    return merge_all_calls([before or {}, *updates])


def merged_messages(before: Any, updates: Sequence[Any]) -> Any:
    """Add messages, as `add_messages` does: one with an id that is there replaces the earlier one.

    What comes without an id, by an update of the state, gets the same one each time that it is loaded.
    """
    for update in updates:
        before = add_messages(before or [], with_ids(update, len(before or [])))
    return before


def given(before: Any, updates: Sequence[Any]) -> Any:
    """Return the last update, which is a part of the graph's input."""
    return with_texts(resolve(updates[-1]))


def planned_for_graphs(before: Any, updates: Sequence[Any]) -> Any:
    """Return sections as `planned`; the channel holds their texts, which nested graphs do not store."""
    return planned(before, updates)


_WITHOUT_VALUE = (latest, given, planned, planned_for_graphs, merged_messages)
"""Merges of channels that have no value before the first update; the others start with an empty dict."""


if DeltaChannel is not None:
    NOTHING = DeltaChannel(latest, list).value
    _MARK = "__langgraph_parallel_no_value"

    class Stored(DeltaChannel[Any]):
        """A `DeltaChannel` of any type. It has no value until something is written, unless it merges."""

        sources: Sequence[Source] = ()
        """The texts that it has had, and that others refer to."""

        def from_checkpoint(self, checkpoint: Any) -> "Stored":
            """Return the channel as it was stored."""
            if checkpoint is not None and checkpoint is not NOTHING:
                new = super().from_checkpoint(checkpoint)
                if new.value == _MARK:
                    new.value = NOTHING
                new._hold()
                return new
            new = self.copy()
            new.value = NOTHING if self.reducer in _WITHOUT_VALUE else {}
            return new

        def get(self) -> Any:
            """Return the value, or for a checkpoint what stands for it.

            Raises:
                EmptyChannelError: there is none.
            """
            return self.stored() if sys._getframe(1).f_code.co_name == "create_checkpoint" else super().get()

        def stored(self) -> Any:
            """Return what a checkpoint stores.

            That is a mark if there is no value: LangGraph does not ask before it stores channels in a fork.
            """
            return _MARK if self.value is NOTHING else self.value

        def copy(self) -> "Stored":
            """Return a copy."""
            new = super().copy()
            new.sources = self.sources
            return new

        def update(self, values: Sequence[Any]) -> bool:
            """Apply the updates of a step."""
            self._begin(values)
            changed = super().update(values)
            self._hold()
            return changed

        def replay_writes(self, writes: Sequence[Any]) -> None:
            """Apply the updates of earlier steps."""
            if self.reducer is given:  # a plan may refer to an earlier input
                earlier = [find_value(value) for _, _, value in writes[:-1]]
                self.sources = [*self.sources, *hold_sources(earlier)]
            self._begin(writes)
            super().replay_writes(writes)
            self._hold()

        def _begin(self, values: Sequence[Any]) -> None:
            if values and self.value is NOTHING:
                self.value = None

        def _hold(self) -> None:
            """Hold the texts that plans, or nested graphs, refer to."""
            if self.reducer in (given, planned_for_graphs) and self.is_available():
                earlier = self.sources if self.reducer is given else ()
                self.sources = [*earlier, *hold_sources(self.value)]

else:  # pragma: no cover - before LangGraph 1.2
    Stored = NOTHING = None  # type: ignore[assignment, misc]


class _Excerpted(LastValue[Any]):
    """The last value, stored without the texts that an enclosing graph stores (`nested_input`)."""

    __slots__ = ("stored",)

    def copy(self) -> "_Excerpted":
        """Return a copy."""
        new = super().copy()
        new.stored = getattr(self, "stored", self.value)
        return new

    def from_checkpoint(self, checkpoint: Any) -> "_Excerpted":
        """Return the channel as it was stored."""
        new = super().from_checkpoint(checkpoint)
        new._restore()
        return new

    def update(self, values: Sequence[Any]) -> bool:
        """Take the value of a step."""
        if changed := super().update(values):
            self._restore()
        return changed

    def checkpoint(self) -> Any:
        """Return what is stored."""
        return getattr(self, "stored", self.value)

    def _restore(self) -> None:
        if self.is_available():
            self.stored, self.value = self.value, with_texts(self.value)


def stored_once(kind: Any, merge: Merge = latest) -> Any:
    """Return the annotation of a channel that is stored once.

    Args:
        kind: type of its value, perhaps annotated.
        merge: merges updates.
    """
    if DeltaChannel is not None:
        return Annotated[kind, Stored(merge, dict if merge is not latest else None)]
    return stored_each_time(kind, merge)


def stored_each_time(kind: Any, merge: Merge = latest) -> Any:
    """Return the annotation of a channel that every checkpoint holds, as `stored_once` otherwise."""
    if merge is latest:
        return kind
    if merge is given:
        return Annotated[kind, _Excerpted(kind)] if DeltaChannel is not None else kind
    empty = list if merge in (planned, planned_for_graphs, merged_messages) else dict
    return Annotated[kind, BinaryOperatorAggregate(empty, lambda left, right: merge(left, [right]))]


def plan_update(sections: Sequence[Section], of: Mapping[str, Any], *, more: bool = False) -> Any:
    """Return the update of the state that stores sections (`excerpts.stored_plan`).

    Args:
        sections: of a plan, or of a round.
        of: the graph's input.
        more: whether they are added to those that are planned.
    """
    return stored_plan(sections, of if DeltaChannel is not None else {}, more=more)


def nested_input(given: Mapping[str, Any], digests: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the input of a nested graph without texts that an enclosing graph stores.

    Args:
        given: the input.
        digests: of the texts.
    """
    if DeltaChannel is None or not digests:
        return given
    return {key: without_texts(value, digests) for key, value in given.items()}
