"""What a vote tells of itself: how it counts, and each ballot."""

from collections.abc import Iterable, Mapping
from typing import Any

from langgraph_parallel.nodes.fan_out.telling import listening, tell_verdict
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.poll import Poll, VoteSettings
from langgraph_parallel.records import Ballot, Verdict
from langgraph_parallel.reducers.votes.rules import Rule
from langgraph_parallel.reducers.votes.rules.base import BaseRule
from langgraph_parallel.reducers.votes.rules.function import FunctionRule
from langgraph_parallel.runtime.context import VotingContext, as_context, current_context
from langgraph_parallel.runtime.levels import Level

_TOLD = {"voter", "order", "status", "choice", "weight", "confidence"}


def tell_ballot(level: Level, poll: Poll, ballot: Ballot, earlier: Iterable[Ballot], **fields: Any) -> None:
    """Tell that a ballot has been counted, and before the first one how the vote counts.

    Args:
        level: of the vote.
        poll: the run of the vote.
        ballot: the one that was counted.
        earlier: ballots that were counted before.
        fields: of the event.
    """
    _tell_opening(level, poll, earlier)
    level.emitter.emit("vote", **_told(ballot), **fields)


def tell_decision(settings: VoteSettings, state: Mapping[str, Any], verdict: Verdict) -> None:
    """Tell what a vote has decided; one that is resumed has told nothing before.

    Args:
        settings: of the vote.
        state: of the graph, with its voters.
        verdict: the decision.
    """
    if (level := listening()) is not None:
        poll = Poll.of(settings, state["voters"], as_context(current_context(), VotingContext))
        _tell_opening(level, poll, state.get("ballots") or ())
        tell_verdict(verdict)


def _tell_opening(level: Level, poll: Poll, earlier: Iterable[Ballot]) -> None:
    if not level.has_told_vote:
        level.has_told_vote = True
        level.emitter.emit("vote_opened", **_told_opening(poll, earlier))


def _told_opening(poll: Poll, earlier: Iterable[Ballot]) -> dict[str, Any]:
    asking = poll.in_asking_order()
    return {
        "rule": rule_text(poll.settings.rule),
        "stop": str(poll.stop),
        "wave": poll.wave,
        "race": poll.settings.race,
        "ties_matter": poll.ties_matter,
        "recounts": poll.recounts,
        "voters": [*poll.voters],
        "asking": [] if asking == list(poll.voters) else asking,
        "choices": None if poll.settings.choices is None else [*poll.settings.choices],
        "ballots": [_told(ballot) for ballot in earlier],
    }


def _told(ballot: Ballot) -> dict[str, Any]:
    return ballot.model_dump(mode="json", include=_TOLD)


def rule_text(rule: Rule | Judge) -> str:
    """Return a rule as text: such that it can be read again, or with the name of the code that it is."""
    if isinstance(rule, BaseRule) and not isinstance(rule, FunctionRule):
        return str(rule)
    return f"{'judge' if isinstance(rule, Judge) else 'function'} {rule.name}"
