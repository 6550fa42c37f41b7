"""What can go wrong, as one tree of exceptions.

    ParallelError
    ├── UsageError (also a ValueError)      the caller can mend it; raised before any call
    │   ├── InputError                      the graph's input has nothing, or the wrong thing, in it
    │   ├── ModelError                      a model string that means nothing, or a provider not installed
    │   │   ├── NoModelError                no model was given and none can be had
    │   │   └── UnknownPrice                a budget in dollars, and a model whose price nobody knows
    │   ├── PlanError                       sections that cannot be worked on: a circle of needs, an id twice
    │   ├── PromptError                     a prompt has a missing or an unknown variable
    │   ├── UnknownAspect                   a review aspect that does not ship and is not a Markdown file
    │   ├── UnknownCheck                    a check of a moderation that does not ship
    │   ├── UnknownRule                     a voting rule that does not exist
    │   └── UnknownStop                     a stop of a vote that does not exist
    ├── AnswerError                         a model answered, but not with what was asked for
    │   ├── InvalidAnswer                   the answer still does not fit the schema after one repair
    │   └── RefusedAnswer                   the model declined to answer
    ├── EndpointPaused                      the endpoint asks for a longer pause than the limits allow
    ├── NotStarted                          a call was not made, because the run starts no more of them
    │   ├── BudgetSpent                     its budget has too little left
    │   └── RunDrained                      somebody stops it gracefully
    ├── KeptBack                            an answer may not be seen: a check of it has not passed
    ├── DeadlineExceeded (also a TimeoutError)  the run's time is over
    └── CompletionError                     too few branches of a fan-out succeeded for its policy

A branch that fails raises nothing: its `Branch` record carries the status and the cause. `CompletionError` is
raised only by a graph that was given a completion policy, and carries all that succeeded.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from langgraph_parallel.records import Branch, RunReport, Section


class ParallelError(Exception):
    """Any error of this package."""


class UsageError(ParallelError, ValueError):
    """The caller asked for something that cannot be done; the message says what to do instead."""


class InputError(UsageError):
    """The graph was run with an input that it cannot work on."""


class ModelError(UsageError):
    """A model was named that cannot be had."""


class NoModelError(ModelError):
    """A graph that needs a model was run without one."""


class UnknownPrice(ModelError):
    """There is a budget in US dollars, and a model whose price is not known."""


class PlanError(UsageError):
    """A plan cannot be carried out."""


class PromptError(UsageError):
    """A prompt and the values for its variables do not fit together."""


class _UnknownName(UsageError):
    """A name that is not one of the known ones."""

    kind = "name"

    @classmethod
    def of(cls, name: object, known: Iterable[str]) -> Self:
        """Build the error that names the bad value and the valid choices."""
        return cls(f"{name!r} is not {cls.kind}; choose one of {', '.join(sorted(known))}")


class UnknownAspect(_UnknownName):
    """An aspect of a review that does not exist."""

    kind = "an aspect"


class UnknownCheck(_UnknownName):
    """A check of a moderation that does not exist."""

    kind = "a check"


class UnknownRule(_UnknownName):
    """A voting rule that does not exist."""

    kind = "a rule"


class UnknownStop(_UnknownName):
    """A stop of a vote that does not exist."""

    kind = "a stop"


class AnswerError(ParallelError):
    """A model answered, but its answer cannot be used."""


class InvalidAnswer(AnswerError):
    """The answer does not fit the schema, and the one repair did not mend it."""


class RefusedAnswer(AnswerError):
    """The model declined to answer."""


class EndpointPaused(ParallelError):
    """The endpoint asks to be left alone for longer than `retry_after_ceiling`."""


class NotStarted(ParallelError):
    """A call was not made: the run makes no more of them. Its branch is `skipped`, or `cancelled`."""


class BudgetSpent(NotStarted):
    """The run's budget, or that of a run around it, has too little left for another call."""


class RunDrained(NotStarted):
    """The run is being stopped gracefully: what runs may finish, and nothing new begins."""


class KeptBack(ParallelError):
    """A guarded answer may not be seen: a check has not passed, or not yet.

    Attributes:
        final: whether it never will.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class DeadlineExceeded(ParallelError, TimeoutError):
    """The run's deadline has passed."""


class CompletionError(ParallelError):
    """Too few branches of a fan-out succeeded for its completion policy.

    Attributes:
        branches: every branch of the fan-out by id: those that succeeded with their values, the others with
            their causes.
        report: the run's numbers.
        sections: what was planned, where sections were.
    """

    def __init__(
        self,
        message: str,
        branches: "Mapping[str, Branch]",
        report: "RunReport",
        sections: "Sequence[Section] | None" = None,
    ) -> None:
        super().__init__(message)
        self.branches = dict(branches)
        self.report = report
        self.sections = sections

    @property
    def succeeded(self) -> "dict[str, Branch]":
        """The branches that ended ok."""
        return {key: branch for key, branch in self.branches.items() if branch.ok}

    @property
    def failed(self) -> "dict[str, Branch]":
        """The others."""
        return {key: branch for key, branch in self.branches.items() if not branch.ok}
