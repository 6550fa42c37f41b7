"""Outcome of one aspect of a review: how many voters judged it, and why others did not."""

from collections.abc import Sequence
from typing import Literal

from langgraph_parallel.counted import count
from langgraph_parallel.records import AspectOutcome, Ballot
from langgraph_parallel.reducers.findings.answered import Answered


def aspect_outcome(name: str, answered: Sequence[Answered], idle_reason: str | None) -> AspectOutcome:
    """Return the outcome of an aspect.

    Args:
        name: name of the aspect.
        answered: all questions of the review.
        idle_reason: why no question was asked, or not all; None if all were.
    """
    answers = [answer for answer in answered if answer.aspect == name]
    ballots = [ballot for answer in answers for ballot in answer.ballots]
    cast = [ballot for ballot in ballots if ballot.cast]
    abstained = sum(ballot.status == "abstained" for ballot in ballots)
    asked = sum(len(answer.question.voters) for answer in answers)
    reasons = _missing_reasons(answers, ballots, asked)
    return AspectOutcome(
        name=name,
        status=_status(len(cast), asked),
        voters=list(dict.fromkeys(ballot.voter for ballot in cast)),
        asked=asked,
        cast=len(cast),
        abstained=abstained,
        failed=asked - len(cast) - abstained,
        reasons=list(dict.fromkeys([idle_reason, *reasons] if idle_reason else reasons)),
    )


def _status(cast: int, asked: int) -> Literal["judged", "partly judged", "not judged"]:
    if not cast:
        return "not judged"
    return "judged" if cast == asked else "partly judged"


def _missing_reasons(answers: Sequence[Answered], ballots: Sequence[Ballot], asked: int) -> list[str]:
    """Return why ballots are missing or not cast."""
    reasons = [ballot.error or ballot.status for ballot in ballots if not ballot.cast]
    reasons += [answer.error for answer in answers if answer.error]
    if missing := asked - len(ballots):
        reasons.append(f"{missing} of {count(asked, 'voter')} did not answer")
    return reasons
