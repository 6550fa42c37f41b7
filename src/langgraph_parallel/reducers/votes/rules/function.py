"""A function of the caller's as a rule."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from langgraph_parallel.arguments import plain, shown
from langgraph_parallel.records import Tally, Verdict
from langgraph_parallel.records.numbers import from_decimal
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import build_verdict, group_by_choice, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule

_JSON_VALUE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True)
class FunctionRule(BaseRule):
    """A rule from a function, such as `max` or `lambda choices: choices[0]`.

    The function gets the list of the choices that count, in the voters' order; it is not called without one.
    If its first parameter is annotated as `Tally`, it gets the tally instead. It returns the choice, as JSON
    data, or a `Verdict`, which is returned as it is. None or NaN leaves the vote undecided, as
    `below_threshold`. Support is the voters whose choice equals the one returned. Under the stop `decided`
    all voters are heard. The function is called once, at the close; only where a rule in `on_undecided` waits
    for its result, also after each ballot with which the stop may end the vote, on all ballots so far. What
    the function raises is not caught: in a graph it is a `JoinError` with all branches.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> str(FunctionRule(max)(as_tally({"ann": 2, "ben": 7, "cas": 7})).support)
    '2/3'
    """

    function: Callable[..., Any]
    quorum: int = field(default=1, kw_only=True)

    @property
    def name(self) -> str:
        """The name of the function; `function` for a lambda."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return "function" if name == "<lambda>" else name

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class.

        Raises:
            TypeError: the function returns something that is neither JSON data nor a verdict.
            Exception: what the function raises.
        """
        cast = usable(tally)
        enough = len(cast) >= self.quorum
        given = tally if _reads_tally(self.function) else [ballot.choice for ballot in cast]
        returned = self.function(given) if enough else None
        if isinstance(returned, Verdict):
            return returned
        choice = self._as_choice(returned)
        key = canonical(choice)
        return build_verdict(
            self.name,
            tally,
            cast,
            status="no_quorum" if not enough else "below_threshold" if choice is None else "decided",
            choice=choice,
            groups=group_by_choice(cast),
            backers=[ballot for ballot in cast if canonical(ballot.choice) == key],
        )

    def _as_choice(self, returned: object) -> JsonValue:
        if inspect.iscoroutine(returned):
            returned.close()
        data = from_decimal(returned) if isinstance(returned, Decimal) else plain(returned)
        try:
            choice = _JSON_VALUE.validate_python(data)
        except ValidationError:
            raise TypeError(
                f"rule {self.name} returned {shown(returned)}; expected a choice (texts, numbers or other "
                "JSON data), None, or a Verdict"
            ) from None
        return choice if choice == choice else None


def _reads_tally(function: Callable[..., Any]) -> bool:
    """Return whether the first parameter of a function is annotated as a tally."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of some built-in functions
        return False
    annotation = parameters[0].annotation if parameters else None
    return annotation is Tally or (isinstance(annotation, str) and annotation.rpartition(".")[2] == "Tally")
