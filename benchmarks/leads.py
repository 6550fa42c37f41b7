"""What learned weights gain and lose by how far the voter that looks best is followed.

    uv run python -m benchmarks.leads --data DIR

`benchmarks/README.md` documents the format of the data. Panels and first splits are those of
`benchmarks.panels`. Further splits of the same panels tell a bad panel from labels that were bad by chance.
What is held out is halved, too: if the panel that is the worst on one half is not bad on the other, it was
bad by the chance of the test, which no way to learn weights can rule out.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benchmarks.panels import DRAWS, Source, draw_panels, sources, split
from benchmarks.recorded_votes import generated, recorded
from langgraph_parallel.reducers.votes.learning import Blend, blended, learn_blend
from langgraph_parallel.reducers.votes.panels.answers import RIGHT, Answers, Row, choose
from langgraph_parallel.reducers.votes.track_record import (
    GradedVote,
    best_voter,
    grade_history,
    track_records,
)

ODDS = (1.0, 2.0, 3.0, 4.0, 8.0, 16.0)
"""How many times as likely another answer must be to outvote the best voter."""
_ALONE = 1e6
"""Log-odds that nothing outvotes."""
Graded = tuple[GradedVote, Row, int]
"""A vote, its answers as numbers, and the group of its question."""
Weights = Mapping[int, float]


class Judged(NamedTuple):
    """A way to learn weights, on one split: points of accuracy."""

    loss: float
    """Against the better of majority and best voter."""
    ahead: float
    """Of the voter that looked best on the labels."""
    error: float
    """Standard error of that: by how much the questions that happen to be held out move it."""
    halves: tuple[float, float]
    """The same as `ahead` on each half of what is held out."""

    @classmethod
    def of(
        cls, panel: Sequence[bool], alone: Sequence[bool], better: float, groups: Sequence[int]
    ) -> "Judged":
        """Compare what is right question by question; questions of one group are one draw.

        Args:
            panel: whether it is right.
            alone: whether the voter that looked best on the labels is right.
            better: share of the better of majority and best voter.
            groups: of the questions.
        """
        gains: dict[int, int] = defaultdict(int)
        for group, is_right, is_alone in zip(groups, panel, alone, strict=True):
            gains[group] += is_right - is_alone
        listed, usual = [*gains.values()], fmean(gains.values())
        error = math.sqrt(sum((gain - usual) ** 2 for gain in listed)) / len(panel)
        first, second = (fmean(half) * len(listed) / len(panel) for half in (listed[::2], listed[1::2]))
        ahead = sum(listed) / len(panel)
        return cls(100 * (better - fmean(panel)), 100 * ahead, 100 * error, (100 * first, 100 * second))


def judge_split(
    known: Sequence[Graded], rest: Sequence[Graded], voters: Sequence[str], *, unfair: bool
) -> Iterator[tuple[str, Judged]]:
    """Yield what comes of each way to learn weights.

    Args:
        known: labelled questions.
        rest: held out.
        voters: in the order of rows.
        unfair: whether to learn from what is held out, too.
    """
    labelled, rows = [vote for vote, *_ in known], [row for _, row, _ in rest]
    groups = [group for *_, group in rest]
    seats, scales = range(len(voters)), learn_blend(labelled).scales
    best = voters.index(best_voter(track_records(labelled)))
    alone = [row[best] == RIGHT for row in rows]
    better = max(fmean(alone), fmean(_are_right(rows, dict.fromkeys(seats, 1.0))))
    learned = {f"{odds:g} times as likely": (Blend(scales, math.log(odds)), labelled) for odds in ODDS}
    learned["never outvoted"] = Blend(scales, _ALONE), labelled
    if unfair:
        held_out = [vote for vote, *_ in rest]
        learned["learned on the held-out"] = Blend(learn_blend(held_out).scales), held_out
    for name, (blend, votes) in learned.items():
        weights = blended(blend, track_records(votes))
        least = min(weights.values())
        right = _are_right(rows, {seat: weights.get(voters[seat], least) for seat in seats})
        yield name, Judged.of(right, alone, better, groups)


def _are_right(rows: Sequence[Row], weights: Weights) -> list[bool]:
    return [choose(row, weights, weights) == RIGHT for row in rows]


def trade_off(source: Source, labels: int, panels: int, splits: int, seed: int) -> None:
    """Print mean losses and worst panels."""
    found: dict[str, list[list[Judged]]] = defaultdict(list)
    for chance, votes in draw_panels(source, panels, f"weights {labels} {seed}"):
        graded = grade_history((tally, json.loads(truth)) for tally, truth in votes)
        answers = Answers.of(graded)
        of_panel: dict[str, list[Judged]] = defaultdict(list)
        for number in range(splits):
            numbered = list(zip(graded, answers.rows, source.groups, strict=True))
            known, rest = split(source, numbered, labels, chance)
            for name, judged in judge_split(known, rest, answers.voters, unfair=not number):
                of_panel[name].append(judged)
        for name, judgements in of_panel.items():
            found[name].append(judgements)
    print(f"\n{source.name}: weights of {labels} labels, {panels} panels, {splits} splits of each")
    print(
        f"  {'another answer must be':<26} {'mean loss':>9} {'worst of a split':>17} {'its error':>10}"
        f" {'worst of a half':>16} {'on the other':>13} {'worst panel':>12}"
    )
    for name, by_panel in found.items():
        print(f"  {name:<26} {_line(by_panel)}")


def _line(by_panel: Sequence[Sequence[Judged]]) -> str:
    """Return the figures of a way to learn weights.

    The mean loss; the worst panel of a split, and its standard error; the worst panel on one half of what is
    held out, and the same panel on the other half (means over splits); the worst mean of a panel over splits.
    """
    loss = fmean(one.loss for panel in by_panel for one in panel)
    by_split = list(zip(*by_panel, strict=True))
    worst = [min(panels, key=lambda one: one.ahead) for panels in by_split]
    of_split, error = fmean(one.ahead for one in worst), fmean(one.error for one in worst)
    halves = [
        min((one.halves[half], one.halves[1 - half]) for one in panels)
        for panels in by_split
        for half in (0, 1)
    ]
    on_one, on_other = (fmean(ahead) for ahead in zip(*halves, strict=True))
    of_panel = min(fmean(one.ahead for one in panel) for panel in by_panel)
    of_splits = f"{loss:>+9.2f} {of_split:>+17.2f} {error:>10.2f} {on_one:>+16.2f} {on_other:>+13.2f}"
    return f"{of_splits} {of_panel:>+12.2f}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with votes/*.jsonl or *.jsonl.gz")
    parser.add_argument("--panels", type=int, default=60, help="random panels of each set")
    parser.add_argument("--splits", type=int, default=10, help="splits of each panel")
    parser.add_argument("--labels", type=int, default=50, help="labelled questions")
    parser.add_argument("--seed", type=int, default=0, help="of the panels and of the splits")
    arguments = parser.parse_args()
    sets = recorded(arguments.data) if arguments.data else generated()
    for source in sources(sets, DRAWS):
        trade_off(source, arguments.labels, arguments.panels, arguments.splits, arguments.seed)


if __name__ == "__main__":
    main()
