"""Runs over many items: what an item costs beside what it runs, and whether that grows with their number.

    uv run python -m benchmarks.scale [--only NAME ...] [--items N ...] [--labels N]

Sections, each measured in processes of its own, with what is aimed at:

- items: a function that does nothing, in this process with SQLite: CPU for each item at 1,000, 10,000 and
  100,000 items, memory at 10,000 and at 1,000,000
- dask: the same function on Dask with two workers, the CPU of all processes for each further item
- labeling: the command line, three voters an item, a server of another process that answers at once: the CPU
  of the command for each call, its start included

Exits with 1 if a target is missed (`--report`: never); other load of the machine falsifies times.
"""

import argparse
import json
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.answering import answering
from benchmarks.measuring import measured_apart
from benchmarks.process_tree import Used, measure_tree

ITEMS = (1_000, 10_000, 100_000, 1_000_000)
MOST_RATIO = 1.2
"""Of the CPU for an item at 100,000 items to that at 1,000."""
MOST_CPU_MS = 0.5
"""Of an item beside what it runs, in one process."""
MOST_DASK_MS = 1.0
"""The same through Dask with two workers, all processes together."""
MOST_CALL_MS = 1.5
"""Of a call of a labeling, everything included."""
DASK_ITEMS = (2_000, 12_000)
VOTERS = 3
MOST_MEMORY_MB = 60.0
"""That 1,000,000 items take beyond 10,000."""
_WARM_UP = 200
"""Items that are run first, for imports and connections."""


class Checked:
    """Targets, and whether all were reached."""

    def __init__(self) -> None:
        self.missed = 0

    def __call__(self, value: float, most: float, unit: str = "") -> str:
        """Return a value beside its target, marked if it is above."""
        is_missed = value > most
        self.missed += is_missed
        return f"{value:.3g}{unit} {'MISSED' if is_missed else '<='} {most:g}{unit}"


async def nothing(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a column without any work."""
    return {"done": True}


def _numbers(number: int) -> Iterator[dict[str, int]]:
    return ({"n": n} for n in range(number))


def run_items(number: int) -> dict[str, float]:
    """Run a function that does nothing on so many items, and measure this process.

    Args:
        number: of items; their rows are counted afterwards.
    """
    from langgraph_parallel.scale import map_items

    with TemporaryDirectory() as folder:
        map_items(nothing, _numbers(_WARM_UP), sink=Path(folder, "warm.sqlite"))
        sink = Path(folder, "rows.sqlite")
        cpu, wall = time.process_time(), time.perf_counter()
        report = map_items(nothing, _numbers(number), sink=sink)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        with sqlite3.connect(sink) as database:
            rows = database.execute("SELECT count(DISTINCT key) FROM rows WHERE status = 'ok'").fetchone()[0]
    if not rows == report.ok == number:
        raise SystemExit(f"{rows:,} rows of {number:,} items: {report}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_ms": cpu / number * 1000, "wall": wall, "peak_mb": peak}


def items(numbers: Sequence[int], checked: Checked) -> None:
    """Print what an item costs, and what memory many take."""
    print("\nItems that do nothing, in this process, rows in SQLite")
    print(f"{'items':>10}{'CPU each':>12}{'seconds':>10}{'items/s':>10}{'peak memory':>14}")
    measured = {}
    for number in numbers:
        run = measured[number] = measured_apart("benchmarks.scale", "items", number)
        rate = number / run["wall"]
        cells = f"{run['cpu_ms'] * 1000:>9.0f} us{run['wall']:>10.1f}{rate:>10,.0f}{run['peak_mb']:>11.0f} MB"
        print(f"{number:>10,}{cells}", flush=True)
    few, many = measured.get(1_000), measured.get(100_000)
    if few and many:
        print(f"CPU at 100,000 to 1,000 items: {checked(many['cpu_ms'] / few['cpu_ms'], MOST_RATIO)}")
    print(f"CPU each: {checked(max(run['cpu_ms'] for run in measured.values()), MOST_CPU_MS, ' ms')}")
    few, many = measured.get(10_000), measured.get(1_000_000)
    if few and many:
        grown = many["peak_mb"] - few["peak_mb"]
        print(f"memory at 1,000,000 beyond 10,000 items: {checked(grown, MOST_MEMORY_MB, ' MB')}")


def _command(folder: Path, number: int, *options: str) -> Used:
    """Run the command `map` on so many texts, and measure it with all of its processes."""
    texts, sink = folder / f"{number}.jsonl", folder / f"{number}.sqlite"
    with texts.open("w") as lines:
        lines.writelines(json.dumps({"text": f"The parcel {n} came late."}) + "\n" for n in range(number))
    words = [sys.executable, "-m", "langgraph_parallel", "map", options[0], str(texts), *options[1:]]
    used = measure_tree([*words, "--sink", str(sink), "--quiet"], Path.cwd())
    with sqlite3.connect(sink) as database:
        rows = database.execute("SELECT count(*) FROM rows WHERE status = 'ok'").fetchone()[0]
    if rows != number:
        raise SystemExit(f"{rows:,} rows of {number:,} items")
    return used


def dask(checked: Checked, labels: int) -> None:
    """Print what a further item costs on Dask."""
    with TemporaryDirectory() as folder:
        few, many = (
            _command(Path(folder), number, "benchmarks.scale:nothing", "--engine", "dask:2")
            for number in DASK_ITEMS
        )
    each = (many.cpu - few.cpu) / (DASK_ITEMS[1] - DASK_ITEMS[0]) * 1000
    print(f"\nItems that do nothing, on Dask with two workers: {checked(each, MOST_DASK_MS, ' ms')} CPU each")


def labeling(checked: Checked, labels: int) -> None:
    """Print what a call of a labeling costs."""
    options = [
        "labeling",
        "--input",
        "items=text",
        "--set",
        'labels=["yes", "no"]',
        "--set",
        "stop=all_votes",
    ]
    with TemporaryDirectory() as folder, answering(0.0):
        used = _command(Path(folder), labels, *options, "--model", "openai:test")
    each = used.cpu / labels / VOTERS * 1000
    print(
        f"\nLabels of {labels:,} items by {VOTERS} voters, {used.seconds:.0f} s, {used.tree:.0f} MB: ", end=""
    )
    print(f"{checked(each, MOST_CALL_MS, ' ms')} CPU a call")


SECTIONS: Mapping[str, Callable[[Checked, int], None]] = {"dask": dask, "labeling": labeling}
"""What is printed beside `items`, by name."""
WAYS: Mapping[str, Callable[[int], dict[str, float]]] = {"items": run_items}
"""What `--one NAME N` measures in a process of its own."""


def main() -> None:
    """Measure, and print the sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=["items", *SECTIONS], default=["items", *SECTIONS])
    parser.add_argument("--items", nargs="*", type=int, default=ITEMS, metavar="N", help="numbers of items")
    parser.add_argument("--labels", type=int, default=100_000, help="items of the labeling")
    parser.add_argument("--report", action="store_true", help="exit with 0 even if a target is missed")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "N"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["LANGSMITH_TRACING"] = "false"
    if arguments.one:
        print(json.dumps(WAYS[arguments.one[0]](int(arguments.one[1]))))
        return
    checked = Checked()
    if "items" in arguments.only:
        items(arguments.items, checked)
    for name, section in SECTIONS.items():
        if name in arguments.only:
            section(checked, arguments.labels)
    if checked.missed and not arguments.report:
        sys.exit(f"{checked.missed} targets were missed")


if __name__ == "__main__":
    main()
