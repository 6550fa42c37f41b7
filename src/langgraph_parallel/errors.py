"""The exceptions of this package.

    ParallelError
    ├── UsageError (also a ValueError)      the caller can fix it; raised before any call
    │   ├── InputError                      the input of the graph is empty or malformed
    │   ├── ModelError                      the model string is not valid, or its provider is not installed
    │   │   ├── NoModelError                a model is required, and none is available
    │   │   └── UnknownPrice                there is a budget in US dollars, and the model's price is unknown
    │   ├── PlanError                       the sections cannot run: cyclic needs, duplicate ids
    │   ├── PromptError                     a prompt is missing, empty, or has the wrong variables
    │   ├── UnknownAspect                   a review aspect neither ships nor is a Markdown file
    │   ├── UnknownCheck                    a moderation check does not ship
    │   ├── UnknownRule                     a voting rule does not exist
    │   └── UnknownStop                     a stop of a vote does not exist
    ├── AnswerError                         a model answered, but the answer cannot be used
    │   ├── InvalidAnswer                   the answer does not fit the schema, even after one repair
    │   ├── EmptyAnswer                     the answer is empty, or nothing but thinking
    │   ├── CutAnswer                       the answer was cut off at its token limit
    │   ├── ContextOverflow                 the prompt is longer than the model's context
    │   └── RefusedAnswer                   the model refused to answer
    │       └── FilteredAnswer              the provider's content filter withheld the answer, or the prompt
    ├── EndpointError                       the endpoint's answer is an error, or nothing that can be read
    ├── ModelsFailed                        the model and all of its fallbacks failed
    ├── EndpointPaused                      the endpoint asks for a longer pause than `retry_after_ceiling`
    ├── NotStarted                          a call was not started, because the run starts no more calls
    │   ├── BudgetSpent                     the budget does not cover another call
    │   ├── EndpointUnusable                the endpoint refuses every call: a wrong key, an unknown model
    │   │   └── EndpointResting             the endpoint has failed call after call, and rests
    │   └── RunDrained                      the run is being stopped gracefully
    ├── Handoff                             a worker hands over to another agent, and a branch has none
    ├── KeptBack                            a check of a guarded answer has not passed
    ├── EngineLost                          all workers of a run over many items are out of reach
    ├── DeadlineExceeded (also a TimeoutError)  the deadline of the run has passed
    └── FanOutError                         a fan-out has ended, and the run cannot go on; has its branches
        ├── CompletionError                 the completion policy is not met
        └── JoinError                       a function that joins the results has raised

A branch that fails raises nothing: its `Branch` record carries the status and the cause. `CompletionError`
and `JoinError` carry the branches that succeeded.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from langgraph_parallel.records import Branch, RunReport, Section, Usage

__all__ = [
    "AnswerError",
    "BudgetSpent",
    "CompletionError",
    "ContextOverflow",
    "CutAnswer",
    "DeadlineExceeded",
    "EmptyAnswer",
    "EndpointError",
    "EndpointPaused",
    "EndpointResting",
    "EndpointUnusable",
    "EngineLost",
    "FanOutError",
    "FilteredAnswer",
    "Handoff",
    "InputError",
    "InvalidAnswer",
    "JoinError",
    "KeptBack",
    "ModelError",
    "ModelsFailed",
    "NoModelError",
    "NotStarted",
    "ParallelError",
    "PlanError",
    "PromptError",
    "RefusedAnswer",
    "RunDrained",
    "UnknownAspect",
    "UnknownCheck",
    "UnknownPrice",
    "UnknownRule",
    "UnknownStop",
    "UsageError",
]


class ParallelError(Exception):
    """Base class of all errors of this package."""


class UsageError(ParallelError, ValueError):
    """An argument or a setting is not valid; the message says what to do instead."""


class InputError(UsageError):
    """The input of the graph is empty or malformed."""


class ModelError(UsageError):
    """The model string is not valid, or its provider is not installed."""


class NoModelError(ModelError):
    """A model is required, and none is available."""


class UnknownPrice(ModelError):
    """There is a budget in US dollars, and the price of the model is unknown."""


class PlanError(UsageError):
    """The planned sections cannot be run."""


class PromptError(UsageError):
    """A prompt is missing or empty, or its variables do not match the values for them."""


class _UnknownName(UsageError):
    """A name is not one of the known names; `kind` says what it should name."""

    kind = "a known name"
    hint = ""
    """What follows the known names in the error."""

    @classmethod
    def for_name(cls, name: object, known: Iterable[str]) -> Self:
        """Build the error for an unknown name; `known` are the valid ones, in any order."""
        return cls(f"{name!r} is not {cls.kind}; choose one of {', '.join(sorted(known))}{cls.hint}")


class UnknownAspect(_UnknownName):
    """The name of a review aspect is neither one of the package nor a Markdown file."""

    kind = "an aspect"


class UnknownCheck(_UnknownName):
    """The name of a moderation check is not one of the package."""

    kind = "a check"


class UnknownRule(_UnknownName):
    """A voting rule does not exist."""

    kind = "a rule"
    hint = ", with arguments as in threshold(0.7)"


class UnknownStop(_UnknownName):
    """A stop of a vote does not exist."""

    kind = "a stop"
    hint = ", with arguments as in confident(0.95), joined with | and &"


class AnswerError(ParallelError):
    """A model answered, but the answer cannot be used."""


class InvalidAnswer(AnswerError):
    """The answer does not fit the schema, even after one repair."""


class EmptyAnswer(AnswerError):
    """The answer is empty, or nothing but thinking."""


class CutAnswer(AnswerError):
    """The answer was cut off at its token limit; `partial` is the text up to there."""

    def __init__(self, message: str, *, partial: str = "") -> None:
        super().__init__(message)
        self.partial = partial


class ContextOverflow(AnswerError):
    """The prompt is longer than the model's context, and was cut to fit; `usage` is what the answer took."""

    def __init__(self, message: str, *, usage: "Usage | None" = None) -> None:
        super().__init__(message)
        self.usage = usage


class RefusedAnswer(AnswerError):
    """The model refused to answer."""


class FilteredAnswer(RefusedAnswer):
    """The provider's content filter withheld the answer, or refused the prompt."""


class EndpointError(ParallelError):
    """The endpoint's answer has the status 200, and is an error, or nothing that can be read.

    `body` is the answer, parsed; None if it is not JSON.
    """

    def __init__(self, message: str, *, body: object = None) -> None:
        super().__init__(message)
        self.body = body


class ModelsFailed(ParallelError):
    """The model and all of its fallbacks failed; `errors` has what each one raised, in their order."""

    def __init__(self, message: str, errors: "Sequence[Exception]" = ()) -> None:
        super().__init__(message)
        self.errors = list(errors)


class EndpointPaused(ParallelError):
    """The endpoint asks for a longer pause than `retry_after_ceiling`."""


class NotStarted(ParallelError):
    """A call was not started, because the run starts no more; its branch is `skipped` or `cancelled`."""


class BudgetSpent(NotStarted):
    """The budget of the run, or of a run around it, does not cover another call."""


class EndpointUnusable(NotStarted):
    """The endpoint has refused a call of this run for a reason that holds for every call to it."""


class EndpointResting(EndpointUnusable):
    """The endpoint has failed call after call, in this run or another of the process, and rests."""


class RunDrained(NotStarted):
    """The run is being stopped gracefully: running calls may finish, and no new ones start."""


class Handoff(ParallelError):
    """A worker hands over to another agent (`Command(goto=...)`), and a branch has none to hand over to."""


class KeptBack(ParallelError):
    """A guarded answer is withheld: a check has tripped (`final`), or is still open.

    `outcomes` are those of the checks of the answer, as JSON data; None if they were not run.
    """

    def __init__(self, message: str, *, final: bool = False, outcomes: object = None) -> None:
        super().__init__(message)
        self.final, self.outcomes = final, outcomes


class EngineLost(ParallelError):
    """All workers of a run over many items are out of reach; what has arrived is stored, and it can go on."""


class DeadlineExceeded(ParallelError, TimeoutError):
    """The deadline of the run has passed."""


class FanOutError(ParallelError):
    """A fan-out has ended, and the run cannot go on. Nothing that was paid for is lost.

    Attributes:
        branches: all branches of the fan-out by id, with their values or causes.
        run_report: the run report.
        sections: the planned sections; None for a graph that plans none.
    """

    def __init__(
        self,
        message: str,
        branches: "Mapping[str, Branch]",
        run_report: "RunReport",
        sections: "Sequence[Section] | None" = None,
    ) -> None:
        super().__init__(message)
        self.branches = dict(branches)
        self.run_report = run_report
        self.sections = sections

    @property
    def succeeded(self) -> "dict[str, Branch]":
        """The branches that ended `ok`, by id."""
        return {key: branch for key, branch in self.branches.items() if branch.ok}

    @property
    def failed(self) -> "dict[str, Branch]":
        """The branches that did not end `ok`, by id."""
        return {key: branch for key, branch in self.branches.items() if not branch.ok}


class CompletionError(FanOutError):
    """The completion policy of a fan-out is not met: too few branches succeeded."""


class JoinError(FanOutError):
    """A function that joins the results has raised; its error is the cause of this one.

    With a checkpointer, `ainvoke(None, config)` goes on from the join once the function is mended.
    """
