"""What is done with each row, in a form that travels to other processes and machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.runtime.limits import Limits


@dataclass(frozen=True, kw_only=True)
class Program:
    """A graph or a function by name, its settings, and how rows become its input and its output columns."""

    graph: str = ""
    """Name of a pattern, or `module:attribute`: a graph, a function of a row, or a factory of one."""
    settings: Sequence[str] = ()
    """`NAME=VALUE` for each argument of the factory."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """For each key of the graph's input, the column it is read from; empty: columns of the same names."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """For each column of the output, the path in the graph's output: `verdict.choice`; empty: all keys."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Runtime context of each run, as JSON: model, fallbacks, cache, trace ..."""
    offline: bool = False
    """Whether no model may be asked."""
    limits: Limits | None = None
    """Limits of the whole map. Those of single calls hold in each run; rates, concurrency, budgets and
    deadline hold over all rows and all workers."""
    records: str = ""
    """Folder, as an absolute path, for a record of the run of each row; empty for none."""
    folder: str = ""
    """Folder that modules are imported from as well; empty for none."""
    local: Any = None
    """The graph or function itself, where it has no name: it then stays in this
    process, or travels by pickle."""
    fingerprint: str = ""
    """Of graph, prompts, models and settings, as far as they decide on results."""
