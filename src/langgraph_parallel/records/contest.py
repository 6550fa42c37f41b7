"""What several made of one task, and how it was judged."""

from pydantic import JsonValue

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Support


class Draft(Record):
    """One result of a task, and what the judge made of it."""

    id: str
    text: JsonValue
    score: float
    """Points in comparisons, as a share of those that it could have had; or the mean of a rubric, of 10."""
    judged: int
    """Comparisons or criteria behind the score; 0 where nobody judged it."""
    reasons: list[str]
    """Why it was preferred, or scored so."""


class Idea(Record):
    """An idea, united with those that say the same."""

    title: str
    text: str
    by: list[str]
    """Who had it, in order."""
    others: list[str]
    """How others put it."""
    novelty: float
    """1 less its mean similarity to the other ideas, 0 to 1."""
    votes: Support | None = None
    """Who would have it carried out, of those who voted; None without a vote."""


class Turn(Record):
    """What one debater said in one round."""

    round: int
    """From 1."""
    debater: str
    choice: JsonValue
    """None where it gave none, or did not answer."""
    argument: str
    changed: bool
    """Whether it is another choice than in the round before."""


class Label(Record):
    """What the voters made of one item."""

    item: str
    """Its name."""
    label: JsonValue = None
    """None where they did not agree on one."""
    status: str
    """That of the verdict, or of the branch where the vote did not take place."""
    support: Support
    agreement: float | None = None
    """That of the verdict."""
    votes: dict[str, JsonValue] = {}
    """The choices of those who were asked, by voter; None for a failure or an abstention."""
    contested: bool
    """Whether a person should look at it."""
