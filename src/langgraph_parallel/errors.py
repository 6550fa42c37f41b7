"""What can go wrong, as one tree of exceptions.

    ParallelError
    ├── UsageError (also a ValueError)      the caller can mend it; raised before any call
    │   ├── InputError                      the graph's input has nothing, or the wrong thing, in it
    │   ├── ModelError                      a model string that means nothing, or a provider not installed
    │   │   └── NoModelError                no model was given and none can be had
    │   ├── PromptError                     a prompt has a missing or an unknown variable
    │   ├── UnknownAspect                   a review aspect that does not ship and is not a Markdown file
    │   └── UnknownRule                     a voting rule that does not exist
    └── AnswerError                         a model answered, but not with what was asked for
        ├── InvalidAnswer                   the answer still does not fit the schema after one repair
        └── RefusedAnswer                   the model declined to answer

A branch that fails raises nothing: its `Branch` record carries the status and the cause.
"""

from collections.abc import Iterable
from typing import Self


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


class UnknownRule(_UnknownName):
    """A voting rule that does not exist."""

    kind = "a rule"


class AnswerError(ParallelError):
    """A model answered, but its answer cannot be used."""


class InvalidAnswer(AnswerError):
    """The answer does not fit the schema, and the one repair did not mend it."""


class RefusedAnswer(AnswerError):
    """The model declined to answer."""
