"""How dependent voters are when no true answer is known: by how much they agree beyond chance."""

import math
from collections import Counter
from collections.abc import Sequence

from langgraph_parallel.records.appraisal import EffectiveVotes
from langgraph_parallel.records.verdict import Interval
from langgraph_parallel.reducers.votes.panels.answers import Answers
from langgraph_parallel.reducers.votes.panels.promise import LEVEL, Z
from langgraph_parallel.reducers.votes.track_record import GradedVote


def effective_opinions(
    graded: Sequence[GradedVote], answers: Answers, seats: Sequence[int]
) -> EffectiveVotes:
    """Return n / (1 + (n - 1) a), with the agreement a of the panel's answers beyond chance, 0 to 1.

    Voters that agree because they are right look as dependent as voters that copy each other, so that this
    is less than they are worth; copies are worth 1, and voters that agree by chance only n. The agreement is
    1 - observed / expected disagreement, as of Krippendorff's alpha. Interval: the jackknife over questions.
    """
    voters = [answers.voters[seat] for seat in seats]
    said = [[vote.said[voter] for voter in voters if voter in vote.said] for vote in graded]
    totals = Counter(key for keys in said for key in keys)
    expected = 1 - sum((number / totals.total()) ** 2 for number in totals.values()) if totals else 0.0
    disagreements = [_disagreement(keys) for keys in said if len(keys) > 1]

    def worth(observed: float) -> float:
        alike = min(1.0, max(0.0, 1 - observed / expected)) if expected else 1.0
        return len(voters) / (1 + (len(voters) - 1) * alike)

    number, total = len(disagreements), sum(disagreements)
    value = worth(total / number) if number else 1.0
    left_out = [worth((total - one) / (number - 1)) for one in disagreements] if number > 1 else [value]
    mean = sum(left_out) / len(left_out)
    error = math.sqrt((len(left_out) - 1) / len(left_out) * sum((one - mean) ** 2 for one in left_out))
    return EffectiveVotes(
        voters=len(voters),
        worth=value,
        interval=Interval(
            low=max(1.0, value - Z * error), high=min(float(len(voters)), value + Z * error), level=LEVEL
        ),
        same_mistake=None,
    )


def _disagreement(keys: Sequence[str]) -> float:
    """Return the share of pairs that differ; at least two keys."""
    pairs = len(keys) * (len(keys) - 1)
    return 1 - sum(number * (number - 1) for number in Counter(keys).values()) / pairs
