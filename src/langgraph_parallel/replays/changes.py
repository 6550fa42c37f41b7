"""What is changed in a replay."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

from langgraph_parallel.arguments import above_zero, at_least
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.rules import Rule, as_rule
from langgraph_parallel.reducers.votes.stops import Stop, as_stop
from langgraph_parallel.reducers.votes.waves import Wave, as_wave

OFF: Literal["off"] = "off"
Off = Literal["off"]
_OF_VOTES = ("stop", "voters", "wave", "rule", "race")
_MOST_VOTERS = 10_000
"""That a replay asks: each of them is simulated, heard or not."""


@dataclass(frozen=True)
class Changes:
    """The settings that differ from the recorded ones; None for those that do not."""

    stop: Stop | None = None
    voters: int | None = None
    wave: Wave | None = None
    rule: Rule | None = None
    race: bool | None = None
    concurrency: int | None = None
    rate: float | Off | None = None
    """Requests per minute."""
    hedge: float | Literal["off", "p95"] | None = None
    deadline: float | Off | None = None
    """Seconds of the whole run."""

    @classmethod
    def of(cls, **given: Any) -> "Changes":
        """Check what a caller gives.

        Raises:
            UsageError: a value is not valid; the message names it.
        """
        return cls(**{name: _READERS[name](value) for name, value in given.items() if value is not None})

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> "Changes":
        """Read `name=value` pairs of a command line; the last one of a name counts.

        Raises:
            UsageError: a text is not such a pair, or a value is not valid.
        """
        given: dict[str, Any] = {}
        for pair in pairs:
            name, equals, value = (part.strip() for part in pair.partition("="))
            if not equals or name not in _READERS:
                raise UsageError(f"--set {pair}: expected NAME=VALUE with one of {', '.join(_READERS)}")
            given[name] = value if name in ("stop", "rule") else _as_value(value)
        try:
            return cls.of(**given)
        except UsageError as error:
            raise UsageError(f"--set: {error}") from None

    @property
    def of_votes(self) -> bool:
        """Whether something is changed that decides whom a vote asks, or what it decides."""
        return bool(self.names_of_votes)

    @property
    def names_of_votes(self) -> list[str]:
        """Names of what is changed of votes."""
        return [name for name in _OF_VOTES if getattr(self, name) is not None]

    def told(self) -> dict[str, Any]:
        """Return what is changed, as JSON data."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.stop is not None:
            given["stop"] = str(self.stop)
        if self.rule is not None:
            given["rule"] = _rule_text(self.rule)
        return {name: value for name, value in given.items() if value is not None}


def _rule_text(rule: Rule) -> str:
    return rule.name if hasattr(rule, "function") else str(rule)


def _as_value(text: str) -> Any:
    """Return a number or a truth value that a text stands for, else the text."""
    if text.lower() in ("true", "yes", "on", "false", "no"):
        return text.lower() in ("true", "yes", "on")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _read_count(name: str) -> Any:
    def read(value: object) -> object:
        at_least(value, name)
        return value

    return read


def _read_voters(value: object) -> object:
    at_least(value, "voters")
    if isinstance(value, int) and value > _MOST_VOTERS:
        raise UsageError(f"voters is {value}; expected at most {_MOST_VOTERS}")
    return value


def _read_number(name: str, *words: str) -> Any:
    def read(value: object) -> object:
        if isinstance(value, str) and value in words:
            return value
        if value is False and OFF in words:
            return OFF
        if not isinstance(value, int | float) or isinstance(value, bool):
            expected = " or ".join(["a number above 0", *words])
            raise UsageError(f"{name} is {value!r}; expected {expected}")
        above_zero(value, name)
        return value

    return read


def _read_race(value: object) -> object:
    if not isinstance(value, bool):
        raise UsageError(f"race is {value!r}; expected true or false")
    return value


_READERS: dict[str, Any] = {
    "stop": as_stop,
    "voters": _read_voters,
    "wave": as_wave,
    "rule": as_rule,
    "race": _read_race,
    "concurrency": _read_count("concurrency"),
    "rate": _read_number("rate", OFF),
    "hedge": _read_number("hedge", OFF, "p95"),
    "deadline": _read_number("deadline", OFF),
}
