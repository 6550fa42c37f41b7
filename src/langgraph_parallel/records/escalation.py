"""Votes that wait for a person, and the person's answers."""

from collections.abc import Iterable
from typing import Literal

from langgraph_parallel.records.base import JsonData, Record
from langgraph_parallel.records.verdict import Verdict


class Escalation(Record):
    """An undecided vote that waits for a person."""

    path: list[str] = []
    """Ids of the branches around the vote, the outermost first; empty if it is not nested."""
    title: str
    """Name of the vote in traces: `title` in `vote[title#2]`."""
    question: str
    """The question of the vote."""
    verdict: Verdict
    """The undecided verdict."""
    choices: list[JsonData] | None = None
    """The valid answers; None if any answer is valid."""
    form: Literal["one", "list", "ranking", "number", "score", "items", "fields"] = "one"
    """What the choice is: one answer, a list of answers, a ranking, a number, a number or a truth value, a
    list whose places matter, or a mapping."""

    def within(self, branch: str) -> "Escalation":
        """Return a copy with this branch id prepended to the path."""
        return self.model_copy(update={"path": [branch, *self.path]})


class Answer(Record):
    """A person's answer to an escalation."""

    path: list[str] = []
    """The path of the escalation."""
    choice: JsonData = None
    """The chosen answer; None leaves the vote undecided."""
    note: str = ""
    """The person's comment."""

    @staticmethod
    def below(answers: "Iterable[Answer]", branch: str) -> "list[Answer]":
        """Return the answers for votes in this branch, with its id removed from their paths."""
        inside = [answer for answer in answers if answer.path[:1] == [branch]]
        return [answer.model_copy(update={"path": answer.path[1:]}) for answer in inside]
