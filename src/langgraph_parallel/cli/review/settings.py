"""The options that define a review, and the graph that they build."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.catalogue.spelling import COMMAND, has_model, naming
from langgraph_parallel.cli.checks import (
    check_model_options,
    check_names,
    check_tracing,
    exclude_each_other,
    make_limits,
)
from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.review import create_review
from langgraph_parallel.nodes.review.aspects import as_aspects
from langgraph_parallel.offline import installed_engines
from langgraph_parallel.reducers.completion import as_completion
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.trace_options import check_level


@dataclass(frozen=True)
class ReviewOptions:
    """What defines a review and its report. It is stored on disk with the run, and holds no secret.

    Attributes:
        limits: fields of `Limits` by name.
        reporting: fields of `Reporting` by name.
    """

    aspects: list[str] | None = None
    model: str | None = None
    base_url: str | None = None
    voters: int = 3
    engines: bool = True
    offline: bool = False
    reconcile: bool = False
    completion: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    reporting: Mapping[str, Any] = field(default_factory=dict)
    trace: str | None = None
    trace_contents: bool | None = None
    fallbacks: list[str] | None = None

    def build(self, checkpointer: Any = None) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Check the options and build the graph.

        Raises:
            UsageError: an option is not valid, options contradict each other, or no voter is available.
        """
        limits = make_limits(self.limits)
        self._check_voters(limits)
        if self.aspects is not None:
            check_names(self.aspects, "--aspects")
        with naming("--aspects"):
            aspects = as_aspects(self.aspects)
        with naming("--completion"):
            completion = as_completion(self.completion)
        level = check_level(self.trace)
        check_tracing(level)
        return create_review(
            model=self.model,
            aspects=aspects,
            voters=self.voters,
            engines=self.engines,
            offline=self.offline,
            reconcile=self.reconcile,
            limits=limits,
            fallbacks=self.fallbacks,
            completion=completion,
            checkpointer=checkpointer,
            trace=level,
            trace_contents=self.trace_contents,
        )

    def _check_voters(self, limits: Limits) -> None:
        check_model_options(
            [self.model] if self.model else [],
            offline=self.offline,
            base_url=self.base_url,
            limits=limits,
            fallbacks=self.fallbacks or (),
        )
        if self.offline and not self.engines:
            raise exclude_each_other("--offline", "--no-engines", "together they leave no voter")
        if self.offline and self.reconcile:
            raise exclude_each_other("--offline", "--reconcile", "reconciling asks a model")
        if not self.offline and has_model(self.model):
            require_model(self.model)  # a missing key shows before anything is read
            return
        if not self.engines:
            raise UsageError(f"--no-engines needs a model: {COMMAND.model_hint}")
        if self.reconcile:
            raise UsageError(f"--reconcile needs a model: {COMMAND.model_hint}")
        if not installed_engines():
            install = "pip install 'langgraph-parallel[offline]'"
            raise UsageError(f"no voter: install the static engines ({install}), or {COMMAND.model_hint}")
