"""Instructions of functions that are remembered: those of the same code are the same."""

import dis
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

_READ = dis.get_instructions


def remember_instructions() -> None:
    """Let `dis` read the instructions of a code object once in this process.

    LangGraph reads those of every node when it compiles a graph, to find the graphs that a node calls. That
    takes a third of the time of a test that builds small graphs, and their nodes are of the same code.
    """
    dis.get_instructions = _get_instructions


def _get_instructions(x: Any, **options: Any) -> Iterator[dis.Instruction]:
    """Iterate over instructions as `dis.get_instructions` does."""
    return _READ(x, **options) if options or not isinstance(x, CodeType) else iter(_of_code(x))


@cache
def _of_code(code: CodeType) -> tuple[dis.Instruction, ...]:
    return tuple(_READ(code))
