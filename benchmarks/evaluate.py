"""Whether evaluations are right: coverage, false alarms, and what the recommended variant loses.

    uv run python -m benchmarks.evaluate --data DIR

`benchmarks/README.md` documents the format of the data. Without `--data` the votes are generated.
"""

import argparse
import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations, islice
from pathlib import Path
from statistics import fmean

from benchmarks.recorded_votes import VoteSet, generated, recorded
from langgraph_parallel.evaluation.compare import Pair, Terms, judge_all
from langgraph_parallel.evaluation.evaluating import Evaluating
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.evaluation.result import Evaluation
from langgraph_parallel.evaluation.scoring.base import Scorer
from langgraph_parallel.evaluation.variants import Variant
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.replay import replay
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import NOTHING_SPENT, Result, Row, Spent

VARIANTS: Mapping[str, tuple[int, str]] = {
    "single": (1, "decided"),
    "3 votes": (3, "decided"),
    "5 votes": (5, "decided"),
    "9 votes": (9, "decided"),
    "15 votes": (15, "confident(0.95)"),
}
"""Voters and stop of what is compared on recorded votes."""
LOOK = 32
"""Items between two looks."""
TRUE_DRAWS = 24
"""Draws of voters by which the true share of right answers is known."""
Draws = Mapping[str, Sequence[Sequence[tuple[bool, int]]]]
"""For each variant, item and draw: whether the answer was right, and its calls."""
Drawing = Callable[[random.Random], float]


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of recorded votes")
    parser.add_argument("--simulations", type=int, default=1000)
    options = parser.parse_args()
    sets = recorded(options.data) if options.data else generated()
    number = options.simulations
    print(f"Simulated scores, {number:,} simulations each")
    for name, draw, mean, size in simulated():
        line = coverage(draw, mean, size, number)
        print(f"  {name}: {line}")
    print(f"Variants that are alike, 1,000 items, a look after each {LOOK}, {number:,} simulations")
    for variants in (2, 3):
        print(f"  {variants} variants: any false alarm {false_alarms(variants, number):.1%}")
    runs = 4
    tables = [draws_of(vote_set, place, 2 * runs) for place, vote_set in enumerate(sets)]
    print("Recorded scores, 50 samples of 200 items from each two variants of a set, with replacement")
    print(f"  {recorded_coverage(tables)}")
    print(f"Choice of {len(VARIANTS)} variants of {len(sets)} sets, {runs} runs each, no margin")
    for repeats in (1, 2):
        print(f"  items asked {repeats}x where answers vary: {choices(sets, tables, repeats, runs)}")


def simulated() -> list[tuple[str, Drawing, float, int]]:
    """Return kinds of differences: name, what draws one, the true mean, items of one look."""

    def shares(won: float, lost: float) -> Drawing:
        def draw(dice: random.Random) -> float:
            place = dice.random()
            return 1.0 if place < won else -1.0 if place < won + lost else 0.0

        return draw

    def overlap(dice: random.Random) -> float:
        """Two F1-like scores of an item: shares of up to four findings, of which the second finds fewer."""
        findings, ease = dice.choice((1, 2, 3, 4)), dice.betavariate(2, 1)
        found = [
            sum(dice.random() < ease * skill for _ in range(findings)) / findings for skill in (1.0, 0.9)
        ]
        return found[0] - found[1]

    return [
        ("right or wrong, +10 points, 100 items", shares(0.15, 0.05), 0.10, 100),
        ("right or wrong, +2 points, 300 items", shares(0.08, 0.06), 0.02, 300),
        ("right or wrong, alike, 100 items", shares(0.10, 0.10), 0.0, 100),
        ("shares of findings, +6.7 points, 60 items", overlap, 0.1 * 2 / 3, 60),
    ]


def coverage(draw: Drawing, mean: float, size: int, number: int) -> str:
    """Return how often the interval of one look has the true mean, and that of all moments always has."""
    one_look, always = Terms(stopping=False), Terms(stopping=True)
    covered = kept = 0
    for seed in range(number):
        dice = random.Random(seed)
        values = [draw(dice) for _ in range(1000)]
        low, high = _pair(values[:size], one_look).interval()
        covered += low <= mean <= high
        kept += _keeps(values, mean, always)
    return f"one look {covered / number:.1%} covered; at every moment of 1,000 items {kept / number:.1%}"


def _pair(values: Sequence[float], terms: Terms) -> Pair:
    pair = Pair("b", "a", terms)
    for value in values:
        pair.add(value)
    return pair


def _keeps(values: Sequence[float], mean: float, terms: Terms) -> bool:
    """Return whether the true mean is never outside of the interval; differences are shifted by it."""
    from langgraph_parallel.evaluation.statistics.sequence import MeanSequence

    return not MeanSequence(terms.share, values).excludes(mean)


def false_alarms(variants: int, number: int) -> float:
    """Return how often any of some variants that are alike was ever said to be better than another."""
    alarms = 0
    for seed in range(number):
        dice = random.Random(seed)
        names = [str(place) for place in range(variants)]
        terms = Terms(family=variants * (variants - 1) // 2)
        pairs = [Pair(later, earlier, terms) for earlier, later in combinations(names, 2)]
        for item in range(1, 1001):
            ease = dice.betavariate(2, 1)
            scores = {name: float(dice.random() < ease) for name in names}
            for pair in pairs:
                pair.add(scores[pair.variant] - scores[pair.against])
            if not item % LOOK and any(one.verdict != "unknown" for one in judge_all(pairs, terms)):
                alarms += 1
                break
    return alarms / number


def draws_of(vote_set: VoteSet, place: int, further: int) -> Draws:
    """Return what each variant answers to each item: for the truth, and further draws for evaluations."""
    number = 1 if vote_set.panel else TRUE_DRAWS + further
    return {
        name: [
            [_draw(vote_set, item, name, random.Random(f"{place} {name} {item} {n}")) for n in range(number)]
            for item in range(len(vote_set.votes))
        ]
        for name in VARIANTS
    }


def _draw(vote_set: VoteSet, item: int, name: str, dice: random.Random) -> tuple[bool, int]:
    voters, stop = VARIANTS[name]
    vote = vote_set.votes[item]
    chosen = vote.ballots[:voters] if vote_set.panel else dice.sample(list(vote.ballots), voters)
    ballots = [one.model_copy(update={"order": n, "voter": str(n)}) for n, one in enumerate(chosen)]
    found = replay(ballots, "majority", stop)
    return canonical(found.verdict.choice) == canonical(vote.gold), found.calls


def recorded_coverage(tables: Sequence[Draws]) -> str:
    """Return the coverage of samples of recorded differences, whose true mean is that of their set."""
    covered = kept = number = 0
    for table in tables:
        for one, other in combinations(VARIANTS, 2):
            values = [
                float(b[-1][0]) - float(a[-1][0]) for a, b in zip(table[one], table[other], strict=True)
            ]
            mean = fmean(values)
            if sum(map(bool, values)) < 0.025 * len(values):  # a sample of 200 has fewer than five of them
                continue
            for seed in range(50):
                sample = random.Random(seed).choices(values, k=1000)
                low, high = _pair(sample[:200], Terms(stopping=False)).interval()
                covered += low <= mean <= high
                kept += _keeps(sample, mean, Terms())
                number += 1
    return f"one look {covered / number:.1%} covered; at every moment of 1,000 items {kept / number:.1%}"


class _Replayed:
    """Stands for the asker and the store of an evaluation: its answers are draws of recorded votes."""

    total = NOTHING_SPENT

    def __init__(self, draws: Draws, first: int) -> None:
        self._draws, self._first = draws, first

    async def ask(self, program: Program, table: str, rows: Sequence[Row], who: str) -> str:
        """Ask nobody."""
        return ""

    def rows(self, table: str, keys: Collection[str]) -> dict[str, Result]:
        """Return the rows of a variant."""
        return {key: self._row(table.removeprefix("answers "), key) for key in keys}

    def _row(self, variant: str, key: str) -> Result:
        item, _, repeat = key.partition(" #")
        drawn = self._draws[variant][int(item)]
        right, calls = drawn[(self._first + int(repeat or 1) - 1) % len(drawn)]
        return Result(key, "ok", {"answer": right}, spent=Spent(calls=calls))


def choices(sets: Sequence[VoteSet], tables: Sequence[Draws], repeats: int, runs: int) -> str:
    """Return what the recommended variants lose against the best ones in hindsight, on average over sets."""
    points, cost, asked = [], [], []
    for vote_set, table in zip(sets, tables, strict=True):
        truth = {name: _truth(drawn) for name, drawn in table.items()}
        best = max(truth, key=lambda name: (truth[name][0], -truth[name][1]))
        for run in range(runs):
            found = evaluated(table, run, 1 if vote_set.panel else repeats)
            assert found.recommendation is not None
            right, calls = truth[found.recommendation.variant]
            points.append(100 * (truth[best][0] - right) / runs)
            cost.append(max(0.0, calls / truth[best][1] - 1) / runs)
            asked.append(fmean(one.items for one in found.variants) / found.of / runs)
    lost = sum(points) / len(sets), sum(cost) / len(sets)
    return (
        f"{lost[0]:.2f} points lost, {lost[1]:.1%} of cost lost; {sum(asked) / len(sets):.0%} of items asked"
    )


def _truth(drawn: Sequence[Sequence[tuple[bool, int]]]) -> tuple[float, float]:
    true = [list(islice(item, TRUE_DRAWS)) for item in drawn]
    right = fmean(fmean(was_right for was_right, _ in item) for item in true)
    return right, fmean(fmean(calls for _, calls in item) for item in true)


def evaluated(draws: Draws, run: int, repeats: int) -> Evaluation:
    """Return an evaluation of recorded votes, by draws that the truth does not know."""
    items = [Item(str(place), {}, True) for place in range(len(draws["single"]))]
    random.Random(run).shuffle(items)
    replayed = _Replayed(draws, TRUE_DRAWS + 2 * run)
    number = len(VARIANTS)
    return asyncio.run(
        Evaluating(
            variants={name: Variant(graph=name) for name in VARIANTS},
            programs={name: Program(graph=name) for name in VARIANTS},
            items=items,
            of=len(items),
            scorer=Scorer(name="right", function=lambda answer, expected: answer is expected),
            asker=replayed,  # type: ignore[arg-type]
            store=replayed,  # type: ignore[arg-type]
            terms=Terms(family=number * (number - 1) // 2),
            batch=LOOK,
            repeats=repeats,
        ).run()
    )


if __name__ == "__main__":
    main()
