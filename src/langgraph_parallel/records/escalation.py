"""A vote that waits for a person, and what the person says."""

from collections.abc import Iterable
from typing import Literal

from pydantic import JsonValue

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Verdict


class Escalation(Record):
    """An undecided vote that is put before a person."""

    path: list[str] = []
    """Ids of the branches that it is in, the outermost first; empty for a graph that is in none."""
    title: str
    """What its voters are called in traces: `vote[title#2]`."""
    question: str
    verdict: Verdict
    choices: list[JsonValue] | None = None
    """The valid answers; None where any will do."""
    form: Literal["one", "list", "ranking", "number"] = "one"
    """What the choice has to be."""

    def within(self, branch: str) -> "Escalation":
        """The same, seen from around a branch."""
        return self.model_copy(update={"path": [branch, *self.path]})


class Answer(Record):
    """What a person has decided."""

    path: list[str] = []
    """Ids of the branches that the vote is in, as in `Escalation`."""
    choice: JsonValue = None
    """None leaves the vote undecided."""
    note: str = ""

    @staticmethod
    def below(answers: "Iterable[Answer]", branch: str) -> "list[Answer]":
        """Those to votes in a branch, seen from within it."""
        inside = [answer for answer in answers if answer.path[:1] == [branch]]
        return [answer.model_copy(update={"path": answer.path[1:]}) for answer in inside]
