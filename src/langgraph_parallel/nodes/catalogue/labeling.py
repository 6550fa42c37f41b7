"""Labeling: the labels of many items, each from a vote."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.catalogue.nested_vote import NestedVote, read_vote
from langgraph_parallel.nodes.fan_out.gathered import Gathered, in_order
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.nodes.work.inputs import require_texts
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Branch, Label, Section, Support, Tally
from langgraph_parallel.reducers.canonical import check_choices
from langgraph_parallel.reducers.votes.agreement import agreement
from langgraph_parallel.reducers.votes.rules import RuleLike, as_rule, ballot_form
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike


class LabelingSteps:
    """The plan and the close of a labeling.

    Args:
        labels: the valid labels.
        min_support: share of support below which a person should look, 0 to 1.
        rule: decides on the ballots of an item.

    Raises:
        UsageError: an argument is not valid.
    """

    def __init__(self, labels: Sequence[str], min_support: float, rule: RuleLike) -> None:
        check_choices(labels, "labels")
        if ballot_form(as_rule(rule)) != "one":
            raise UsageError(
                f"rule {as_rule(rule).name} does not read single choices, but an item has one label; use "
                "a rule of single choices, such as majority"
            )
        if not 0 <= min_support <= 1:
            raise UsageError(f"min_support is {min_support!r}; expected a number from 0 to 1")
        self._labels, self._min_support = labels, min_support

    def annotators(
        self, roster: Roster, prompt: Prompt, model: ModelLike | None, guidelines: str
    ) -> Mapping[str, WorkerLike]:
        """Return the voters by name.

        Args:
            roster: the voters.
            prompt: with `{question}`, and optionally `{labels}` and `{guidelines}`.
            model: of all voters, unless the roster names models.
            guidelines: what the labels mean; may be empty.
        """
        if roster.is_workers:
            return roster.workers("voting/question")
        given = {"guidelines": guidelines, "labels": ", ".join(f"`{label}`" for label in self._labels)}
        schema = answer_schema(self._labels)
        return {
            f"#{i + 1}": roster.ask(
                i, prompt, f"You are annotator {i + 1}.", model=model, schema=schema, given=given
            )
            for i in range(roster.count())
        }

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each item."""
        items = require_texts(given, "items", "item")
        return [Section(id=title, title=title, content=item) for title, item in items.items()]

    def item(self, name: str, branch: Branch) -> Mapping[str, Any]:
        """Return what the output has of one item.

        Args:
            name: of the item.
            branch: of its vote, which has ended.
        """
        return {"labels": _label(name, branch, read_vote(branch), self._min_support)}

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the labels, the queue for people, the counts, and the agreement of the voters."""
        titles = {section.id: section.title for section in gathered.sections}
        votes = [(branch, read_vote(branch)) for branch in in_order(gathered.branches)]
        labels = [
            _label(titles.get(branch.id, branch.name), branch, vote, self._min_support)
            for branch, vote in votes
        ]
        tallies = [Tally() if vote is None else Tally.of(vote.ballots) for _, vote in votes]
        return {
            "labels": labels,
            "queue": sorted(filter(_is_contested, labels), key=lambda label: label.support.share),
            "counts": _count(self._labels, labels),
            "agreement": agreement(tallies),
        }


def _label(item: str, branch: Branch, vote: NestedVote | None, min_support: float) -> Label:
    """Return the label of an item; a vote that failed is contested."""
    if vote is None:
        return Label(item=item, status=branch.status, support=Support(k=0, n=0), contested=True)
    verdict = vote.verdict
    return Label(
        item=item,
        label=verdict.choice,
        status=verdict.status,
        support=verdict.support,
        agreement=verdict.agreement,
        votes={ballot.voter: ballot.choice if ballot.cast else None for ballot in vote.ballots},
        contested=not verdict.decided or verdict.support.share < min_support,
    )


def _is_contested(label: Label) -> bool:
    return label.contested


def _count(valid: Sequence[str], labels: Sequence[Label]) -> dict[str, int]:
    """Return the number of items of each label, including those that no item has."""
    counts = dict.fromkeys(valid, 0)
    for label in labels:
        if isinstance(label.label, str):
            counts[label.label] = counts.get(label.label, 0) + 1
    return counts
