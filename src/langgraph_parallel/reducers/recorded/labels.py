"""Labels in place of answers, so that a record without contents still says which ballots agree."""

from collections.abc import Iterable
from itertools import count

from pydantic import JsonValue

from langgraph_parallel.reducers.canonical import canonical


class AnswerLabels:
    """The labels of one vote: equal answers have equal labels.

    A vote's own choices, and true and false, are no contents, and stay as they are. In lists and records each
    part is labelled by itself.

    >>> labels = AnswerLabels(["yes", "no"])
    >>> labels.label("yes"), labels.label("Mr Smith's"), labels.label(["no", "Mr Smith's"])
    ('yes', 'answer 1', ['no', 'answer 1'])

    Args:
        choices: of the vote; none if any answer is valid.
    """

    def __init__(self, choices: Iterable[JsonValue] | None = None) -> None:
        self._known = {canonical(choice) for choice in choices or ()}
        self._labels: dict[str, str] = {}
        names = (f"answer {number}" for number in count(1))
        self._unused = (name for name in names if canonical(name) not in self._known)

    def label(self, answer: JsonValue) -> JsonValue:
        """Return what stands for an answer."""
        if answer is None or isinstance(answer, bool) or (key := canonical(answer)) in self._known:
            return answer
        if isinstance(answer, list):
            return [self.label(part) for part in answer]
        if isinstance(answer, dict):
            return {name: self.label(part) for name, part in answer.items()}
        if key not in self._labels:
            self._labels[key] = next(self._unused)
        return self._labels[key]
