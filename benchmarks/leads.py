"""What learned weights gain and lose by how far the voter that looks best is followed.

    uv run python -m benchmarks.leads --data DIR

`benchmarks/README.md` documents the format of the data. Panels and first splits are those of
`benchmarks.panels`; further splits of the same panels tell a bad panel from a test that was bad by chance.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benchmarks.panels import DRAWS, Share, Source, draw_panels, sources, split
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
Graded = tuple[GradedVote, Row]
Weights = Mapping[int, float]


class Judged(NamedTuple):
    """A way to learn weights, on one split: points of accuracy."""

    loss: float
    """Against the better of majority and best voter."""
    ahead: float
    """Of the voter that looked best on the labels."""


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
    labelled, rows = [vote for vote, _ in known], [row for _, row in rest]
    seats, scales = range(len(voters)), learn_blend(labelled).scales
    best = voters.index(best_voter(track_records(labelled)))
    alone = fmean(row[best] == RIGHT for row in rows)
    better = max(alone, _share_right(rows, dict.fromkeys(seats, 1.0)))
    learned = {f"{odds:g} times as likely": (Blend(scales, math.log(odds)), labelled) for odds in ODDS}
    learned["never outvoted"] = Blend(scales, _ALONE), labelled
    if unfair:
        held_out = [vote for vote, _ in rest]
        learned["learned on the held-out"] = Blend(learn_blend(held_out).scales), held_out
    for name, (blend, votes) in learned.items():
        weights = blended(blend, track_records(votes))
        least = min(weights.values())
        share = _share_right(rows, {seat: weights.get(voters[seat], least) for seat in seats})
        yield name, Judged(100 * (better - share), 100 * (share - alone))


def _share_right(rows: Sequence[Row], weights: Weights) -> Share:
    return fmean(choose(row, weights, weights) == RIGHT for row in rows)


def trade_off(source: Source, labels: int, panels: int, splits: int, seed: int) -> None:
    """Print mean losses and worst panels."""
    found: dict[str, list[list[Judged]]] = defaultdict(list)
    for chance, votes in draw_panels(source, panels, f"weights {labels} {seed}"):
        graded = grade_history((tally, json.loads(truth)) for tally, truth in votes)
        answers = Answers.of(graded)
        of_panel: dict[str, list[Judged]] = defaultdict(list)
        for number in range(splits):
            known, rest = split(source, list(zip(graded, answers.rows, strict=True)), labels, chance)
            for name, judged in judge_split(known, rest, answers.voters, unfair=not number):
                of_panel[name].append(judged)
        for name, judgements in of_panel.items():
            found[name].append(judgements)
    print(f"\n{source.name}: weights of {labels} labels, {panels} panels, {splits} splits of each")
    print(f"  {'another answer must be':<26} {'mean loss':>9} {'worst of a split':>17} {'worst panel':>12}")
    for name, by_panel in found.items():
        print(f"  {name:<26} {_line(by_panel)}")


def _line(by_panel: Sequence[Sequence[Judged]]) -> str:
    """Return the mean loss, the worst panel of a split (mean over splits), and the worst mean of a panel."""
    loss = fmean(one.loss for panel in by_panel for one in panel)
    of_split = fmean(min(one.ahead for one in panels) for panels in zip(*by_panel, strict=True))
    of_panel = min(fmean(one.ahead for one in panel) for panel in by_panel)
    return f"{loss:>+9.2f} {of_split:>+17.2f} {of_panel:>+12.2f}"


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
