"""A caller's names for the keys of a graph: what enters and leaves it under which name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langgraph.types import Command

from langgraph_parallel.errors import UsageError

_INTERRUPT = "__interrupt__"
"""The key under which LangGraph adds the questions of an interrupted run to its values."""


@dataclass(frozen=True)
class Names:
    """The names that the keys of a graph have outside of it.

    Args:
        inputs: the caller's name of each input key of the graph that the caller passes; None if the caller
            uses the graph's own names, and passes any of them.
        outputs: the caller's name of each output key that leaves the graph.
        own_inputs: the input keys that the graph has.
        names_outputs: whether the caller has named the outputs; else they have the graph's own names.
    """

    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str]
    own_inputs: Sequence[str]
    names_outputs: bool = True

    @property
    def entering_keys(self) -> Mapping[str, str]:
        """The caller's name of each input key that may enter."""
        return {key: key for key in self.own_inputs} if self.inputs is None else self.inputs

    def entering(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return an input with the graph's keys."""
        if self.inputs is None:
            return dict(given)
        return {key: given[name] for key, name in self.inputs.items() if name in given}

    def leaving(self, output: Any) -> Any:
        """Return an output with the caller's names."""
        return self._renamed(output, self.outputs)

    def shown(self, values: Any) -> Any:
        """Return the values of a state with the caller's names, inputs included."""
        return self._renamed(values, self.entering_keys, self.outputs)

    def updating(self, update: Any) -> Any:
        """Return an update of the state with the graph's keys.

        Args:
            update: a mapping, or the pairs that `Command` allows too; anything else is returned as it is.

        Raises:
            UsageError: it has a key that the caller has not named.
        """
        own = {name: key for keys in (self.entering_keys, self.outputs) for key, name in keys.items()}
        pairs = list(update.items()) if isinstance(update, Mapping) else update
        if not isinstance(pairs, list | tuple) or not all(
            isinstance(p, tuple) and len(p) == 2 for p in pairs
        ):
            return update
        if unknown := [name for name, _ in pairs if name not in own]:
            raise UsageError(
                f"the update has {unknown[0]!r}, and outside of the graph its keys are {', '.join(own)}"
            )
        renamed = [(own[name], value) for name, value in pairs]
        return dict(renamed) if isinstance(update, Mapping) else renamed

    def commanding(self, command: Command[Any]) -> Command[Any]:
        """Return a command whose update has the graph's keys."""
        return command if command.update is None else replace(command, update=self.updating(command.update))

    def output_keys(self, wanted: str | Sequence[str]) -> str | list[str]:
        """Return the graph's keys for the names in LangGraph's argument `output_keys`.

        Raises:
            UsageError: there is no such name.
        """
        names = [wanted] if isinstance(wanted, str) else wanted
        own = {name: key for key, name in self.outputs.items()}
        if unknown := [name for name in names if name not in own]:
            raise UsageError(f"output_keys has {unknown[0]!r}; the graph's outputs are {', '.join(own)}")
        return own[wanted] if isinstance(wanted, str) else [own[name] for name in names]

    def _renamed(self, values: Any, *names: Mapping[str, str]) -> Any:
        if not isinstance(values, Mapping):
            return values
        renamed = {name: values[key] for keys in names for key, name in keys.items() if key in values}
        return {**renamed, _INTERRUPT: values[_INTERRUPT]} if _INTERRUPT in values else renamed

    def explain(self, error: UsageError) -> None:
        """Add to an error about an input which of the caller's names its keys have, and which have none."""
        text = str(error)
        said = [
            f"{key} is {name!r} here"
            for key, name in self.entering_keys.items()
            if name != key and re.search(rf"\b{re.escape(key)}\b", text)
        ]
        said += [
            f"{key} is not named in inputs"
            for key in self.own_inputs
            if key not in self.entering_keys and f"{{{key!r}: " in text
        ]
        if said:
            error.args = (f"{text} ({', '.join(said)})", *error.args[1:])


def check_names(
    inputs: object, outputs: object, own_inputs: Sequence[str], own_outputs: Sequence[str]
) -> Names | None:
    """Return the names that a caller gave a graph's keys; None if there are none.

    Args:
        inputs: as the caller gave them.
        outputs: likewise.
        own_inputs: the input keys that the graph has.
        own_outputs: its output keys.

    Raises:
        UsageError: they are no mapping of the graph's keys to names, or give one name twice.
    """
    if inputs is None and outputs is None:
        return None
    entering = None if inputs is None else _checked("inputs", inputs, own_inputs)
    leaving = (
        {key: key for key in own_outputs} if outputs is None else _checked("outputs", outputs, own_outputs)
    )
    return Names(entering, leaving, tuple(own_inputs), outputs is not None)


def _checked(argument: str, given: object, own: Sequence[str]) -> dict[str, str]:
    keys = f"the graph's {argument} are {', '.join(own)}"
    if not isinstance(given, Mapping):
        example = f"{argument}={{{own[0]!r}: 'your_key'}}"
        raise UsageError(f"{argument} is {given!r}; expected names by the graph's keys: {example}; {keys}")
    if not given:
        raise UsageError(f"{argument} is empty; name at least one key, or leave it out; {keys}")
    keys_by_name: dict[str, str] = {}
    for key, name in given.items():
        if key not in own:
            raise UsageError(f"{argument} names {key!r}, which the graph does not have; {keys}")
        if not isinstance(name, str) or not name:
            raise UsageError(f"{argument}[{key!r}] is {name!r}; expected the name of a key of yours")
        if (other := keys_by_name.setdefault(name, key)) != key:
            raise UsageError(
                f"{argument} gives {other!r} and {key!r} the same name {name!r}; give each a name of its own"
            )
    return {str(key): str(name) for key, name in given.items()}
