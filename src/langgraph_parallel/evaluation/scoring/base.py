"""What a scorer is."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.items import Item


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one answer."""

    value: float
    """Between 0 and 1; more is better."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Further measures of the answer, each between 0 and 1."""


Scored: TypeAlias = Score | float | bool


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A rule that scores an answer by itself, without a model of ours.

    Args:
        name: as reports say it.
        function: of the answer and what is expected; of the item as well if it takes three arguments. It may
            be async.
        needs_expected: whether it compares with what is expected.
        takes_whole: whether it takes the whole output, where the variant does not say what in it is the
            answer.
    """

    name: str
    function: Callable[..., Scored | Awaitable[Scored]]
    needs_expected: bool = True
    takes_whole: bool = True

    async def score(self, answer: Any, item: Item) -> Score:
        """Return the score of an answer.

        Raises:
            UsageError: the function has raised an error, or returned no score.
        """
        given = (answer, item.expected, item.data)[: _parameters(self.function)]
        try:
            found = self.function(*given)
            if inspect.isawaitable(found):
                found = await found
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(
                f"scorer {self.name} raised {type(error).__name__}: {error}, for the answer to item "
                f"{item.key!r}; answers in a store are kept"
            ) from error
        return _checked(found, self.name, item)


def _parameters(function: Callable[..., Any]) -> int:
    """Return how many of answer, expectation and item a function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return 2
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return 3
    return min(3, sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters))


def _checked(found: Any, name: str, item: Item) -> Score:
    score = found if isinstance(found, Score) else None
    if score is None and isinstance(found, bool | int | float):
        score = Score(float(found))
    if score is None:
        raise UsageError(
            f"scorer {name} returned {type(found).__name__} for item {item.key!r}; expected a number between "
            "0 and 1, True or False, or a Score"
        )
    if not 0.0 <= score.value <= 1.0:
        raise UsageError(
            f"scorer {name} returned {score.value!r} for item {item.key!r}; expected between 0 and 1: divide "
            "by the best possible score"
        )
    return score
