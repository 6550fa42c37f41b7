"""Poll: how a vote was built, and what holds for one run of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from pydantic import JsonValue

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.electorate import Electorate
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.reducers.votes.rules import Rule, weighted
from langgraph_parallel.reducers.votes.rules.base import BaseRule
from langgraph_parallel.reducers.votes.rules.function import FunctionRule
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, default_stops
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.messages import FromMessages
from langgraph_parallel.runtime.own_code import is_own_throughout
from langgraph_parallel.runtime.run import current_run

Undecided = Literal["return", "escalate"] | Rule | Judge | Worker
"""Handling of undecided votes: return them, ask a person, or let a rule, a judge or a worker decide."""


@dataclass(frozen=True)
class VoteSettings:
    """How a vote was built."""

    electorate: Electorate
    rule: Rule | Judge
    label: Callable[[Any], str]
    """From a question to the label of its voters in traces: `vote[label#2]`."""
    parser: BallotParser = field(default_factory=BallotParser)
    stop: Stop = field(default_factory=all_votes)
    wave: Wave | None = None
    """None: `lossless`, or `all` in the batch lane, where each wave may take a day."""
    race: bool = True
    """Whether voters of a wave that are not needed any more are cancelled."""
    on_undecided: Undecided = "return"
    shadow: Sequence[Stop] | None = None
    """Stops to try on all ballots in shadow mode; None outside of it."""
    from_messages: FromMessages | None = None
    """How the question is read from a conversation; None if the vote takes none."""

    @property
    def choices(self) -> Sequence[JsonValue] | None:
        """The valid answers."""
        return self.parser.choices

    @property
    def built(self) -> dict[str, Any]:
        """What a resumed run must have in common with the one that began it."""
        return {"graph": "voting", "voters": self.electorate.names, "choices": self.choices}

    def is_final(self, update: Mapping[str, Any]) -> bool:
        """Return whether a count has ended the vote, and nobody else decides."""
        verdict = update.get("verdict")
        return verdict is not None and (verdict.decided or self.on_undecided == "return")

    @property
    def counts_alone(self) -> bool:
        """Whether nobody but the voters is asked, so that counting again gives the same verdict."""
        return not isinstance(self.rule, Judge) and (
            self.on_undecided == "return" or isinstance(self.on_undecided, BaseRule)
        )

    @property
    def only_asks(self) -> bool:
        """Whether nothing but the models that it asks is code of others, or may ask a person."""
        return (
            self.counts_alone
            and not any(isinstance(rule, FunctionRule) for rule in self._rules)
            and is_own_throughout([*self._rules, self.stop, self.parser.normalise])
            and self.electorate.only_asks
        )

    @property
    def _rules(self) -> Sequence[Any]:
        """The rule, and the one that decides what it leaves undecided."""
        return [self.rule, *([] if isinstance(self.on_undecided, str) else [self.on_undecided])]


def as_shadow_stops(
    shadow: "bool | Sequence[str | Stop]", stop: Stop, rule: Rule | Judge
) -> Sequence[Stop] | None:
    """Return the stops to try in shadow mode; None if the vote is not in it.

    Raises:
        UsageError: a judge decides: trying stops would cost a call of the judge for each.
        UnknownStop: a name is not a stop.
    """
    if shadow is False:
        return None
    if isinstance(rule, Judge):
        raise UsageError(
            "shadow= replays the rule on parts of the ballots, and a judge costs a call each time; use a rule"
        )
    stops = (stop, *default_stops(rule)) if shadow is True else tuple(map(as_stop, shadow))
    for candidate in stops:
        candidate.check(rule)
    return list({str(s): s for s in stops if not isinstance(s, all_votes)}.values())


def require_question(given: Any) -> None:
    """Check that an input has a question.

    Raises:
        InputError: it has none.
    """
    question = given.get("question") if isinstance(given, Mapping) else None
    if question is None or (isinstance(question, str | list | dict) and not question):
        raise InputError("the input has no question; pass {'question': ...}")


def _default_wave() -> Wave:
    return "all" if current_run().limits.lane == "batch" else "lossless"


@dataclass(frozen=True)
class Poll:
    """One run of a vote."""

    settings: VoteSettings
    voters: Sequence[str]
    """All voters, in the electorate's order."""
    stop: Stop
    wave: Wave

    @classmethod
    def of(cls, settings: VoteSettings, voters: Sequence[str], context: VotingContext) -> "Poll":
        """Open a poll with the settings of the vote, or those of the runtime context.

        Raises:
            UsageError: the context's stop or wave is not valid.
        """
        if settings.shadow is not None:
            return cls(settings, voters, all_votes(), "all")
        stop = as_stop(context.stop) if context.stop else settings.stop
        stop.check(settings.rule)
        return cls(
            settings,
            voters,
            stop,
            as_wave(context.wave) if context.wave else settings.wave or _default_wave(),
        )

    def in_asking_order(self) -> list[str]:
        """Return the voters in the order of asking: those whose ballots weigh most first.

        Raises:
            UsageError: the rule has weights, and none of them belongs to a voter.
        """
        rule = self.settings.rule
        if not isinstance(rule, weighted) or not rule.weights:
            return list(self.voters)
        if not rule.weights.keys() & set(self.voters):
            some, known = ", ".join(list(rule.weights)[:5]), ", ".join(self.voters[:5])
            raise UsageError(
                f"no voter has a weight: weights are for {some}, but the voters are {known}; use their names"
            )
        others = 1.0 if rule.others is None else rule.others
        return sorted(self.voters, key=lambda voter: -Fraction(rule.weights.get(voter, others)))

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each voter in the electorate."""
        return {voter: place for place, voter in enumerate(self.voters)}

    @property
    def ties_matter(self) -> bool:
        """Whether a tie is handled in another way than a choice."""
        return self.settings.on_undecided != "return"

    @property
    def recounts(self) -> bool:
        """Whether a fallback counts the ballots again where the rule is undecided: it needs all of them."""
        rule, fallback = self.settings.rule, self.settings.on_undecided
        return not isinstance(fallback, str | Worker) and not isinstance(rule, Judge)

    @property
    def may_stop(self) -> bool:
        """Whether the vote may end before all voters are heard."""
        return not isinstance(self.stop, all_votes)

    @property
    def may_race(self) -> bool:
        """Whether voters that are not needed any more are cancelled."""
        return self.settings.race and self.may_stop

    @property
    def cuts_off(self) -> bool:
        """Whether a voter that runs may turn out not to be needed: in a lossless wave all are, always."""
        return self.may_race and self.wave != "lossless"
