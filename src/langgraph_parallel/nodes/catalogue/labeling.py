"""Labels out of the votes on many items."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.nodes.fan_out.gathered import Gathered, in_order
from langgraph_parallel.records import Ballot, Branch, Label, Support, Tally, Verdict
from langgraph_parallel.reducers.votes.agreement import agreement


def labelled(gathered: Gathered, labels: Sequence[str], contested: float) -> Mapping[str, Any]:
    """The labels, the queue for people, the counts, and how far the voters agree."""
    titles = {section.id: section.title for section in gathered.sections}
    made, tallies = [], []
    for branch in in_order(gathered.branches):
        label, tally = _of(branch, titles.get(branch.id, branch.name), contested)
        made.append(label)
        tallies.append(tally)
    queue = sorted((one for one in made if one.contested), key=lambda one: one.support.share)
    counts = dict.fromkeys(labels, 0)
    for one in made:
        if isinstance(one.label, str):
            counts[one.label] = counts.get(one.label, 0) + 1
    return {"labels": made, "queue": queue, "counts": counts, "agreement": agreement(tallies)}


def _of(branch: Branch, item: str, contested: float) -> tuple[Label, Tally]:
    held: Any = branch.value if branch.ok and isinstance(branch.value, dict) else {}
    if not held.get("verdict"):
        return Label(item=item, status=branch.status, support=Support(k=0, n=0), contested=True), Tally()
    verdict = Verdict.model_validate(held["verdict"])
    ballots = [Ballot.model_validate(ballot) for ballot in held["ballots"]]
    made = Label(
        item=item,
        label=verdict.choice,
        status=verdict.status,
        support=verdict.support,
        agreement=verdict.agreement,
        votes={ballot.voter: ballot.choice if ballot.cast else None for ballot in ballots},
        contested=not verdict.decided or verdict.support.share < contested,
    )
    return made, Tally.of(ballots)
