"""The effect of stops, waves, weights and races, on recorded or generated votes.

    uv run python -m benchmarks.votes --data DIR
    uv run --group plots python -m benchmarks.votes --data DIR --plot docs/votes.svg

`benchmarks/README.md` documents the format of the data, and the public originals. Without `--data` the voters
are generated, which says little about real ones.
"""

import argparse
import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.answering import answering
from benchmarks.recorded_votes import VoteSet, generated, recorded
from benchmarks.votes_plot import plot
from langgraph_parallel import create_voting
from langgraph_parallel.cli.recorded_votes import RecordedVote
from langgraph_parallel.cli.replaying import Replaying
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Trial
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.calibration import calibrate
from langgraph_parallel.reducers.votes.replay import replay
from langgraph_parallel.reducers.votes.rules import majority
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene
from langgraph_parallel.reducers.votes.stops import all_votes, confident, decided

STOPS = {
    3: ["decided"],
    5: ["decided"],
    9: ["decided", "confident(0.95)", "adaptive(0.95)", "ahead_by(2)"],
    40: [
        "decided",
        "confident(0.98)",
        "adaptive(0.95)",
        "adaptive(0.95, 'dirichlet')",
        "ahead_by(3)",
        "window(5)",
    ],
}
SECONDS_A_TOKEN = 1 / 20_000
"""Seconds per recorded token: an answer of 10,000 tokens takes half a second."""


Row = dict[str, float]


def means_of(
    sets: Sequence[VoteSet], stop_names: Sequence[str], size: int, orders: int, wave: str = "lossless"
) -> dict[str, Row]:
    """Return shares and means per vote, of all voters and of each stop; all sets have the same weight."""
    totals: dict[str, list[Row]] = defaultdict(list)
    for vote_set in sets:
        if vote_set.voters >= size:
            replaying = Replaying.of("majority", stop_names, wave, voters=size, orders=orders)
            full, *others = replaying.trials(vote_set.votes)
            for trial in (full, *others):
                totals[trial.stop].append(_row(trial, full))
    return {
        stop: {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]} | {"sets": len(rows)}
        for stop, rows in totals.items()
    }


def _row(trial: Trial, full: Trial) -> Row:
    right, best = trial.right or 0, full.right or 0
    return {
        "right": right / trial.votes,
        "lost": 100 * (best - right) / trial.votes,
        "same": trial.same / trial.votes,
        "calls": trial.calls / trial.votes,
        "saved": trial.saved,
        "rounds": trial.rounds / trial.votes,
    }


def stops(sets: Sequence[VoteSet], orders: int) -> list[tuple[str, int, Row]]:
    """Print every stop for every number of voters; return the points of the plot."""
    points = []
    print("stop                          voters  sets   right    lost     same   calls   saved  rounds")
    for size, stop_names in STOPS.items():
        for stop, row in means_of(sets, stop_names, size, orders).items():
            points.append((stop, size, row))
            print(
                f"{stop:<28}  {size:>6}  {row['sets']:>4}  {row['right']:>6.2%}  {row['lost']:>+6.3f}"
                f"  {row['same']:>7.2%}  {row['calls']:>6.2f}  {row['saved']:>6.1%}  {row['rounds']:>6.2f}"
            )
    return points


def waves(sets: Sequence[VoteSet], orders: int) -> None:
    """Print calls and rounds by size of wave."""
    size = max(size for size in STOPS if any(vote_set.voters >= size for vote_set in sets))
    stop = STOPS[size][1 if size > 5 else 0]
    print(f"\nwaves, {stop} of {size} voters")
    for wave in ("1", "lossless", "5", "all"):
        *_, row = means_of(sets, [stop], size, orders, wave).values()
        print(f"  {wave:<10} {row['calls']:6.2f} calls in {row['rounds']:5.2f} rounds")


def weights(sets: Sequence[VoteSet], panels: int) -> None:
    """Print the accuracy of panels of nine, with weights learned on other questions."""
    for vote_set in [vote_set for vote_set in sets if vote_set.panel]:
        sums: dict[str, list[float]] = defaultdict(list)
        for seed in range(panels):
            for name, value in _weighed(vote_set, random.Random(seed)).items():
                sums[name].append(value)
        size = len(sums["best voter alone"])
        print(f"\nweights, {size} panels of nine of {vote_set.name}")
        for name, values in sums.items():
            mean = sum(values) / size
            print(f"  {name:<42} {f'{mean:.2f}' if 'calls' in name else f'{mean:.2%}':>7}")
        for stop in ("decided()", "confident()"):
            pairs = zip(sums[f"weighted, {stop}"], sums["best voter alone"], strict=True)
            ahead = [100 * (weighted - best) for weighted, best in pairs]
            mean = sum(ahead) / size
            print(f"  weighted, {stop} over the best voter: {mean:+.2f} points, at worst {min(ahead):+.2f}")


def _weighed(vote_set: VoteSet, chance: random.Random) -> dict[str, float]:
    voters = chance.sample(range(vote_set.voters), min(9, vote_set.voters))
    votes = chance.sample(vote_set.votes, len(vote_set.votes))
    known = min(200, len(votes) // 3)
    history, rest = votes[:known], votes[known:]
    tallies = [(Tally.of(_ballots_of(vote, voters)), vote.gold) for vote in history]
    learned = calibrate(tallies)
    rule = learned.rule()
    order = sorted(voters, key=lambda voter: -learned.weights.get(_voter_name(voter), 0.0))
    sums: dict[str, float] = defaultdict(float)
    inferred = _inferred([Tally.of(_ballots_of(vote, voters)) for vote in rest])
    for i, vote in enumerate(rest):
        gold = canonical(vote.gold)
        asked = _ballots_of(vote, order)
        sums["majority of nine"] += _equals(majority()(Tally.of(asked)).choice, gold)
        sums["best voter alone"] += _equals(asked[0].choice, gold)
        if inferred:
            sums["Dawid-Skene, unlabelled"] += _equals(inferred[i], gold)
        for stop in (all_votes(), decided(), confident()):
            replayed = replay(asked, rule, stop)
            sums[f"weighted, {stop}"] += _equals(replayed.verdict.choice, gold)
            sums[f"  calls, {stop}"] += replayed.calls
    return {name: value / len(rest) for name, value in sums.items()}


def _inferred(tallies: Sequence[Tally]) -> list[Any]:
    """Return Dawid and Skene's answers, learned without the truth; none if the choices are open."""
    try:
        return fit_dawid_skene(tallies).answers()
    except UsageError:
        return []


def _voter_name(voter: int) -> str:
    return f"#{voter + 1}"


def _ballots_of(vote: RecordedVote, voters: Sequence[int]) -> list[Ballot]:
    return [vote.ballots[voter].model_copy(update={"order": i}) for i, voter in enumerate(voters)]


def _equals(choice: Any, gold: str) -> bool:
    return canonical(choice) == gold


def races(sets: Sequence[VoteSet], questions: int) -> None:
    """Print the time of nine voters, with recorded tokens as latency: raced, and waited for."""
    timed = [
        (vote, tokens)
        for vote_set in sets
        for vote, tokens in zip(vote_set.votes, vote_set.tokens, strict=True)
        if tokens
    ]
    sample = random.Random(0).sample(timed, min(questions, len(timed)))
    prompts = []
    for vote, tokens in sample:
        voters = random.Random(str(vote.gold)).sample(range(len(tokens)), 9)
        script = [[tokens[v] * SECONDS_A_TOKEN, str(vote.ballots[v].choice)] for v in voters]
        prompts.append(f"recorded({json.dumps(script)})recorded")
    with answering(0.1):
        raced = create_voting(model="openai:test", voters=9, wave="all")
        waited = create_voting(model="openai:test", voters=9, wave="all", stop="all_votes")
        lossless = create_voting(model="openai:test", voters=9)
        results = asyncio.run(_run_all([raced, waited, lossless], prompts))
    first, second, third = results
    same = sum(a["verdict"].choice == b["verdict"].choice for a, b in zip(first, second, strict=True))
    times = [sum(out["run_report"].wall_seconds for out in outs) for outs in results]
    print(f"\nraces, nine voters, {len(prompts)} questions, recorded tokens as latency")
    print(f"  raced: {times[0] / times[1]:.2f} of the time of waiting for all; ", end="")
    print(f"{same} of {len(prompts)} answers the same")
    saved = sum(out["run_report"].calls_saved for out in third) / 9 / len(prompts)
    print(f"  lossless waves instead: {times[2] / times[1]:.2f} of the time, {saved:.0%} of the calls saved")


async def _run_all(graphs: Sequence[Any], prompts: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Run every graph on every question, four questions at a time, after one run to warm up."""
    gate = asyncio.Semaphore(4)

    async def run(graph: Any, prompt: str) -> dict[str, Any]:
        async with gate:
            out: dict[str, Any] = await graph.ainvoke({"question": prompt})
            return out

    await run(graphs[0], prompts[0])
    return [list(await asyncio.gather(*(run(graph, prompt) for prompt in prompts))) for graph in graphs]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with votes/*.jsonl or *.jsonl.gz")
    parser.add_argument("--orders", type=int, default=10, help="random orders of the voters per vote")
    parser.add_argument("--panels", type=int, default=20, help="random panels that learn weights")
    parser.add_argument("--races", type=int, default=80, help="questions to race; 0 for none")
    parser.add_argument("--plot", type=Path, help="plot accuracy against calls into this SVG file")
    arguments = parser.parse_args()
    sets = recorded(arguments.data) if arguments.data else generated()
    print(f"{len(sets)} sets of votes, {sum(len(vote_set.votes) for vote_set in sets):,} votes\n")
    points = stops(sets, arguments.orders)
    waves(sets, arguments.orders)
    weights(sets, arguments.panels)
    if arguments.races:
        races(sets, arguments.races)
    if arguments.plot:
        plot(points, arguments.plot)


if __name__ == "__main__":
    main()
