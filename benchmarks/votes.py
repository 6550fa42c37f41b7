"""What stops, waves, weights and races bring, on recorded or on generated votes.

    uv run python -m benchmarks.votes --data DIR
    uv run --group plots python -m benchmarks.votes --data DIR --plot docs/votes.svg

`benchmarks/README.md` documents the format of the data, and where public originals are. Without `--data` the
voters are generated, which says little about real ones.
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
from langgraph_parallel.cli.replaying import RecordedVote, Replaying
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
"""A recorded answer of 10,000 tokens takes half a second."""


Row = dict[str, float]


def means_of(
    sets: Sequence[VoteSet], tried: Sequence[str], size: int, orders: int, wave: str = "lossless"
) -> dict[str, Row]:
    """Everybody, and each stop, over sets that count the same: shares of votes, and means per vote."""
    totals: dict[str, list[Row]] = defaultdict(list)
    for held in sets:
        if held.voters >= size:
            replaying = Replaying.of("majority", tried, wave, voters=size, orders=orders)
            full, *others = replaying.trials(held.votes)
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
    """Every stop at every number of voters; the points of the plot."""
    points = []
    print("stop                          voters  sets   right    lost     same   calls   saved  rounds")
    for size, tried in STOPS.items():
        for stop, row in means_of(sets, tried, size, orders).items():
            points.append((stop, size, row))
            print(
                f"{stop:<28}  {size:>6}  {row['sets']:>4}  {row['right']:>6.2%}  {row['lost']:>+6.3f}"
                f"  {row['same']:>7.2%}  {row['calls']:>6.2f}  {row['saved']:>6.1%}  {row['rounds']:>6.2f}"
            )
    return points


def waves(sets: Sequence[VoteSet], orders: int) -> None:
    """The same calls in fewer rounds."""
    size = max(size for size in STOPS if any(held.voters >= size for held in sets))
    stop = STOPS[size][1 if size > 5 else 0]
    print(f"\nwaves, {stop} of {size} voters")
    for wave in ("1", "lossless", "5", "all"):
        *_, row = means_of(sets, [stop], size, orders, wave).values()
        print(f"  {wave:<10} {row['calls']:6.2f} calls in {row['rounds']:5.2f} rounds")


def weights(sets: Sequence[VoteSet], panels: int) -> None:
    """Panels of nine, drawn at random: weights learned on some of the questions, tried on the others."""
    for held in [held for held in sets if held.panel]:
        sums: dict[str, list[float]] = defaultdict(list)
        for seed in range(panels):
            for name, value in _weighed(held, random.Random(seed)).items():
                sums[name].append(value)
        size = len(sums["best voter alone"])
        print(f"\nweights, {size} panels of nine of {held.name}")
        for name, values in sums.items():
            mean = sum(values) / size
            print(f"  {name:<42} {f'{mean:.2f}' if 'calls' in name else f'{mean:.2%}':>7}")
        for stop in ("decided()", "confident()"):
            pairs = zip(sums[f"weighted, {stop}"], sums["best voter alone"], strict=True)
            ahead = [100 * (weighted - best) for weighted, best in pairs]
            mean = sum(ahead) / size
            print(f"  weighted, {stop} over the best voter: {mean:+.2f} points, at worst {min(ahead):+.2f}")


def _weighed(held: VoteSet, chance: random.Random) -> dict[str, float]:
    voters = chance.sample(range(held.voters), min(9, held.voters))
    votes = chance.sample(held.votes, len(held.votes))
    known = min(200, len(votes) // 3)
    history, rest = votes[:known], votes[known:]
    tallies = [(Tally.of(_some(vote, voters)), vote.gold) for vote in history]
    learned = calibrate(tallies)
    rule = learned.rule()
    order = sorted(voters, key=lambda voter: -learned.weights.get(_name(voter), 0.0))
    found: dict[str, float] = defaultdict(float)
    inferred = _inferred([Tally.of(_some(vote, voters)) for vote in rest])
    for i, vote in enumerate(rest):
        gold = canonical(vote.gold)
        asked = _some(vote, order)
        found["majority of nine"] += _is(majority()(Tally.of(asked)).choice, gold)
        found["best voter alone"] += _is(asked[0].choice, gold)
        if inferred:
            found["Dawid-Skene, unlabelled"] += _is(inferred[i], gold)
        for stop in (all_votes(), decided(), confident()):
            held_vote = replay(asked, rule, stop)
            found[f"weighted, {stop}"] += _is(held_vote.verdict.choice, gold)
            found[f"  calls, {stop}"] += held_vote.calls
    return {name: value / len(rest) for name, value in found.items()}


def _inferred(tallies: Sequence[Tally]) -> list[Any]:
    """What Dawid and Skene's makes of ballots without their truth; nothing where the choices are open."""
    try:
        return fit_dawid_skene(tallies).answers()
    except UsageError:
        return []


def _name(voter: int) -> str:
    return f"#{voter + 1}"


def _some(vote: RecordedVote, voters: Sequence[int]) -> list[Ballot]:
    return [vote.ballots[voter].model_copy(update={"order": i}) for i, voter in enumerate(voters)]


def _is(choice: Any, gold: str) -> bool:
    return canonical(choice) == gold


def races(sets: Sequence[VoteSet], questions: int) -> None:
    """Nine voters at once, and a server as slow as the recorded answers: raced, and waited for."""
    timed = [
        (vote, tokens)
        for held in sets
        for vote, tokens in zip(held.votes, held.tokens, strict=True)
        if tokens
    ]
    drawn = random.Random(0).sample(timed, min(questions, len(timed)))
    prompts = []
    for vote, tokens in drawn:
        places = random.Random(str(vote.gold)).sample(range(len(tokens)), 9)
        said = [[tokens[p] * SECONDS_A_TOKEN, str(vote.ballots[p].choice)] for p in places]
        prompts.append(f"recorded({json.dumps(said)})recorded")
    with answering(0.1):
        raced = create_voting(model="openai:test", voters=9, wave="all")
        waited = create_voting(model="openai:test", voters=9, wave="all", stop="all_votes")
        lossless = create_voting(model="openai:test", voters=9)
        results = asyncio.run(_run_all([raced, waited, lossless], prompts))
    first, second, third = results
    same = sum(a["verdict"].choice == b["verdict"].choice for a, b in zip(first, second, strict=True))
    times = [sum(out["report"].wall_seconds for out in outs) for outs in results]
    print(f"\nraces, nine voters, {len(prompts)} questions, recorded tokens as latency")
    print(f"  raced: {times[0] / times[1]:.2f} of the time of waiting for all; ", end="")
    print(f"{same} of {len(prompts)} answers the same")
    saved = sum(out["report"].calls_saved for out in third) / 9 / len(prompts)
    print(f"  lossless waves instead: {times[2] / times[1]:.2f} of the time, {saved:.0%} of the calls saved")


async def _run_all(graphs: Sequence[Any], prompts: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Every graph on every question, four questions at a time; the first is for warming up."""
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
    parser.add_argument("--data", type=Path, help="a folder with votes/*.jsonl.gz")
    parser.add_argument("--orders", type=int, default=10, help="random orders of the voters of each vote")
    parser.add_argument("--panels", type=int, default=20, help="random panels to learn weights for")
    parser.add_argument("--races", type=int, default=80, help="questions to race; 0 for none")
    parser.add_argument("--plot", type=Path, help="draw accuracy against calls into this SVG file")
    given = parser.parse_args()
    sets = recorded(given.data) if given.data else generated()
    print(f"{len(sets)} sets of votes, {sum(len(held.votes) for held in sets):,} votes\n")
    points = stops(sets, given.orders)
    waves(sets, given.orders)
    weights(sets, given.panels)
    if given.races:
        races(sets, given.races)
    if given.plot:
        plot(points, given.plot)


if __name__ == "__main__":
    main()
