"""Who asks a person: what an interrupt carries of the branch that it comes from.

LangGraph gives an interrupt an id and a value, neither of which says where it comes from. A branch adds that
on its way out: to a form under a key of its own, which UIs pass over. Any other value is the worker's, and
stays as it is: the schema of its answer gets an annotation.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt

KEY = "x-asked-by"
"""In the value of a form, or in the schema of an answer."""


@dataclass(frozen=True)
class Asker:
    """Where an interrupt comes from."""

    path: tuple[str, ...] = ()
    """Names of the branches, the outermost first; empty if it is not of a branch."""
    order: tuple[int, ...] = ()
    """Their places in the plans of their graphs."""
    tools: tuple[str, ...] = ()
    """Names of the tools of the agent that asks; empty if they are not known."""


def is_form(value: Any) -> bool:
    """Return whether the value of an interrupt is a form of `HumanInTheLoopMiddleware`."""
    actions = value.get("action_requests") if isinstance(value, Mapping) else None
    return isinstance(actions, list) and all(isinstance(action, Mapping) for action in actions)


def asker_of(interrupt: Interrupt) -> Asker:
    """Return where an interrupt comes from, as far as it says so."""
    holder = interrupt.value if is_form(interrupt.value) else interrupt.response_schema
    found = holder.get(KEY) if isinstance(holder, Mapping) else None
    if not isinstance(found, Mapping):
        return Asker()
    return Asker(*(tuple(found.get(name) or ()) for name in ("path", "order", "tools")))


def sign(error: GraphInterrupt, name: str, order: int, tools: Collection[str]) -> None:
    """Let the interrupts that leave a branch say where they come from.

    Args:
        error: that carries them.
        name: of the branch.
        order: its place in the plan.
        tools: names of the tools of its worker, if that is an agent.
    """
    signed = tuple(_signed(one, name, order, tools) for one in error.args[0] if isinstance(one, Interrupt))
    if len(signed) == len(error.args[0]):
        error.args = (signed, *error.args[1:])


def _signed(interrupt: Interrupt, name: str, order: int, tools: Collection[str]) -> Interrupt:
    below = asker_of(interrupt)
    asker = {
        "path": [name, *below.path],
        "order": [order, *below.order],
        "tools": list(below.tools) or sorted(tools),
    }
    value, schema = interrupt.value, interrupt.response_schema
    if is_form(value):
        value = {**value, KEY: asker}
    elif schema is None or isinstance(schema, Mapping):
        schema = {**(schema or {}), KEY: asker}
    return Interrupt(value, interrupt.id, response_schema=schema)
