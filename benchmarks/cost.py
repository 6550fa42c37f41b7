"""What fan-outs cost where providers bill what prompts have in common: the bill of a server of its own.

    uv run python -m benchmarks.cost [--part votes graphs batch] [--leader off auto on] [--only NAME ...]

Three tables, each with what is aimed at:

- votes: nine voters over 10,000 tokens, and a review of 6 aspects by 3 voters of 10,000 tokens of code, under
  three ways of billing a prompt cache, to one call and to the floor (`benchmarks.billing.floor`)
- graphs: what the prompts of every graph cost, to what the same prompts cost where nothing is cached
- batch: many items in the batch lane, to the same items live

The server (`benchmarks.billing`) runs in its own process and bills by its own tokenizer and log. Every
measurement has a model of its own, so that none finds what was learned in another. Exits with 1 if a target
of a bill is missed (`--report`: never); other load of the machine falsifies times.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.billing.bill import Line
from benchmarks.billing.client import Billed, Remote, billing
from benchmarks.billing.floor import billed_input, floor
from benchmarks.billing.profile import FREE, PROFILES, Profile
from benchmarks.billing.texts import prose
from benchmarks.cost_graphs import LABELS, Case, catalogue, review, vote
from langgraph_parallel import Limits, create_labeling

MOST_OF_FLOOR, MOST_TIME, MOST_OF_LIVE = 1.05, 1.2, 0.55
_DEADLINE = 15.0
"""Seconds of a run whose batch is never done."""
_numbers = count(1)


@dataclass(frozen=True)
class Measured:
    """One run, as the server has billed it."""

    bill: Billed
    profile: Profile
    seconds: float
    out: Mapping[str, Any]

    @property
    def lines(self) -> Sequence[Line]:
        """All requests that were worked on."""
        return self.bill.lines

    @property
    def input(self) -> Decimal:
        """What the prompts cost, in tokens at the price of input."""
        return billed_input(self.lines, self.profile)

    @property
    def in_full(self) -> int:
        """What the same prompts would have cost without a cache."""
        return sum(line.prompt for line in self.lines)

    @property
    def one(self) -> int:
        """What the prompt of one call costs without a cache: that of the longest."""
        return max(line.prompt for line in self.lines)

    @property
    def first_token(self) -> float:
        """Seconds until the first token of the first answer."""
        first = min(self.lines, key=lambda line: line.arrived)
        return first.first - first.arrived


def slow(profile: Profile) -> Profile:
    """Return a profile with a fifth of the times of a usual server."""
    return replace(profile, first_seconds=0.1, prefill=25_000.0, answer_seconds=0.5)


def quick(profile: Profile) -> Profile:
    """Return a profile with times that are short."""
    return replace(profile, first_seconds=0.02, prefill=200_000.0, answer_seconds=0.05)


class Checked:
    """Targets, and whether all were reached."""

    def __init__(self) -> None:
        self.missed = 0

    def __call__(self, value: float, most: float | None, *, counts: bool = True) -> str:
        """Return a value beside its target, marked if it is above.

        Args:
            value: that was measured.
            most: target; None for none.
            counts: whether the benchmark fails with it.
        """
        if most is None:
            return f"{value:>6.2f}          "
        is_missed = value > most + 0.005  # as it is printed
        self.missed += is_missed and counts
        return f"{value:>6.2f} {'MISSED' if is_missed else '<='} {most:<4g}"


def limits_at(profile: Profile, **options: Any) -> Limits:
    """Return limits with the prices of a server.

    Args:
        profile: of the server.
        options: further limits.
    """
    price = float(profile.price_input)
    prices: dict[str, Any] = {
        "price_input": price,
        "price_output": float(profile.price_output),
        "price_cache_read": price * float(profile.read_rate),
        "price_cache_write": price * float(profile.write_rate),
    }
    return Limits(**prices | {"section_tokens": 40_000, "samples": "off"} | options)


async def measure(server: Remote, profile: Profile, case: Case, **options: Any) -> Measured:
    """Run a graph once, with an empty cache and a new bill.

    Args:
        server: that bills.
        profile: of the server.
        case: the graph.
        options: limits of the run.

    Raises:
        SystemExit: a branch failed.
    """
    server.reset(profile)
    graph = case.build(f"openai:priced-{next(_numbers)}", limits_at(profile, **options))
    begun = time.perf_counter()
    out = await graph.ainvoke(dict(case.given))
    seconds = time.perf_counter() - begun
    report = out["run_report"]
    if report.failures:
        first = next(iter(report.failures.items()))
        raise SystemExit(f"{len(report.failures)} branches failed, such as {first[0]}: {first[1]}")
    return Measured(server.bill(), profile, seconds, out)


async def compare_votes(server: Remote, leaders: Sequence[str], checked: Checked) -> None:
    """Print what votes cost, to one call and to the floor."""
    print("\nVotes: what prompts cost, to one call and to the floor, and the time to that of all at once")
    print(f"{'':40}{'calls':>6}  {'to one call':<17}{'to the floor':<18}{'time':<17}")
    cases = {"nine voters": (vote(10_000), 1.9), "review, 6 x 3": (review(10_000), 3.2)}
    await measure(server, FREE, vote(200, 2))  # imports, connections
    for kind, profile in PROFILES.items():
        profile = slow(profile)
        for name, (case, most) in cases.items():
            at_once = await measure(server, profile, case, leader="off")
            for leader in leaders:
                run = at_once if leader == "off" else await measure(server, profile, case, leader=leader)
                lowest = floor(run.lines, profile, case.shared)
                is_target = leader != "off"
                most_to_one = most if is_target and profile_is_free(profile) else None
                # What is allowed beside the time of all at once: the leader goes ahead.
                time_taken = (run.seconds - (run.first_token if is_target else 0)) / at_once.seconds
                to_one = checked(float(run.input / run.one), most_to_one)
                to_floor = checked(float(run.input / lowest), MOST_OF_FLOOR if is_target else None)
                to_time = checked(time_taken, MOST_TIME if is_target else None, counts=False)
                row = f"{name}, {kind}, leader {leader}"
                print(f"{row:50}{len(run.lines):>4}  {to_one} {to_floor} {to_time}", flush=True)
    await _compare_samples(checked)


def profile_is_free(profile: Profile) -> bool:
    """Return whether writing is free and all requests meet on one machine."""
    return profile.write_rate == "1" and profile.overflow is None


async def _compare_samples(checked: Checked) -> None:
    for takes, most in (("yes", 1.2), ("refused", 1.9), ("fewer", None), ("copies", None)):
        # A server for each: what one takes is remembered by its address.
        with billing() as server, asked_by_default(server):
            run = await measure(server, replace(slow(FREE), samples=takes), vote(10_000), samples="auto")
        ballots = sum(ballot.choice is not None for ballot in run.out["ballots"])
        to_one = checked(float(run.input / run.one), most)
        row = f"nine voters, free writes, n: {takes}"
        print(f"{row:50}{len(run.lines):>4}  {to_one} {ballots} ballots", flush=True)


@contextmanager
def asked_by_default(server: Remote) -> Iterator[None]:
    """Have models that are named without an address asked at a server."""
    before = os.environ.get("OPENAI_BASE_URL", "")
    os.environ |= {"OPENAI_API_KEY": "sk-none", "OPENAI_BASE_URL": server.url, "LANGSMITH_TRACING": "false"}
    try:
        yield
    finally:
        os.environ["OPENAI_BASE_URL"] = before


async def compare_graphs(server: Remote, only: Sequence[str], checked: Checked) -> None:
    """Print what the prompts of each graph cost, to their full price."""
    print("\nGraphs: what prompts cost, to the same prompts where nothing is cached")
    print(f"{'':16}{'calls':>6}{'tokens':>10}{'billed':>10}{'floor':>10}  to their full price")
    profile = replace(quick(FREE), disagreement=0.3)
    for name, case in catalogue().items():
        if only and name not in only:
            continue
        run = await measure(server, profile, case)
        lowest = floor(run.lines, profile, case.shared)
        ratio = checked(float(run.input / run.in_full), case.target)
        counts = f"{len(run.lines):>6}{run.in_full:>10}{run.input:>10.0f}{lowest:>10.0f}"
        print(f"{name:16}{counts}  {ratio}", flush=True)


def _labeling(items: int) -> Case:
    return Case(
        lambda model, limits: create_labeling(
            labels=LABELS, guidelines=prose(1500, 7), model=model, stop="all_votes", limits=limits
        ),
        {"items": {str(number): prose(60, number) for number in range(items)}},
    )


async def compare_lanes(server: Remote, items: int, checked: Checked) -> None:
    """Print what the batch lane costs, to the same calls live, without a cache in either."""
    print("\nBatch lane: the bill to that of the same calls live")
    profile = replace(quick(FREE), caches=False, batch_seconds=1.0)
    never = replace(profile, batch_seconds=3600)
    rows: list[tuple[str, Profile, int, float | None, dict[str, Any]]] = [
        ("in time", profile, items, MOST_OF_LIVE, {}),
        ("too late", never, min(items, 50), None, {"deadline": _DEADLINE}),
    ]
    for name, lane, number, most, options in rows:
        case = _labeling(number)
        live = await measure(server, profile, case)
        run = await measure(server, lane, case, lane="batch", **options)
        ratio = checked(float(run.bill.usd / live.bill.usd), most)
        lanes = [sum(line.lane == lane for line in run.lines) for lane in ("batch", "live")]
        twice = len(run.bill.posted) - len(set(run.bill.posted))
        row = f"{name}: {number} items, {lanes[0]} calls in batches, {lanes[1]} live, {twice} submitted twice"
        print(f"{row:74}{ratio} {run.seconds:.1f} s (live {live.seconds:.1f} s)", flush=True)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("votes", "graphs", "batch")
    parser.add_argument("--part", nargs="*", choices=parts, default=parts, help="tables")
    parser.add_argument("--leader", nargs="*", choices=("off", "auto", "on"), default=("off", "auto"))
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help="graphs")
    parser.add_argument("--items", type=int, default=200, help="items of the batch lane")
    parser.add_argument("--report", action="store_true", help="exit with 0 even if a target is missed")
    arguments = parser.parse_args()
    checked = Checked()
    with billing() as server, asked_by_default(server), TemporaryDirectory() as folder:
        os.environ["LANGGRAPH_PARALLEL_BATCHES"] = folder  # the ledger of what is submitted
        asyncio.run(_tables(server, arguments, checked))
    if checked.missed and not arguments.report:
        raise SystemExit(f"{checked.missed} targets were missed")


async def _tables(server: Remote, arguments: argparse.Namespace, checked: Checked) -> None:
    if "votes" in arguments.part:
        await compare_votes(server, arguments.leader, checked)
    if "graphs" in arguments.part:
        await compare_graphs(server, arguments.only, checked)
    if "batch" in arguments.part:
        await compare_lanes(server, arguments.items, checked)


if __name__ == "__main__":
    main()
