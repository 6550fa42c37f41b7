"""Learned weights and appraised panels, on recorded or generated votes, with questions held out.

    uv run python -m benchmarks.panels --data DIR

`benchmarks/README.md` documents the format of the data. Panels are drawn from the voters of each set, 5 to 15
of them; weights are learned on some questions and judged on all others.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, TypeVar, get_args

from pydantic import JsonValue

from benchmarks.recorded_votes import VoteSet, generated, recorded
from langgraph_parallel.cli.recorded_votes import RecordedVote
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.records.appraisal import PanelChoice
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.calibration import calibrate
from langgraph_parallel.reducers.votes.panels.appraising import appraise
from langgraph_parallel.reducers.votes.panels.deciding import PanelRule
from langgraph_parallel.reducers.votes.replay import replay
from langgraph_parallel.reducers.votes.rules import majority, weighted

Labelled = tuple[Tally, str]
Share = float
Vote = TypeVar("Vote")

_FEWEST, _MOST = 5, 15
"""Voters of a panel."""
DRAWS = 10
"""Draws of samples for each question, where voters are models and weights are learned."""


@dataclass(frozen=True)
class Source:
    """Questions with the answers of named voters.

    Attributes:
        groups: of each question; questions of one group are never on both sides of a split.
    """

    name: str
    votes: Sequence[RecordedVote]
    groups: Sequence[int]


def sources(sets: Sequence[VoteSet], draws: int) -> list[Source]:
    """Return the panels among the sets; sets of single models on the same questions become one panel."""
    found = [
        Source(vote_set.name, vote_set.votes, range(len(vote_set.votes)))
        for vote_set in sets
        if vote_set.panel
    ]
    families: dict[str, list[VoteSet]] = defaultdict(list)
    for vote_set in sets:
        if not vote_set.panel:
            families[vote_set.name.split()[0]].append(vote_set)
    return found + [
        _models(name, family, draws) for name, family in families.items() if len(family) >= _FEWEST
    ]


def _models(name: str, family: Sequence[VoteSet], draws: int) -> Source:
    """Return a panel of one voter for each model: several draws of its samples for each question."""
    chance = random.Random(0)
    votes, groups = [], []
    for question, same in enumerate(zip(*(vote_set.votes for vote_set in family), strict=True)):
        for _ in range(draws):
            drawn = [chance.choice(vote.ballots) for vote in same]
            named = [
                ballot.model_copy(update={"voter": f"#{i}", "order": i}) for i, ballot in enumerate(drawn, 1)
            ]
            votes.append(RecordedVote(named, same[0].gold))
            groups.append(question)
    return Source(f"{name} of models", votes, groups)


def draw_panels(source: Source, panels: int, seed: str) -> Iterator[tuple[random.Random, list[Labelled]]]:
    """Draw voters, and yield the votes of each panel in the order of the questions."""
    voters = len(source.votes[0].ballots)
    for number in range(panels):
        chance = random.Random(f"{seed} {number}")
        size = chance.randint(_FEWEST, min(_MOST, voters))
        seats = chance.sample(range(voters), size)
        yield chance, [(Tally.of(_seated(vote, seats)), canonical(vote.gold)) for vote in source.votes]


def _seated(vote: RecordedVote, seats: Sequence[int]) -> list[Ballot]:
    return [vote.ballots[seat].model_copy(update={"order": i}) for i, seat in enumerate(seats)]


def split(
    source: Source, votes: Sequence[Vote], labels: int, chance: random.Random
) -> tuple[list[Vote], list[Vote]]:
    """Return labelled votes, and those that are held out; of grouped questions half are held out."""
    groups = sorted(set(source.groups))
    if len(groups) == len(votes):
        shuffled = chance.sample(votes, len(votes))
        return shuffled[:labels], shuffled[labels:]
    first = set(chance.sample(groups, len(groups) // 2))
    known = [vote for vote, group in zip(votes, source.groups, strict=True) if group in first]
    rest = [vote for vote, group in zip(votes, source.groups, strict=True) if group not in first]
    return chance.sample(known, labels), rest


def share_right(votes: Sequence[Labelled], choose: Callable[[Tally], JsonValue]) -> Share:
    """Return the share of votes in which the choice is the true answer."""
    return fmean(canonical(choose(tally)) == truth for tally, truth in votes)


def by(rule: majority | weighted) -> Callable[[Tally], JsonValue]:
    """Choose by a rule."""
    return lambda tally: rule(tally).choice


def by_voter(voter: str) -> Callable[[Tally], JsonValue]:
    """Choose what one voter said."""
    return lambda tally: tally.ballots[voter].choice if tally.ballots[voter].cast else None


def weigh(known: Sequence[Labelled], rest: Sequence[Labelled]) -> dict[str, float]:
    """Return shares of right answers to held-out questions, and calls of the learned weights."""
    history = [(tally, json.loads(truth)) for tally, truth in known]
    learned = calibrate(history)
    fixed = {
        "sharpness 2": calibrate(history, sharpness=2),
        "sharpness 1": calibrate(history, sharpness=1),
        "sharpness 1, K = 5": calibrate(history, sharpness=1, choices=5),
    }
    voters = [ballot.voter for ballot in rest[0][0].in_order()]
    return {
        "learned": share_right(rest, by(learned.rule())),
        "calls": fmean(_calls(tally, learned.rule()) for tally, _ in rest),
        "majority": share_right(rest, by(majority())),
        "best on the labels": share_right(rest, by_voter(learned.best)),
        "best on the held-out": max(share_right(rest, by_voter(voter)) for voter in voters),
        **{name: share_right(rest, by(calibration.rule())) for name, calibration in fixed.items()},
        "decided by the best alone": float(learned.best_alone),
    }


def _calls(tally: Tally, rule: majority | weighted) -> int:
    """Return the calls of a vote that stops when it is decided, the heaviest voters first."""
    given: Mapping[str, float] = rule.weights if isinstance(rule, weighted) else {}
    asked = sorted(tally.in_order(), key=lambda ballot: -given.get(ballot.voter, 0.0))
    in_order = [ballot.model_copy(update={"order": i}) for i, ballot in enumerate(asked)]
    return replay(in_order, rule, "decided").calls


def weights(source: Source, labels: int, panels: int, seed: int) -> None:
    """Print what learned weights gain and lose."""
    rows: dict[str, list[Share]] = defaultdict(list)
    rest: Sequence[Labelled] = ()
    for chance, votes in draw_panels(source, panels, f"weights {labels} {seed}"):
        known, rest = split(source, votes, labels, chance)
        if len(rest) < labels:
            print(f"\n{source.name}: too few questions for {labels} labels")
            return
        for name, value in weigh(known, rest).items():
            rows[name].append(value)
    print(f"\n{source.name}: weights of {labels} labels, {panels} panels, {len(rest):,} questions held out")
    for name, values in rows.items():
        shown = f"{fmean(values):.2f}" if name == "calls" else f"{fmean(values):.2%}"
        print(f"  {name:<28} {shown:>7}")
    _print_losses(rows)


def _print_losses(rows: Mapping[str, Sequence[Share]]) -> None:
    learned, best, flat, sharp = (
        rows[name] for name in ("learned", "best on the labels", "sharpness 1", "sharpness 2")
    )
    better = [max(pair) for pair in zip(rows["majority"], best, strict=True)]
    ahead = [100 * (a - b) for a, b in zip(learned, best, strict=True)]
    print(f"  loss to the better of majority and best voter, by panel: {_loss(fmean(better), learned)}")
    print(f"  loss to the better of sharpness 1 and 2: {_loss(max(fmean(flat), fmean(sharp)), learned)}")
    below = sum(points < -0.5 for points in ahead)
    print(f"  against the best on the labels: worst panel {min(ahead):+.2f}; {below} panels below -0.50")


def _loss(reference: Share, shares: Sequence[Share]) -> str:
    return f"{100 * (reference - fmean(shares)):+.2f} points"


@dataclass
class Judged:
    """Predictions of appraisals, and what came of them on the other half of the questions."""

    errors: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)

    def add(self, promised: PanelChoice, found: Share) -> None:
        """Compare a prediction with the share on held-out questions."""
        self.errors.append(100 * (promised.share - found))
        self.covered.append(promised.interval.low <= found <= promised.interval.high)

    def __str__(self) -> str:
        return f"bias {fmean(self.errors):+.2f} points, {fmean(self.covered):.0%} within the interval"


def appraisals(source: Source, panels: int, rule: PanelRule, seed: int) -> None:
    """Print what appraisals promise and keep; each half of the questions is held out once."""
    whole, pruned = Judged(), Judged()
    gains, saved, calls, worth = [], [], [], []
    for chance, votes in draw_panels(source, panels, f"appraisals {seed}"):
        halves = split(source, votes, len(votes) // 2, chance)
        for known, rest in (halves, halves[::-1]):
            history = [(tally, json.loads(truth)) for tally, truth in known]
            appraisal = appraise(history, rule=rule)
            before, after = (
                _judge(choice, history, rest, rule) for choice in (appraisal.panel, appraisal.pruned)
            )
            whole.add(appraisal.panel, before.right)
            pruned.add(appraisal.pruned, after.right)
            gains.append(100 * (after.right - before.right))
            saved.append(appraisal.saved)
            calls.append(1 - after.calls / before.calls)
            worth.append(appraisal.effective.worth / appraisal.effective.voters)
    held_out = f"half of {len(source.votes):,} questions held out"
    print(f"\n{source.name}: appraisals of {panels} panels, {rule}, {held_out}")
    print(f"  whole panels: {whole}")
    print(f"  pruned panels: {pruned}")
    print(f"  pruned: {fmean(saved):.1%} of the voters, {fmean(calls):.1%} of the calls under decided saved")
    print(f"  pruned: {fmean(gains):+.2f} points against the whole panel, at worst {min(gains):+.2f}")
    print(f"  effective votes: {fmean(worth):.2f} for each voter")


class Outcome(NamedTuple):
    """Share of right answers, and calls for each question under `decided`."""

    right: Share
    calls: float


def _judge(
    choice: PanelChoice, history: Sequence[tuple[Tally, JsonValue]], rest: Sequence[Labelled], rule: PanelRule
) -> Outcome:
    seated = [(_of(tally, choice.voters), truth) for tally, truth in rest]
    decide: majority | weighted = majority()
    if rule == "weighted":
        decide = calibrate([(_of(tally, choice.voters), truth) for tally, truth in history]).rule()
    return Outcome(share_right(seated, by(decide)), fmean(_calls(tally, decide) for tally, _ in seated))


def _of(tally: Tally, voters: Sequence[str]) -> Tally:
    """Return the ballots of a panel, in its order."""
    return Tally.of(tally.ballots[voter].model_copy(update={"order": i}) for i, voter in enumerate(voters))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with votes/*.jsonl or *.jsonl.gz")
    parser.add_argument("--panels", type=int, default=60, help="random panels of each set")
    parser.add_argument("--labels", type=int, nargs="*", default=[50, 200], help="labelled questions")
    parser.add_argument("--only", choices=["weights", "appraisals"], help="one of the two parts")
    parser.add_argument("--set", action="append", help="part of the name of a set; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="of the panels and of the splits")
    arguments = parser.parse_args()
    sets = recorded(arguments.data) if arguments.data else generated()
    if arguments.only != "appraisals":
        for source in _named(sources(sets, DRAWS), arguments.set):
            for labels in arguments.labels:
                weights(source, labels, arguments.panels, arguments.seed)
    if arguments.only != "weights":
        for source in _named(sources(sets, 1), arguments.set):
            for rule in get_args(PanelRule):
                appraisals(source, arguments.panels, rule, arguments.seed)


def _named(found: Sequence[Source], names: Sequence[str] | None) -> list[Source]:
    return [source for source in found if not names or any(name in source.name for name in names)]


if __name__ == "__main__":
    main()
