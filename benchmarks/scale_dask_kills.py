"""Kills workers of a Dask cluster, and the driver itself, in one run over many items, and counts the cost.

    uv run python -m benchmarks.scale_dask_kills [ROWS] [KILLS] [SINK]

By default 20,000 rows, 20 kills and a SQLite file in a temporary folder. Each row sleeps for 20 ms and leaves
a line in a file when it begins. After the last kill the command goes on to its end. Printed are the kills,
rows that ran more than once, and the most that may have: those in flight at each kill, and those that ended
in the 100 ms before it.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scale.clusters import ENVIRONMENT, DaskProcesses, dask_processes

CONCURRENCY = 16
WORKERS = 2


async def row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave a line, wait as for a model, leave another one."""
    _note(row["folder"], "begun", row["number"])
    await asyncio.sleep(0.02)
    _note(row["folder"], "ended", row["number"])
    return {"double": 2 * row["number"]}


def _note(folder: str, name: str, number: int) -> None:
    with Path(folder, name).open("a") as file:
        file.write(f"{number} {time.time():.4f}\n")


def drive(address: str, rows: str, folder: str, sink: str) -> None:
    """Run the command; the same one after each kill."""
    from langgraph_parallel.runtime.limits import Limits
    from langgraph_parallel.scale import map_items

    report = map_items(
        "benchmarks.scale_dask_kills:row",
        ({"number": number, "folder": folder} for number in range(int(rows))),
        sink=sink,
        engine=address,
        limits=Limits(concurrency=CONCURRENCY),
    )
    print(report.model_dump_json())


@dataclass(frozen=True)
class Outcome:
    """What kills have cost."""

    kills: Mapping[str, int]
    again: int
    """Times that a row ran beyond the first."""
    allowed: int
    """Rows that were in flight at kills, or had ended in the 100 ms before."""
    report: Mapping[str, Any]
    seconds: float


def run(cluster: DaskProcesses, folder: Path, rows: int, kills: int, sink: str, seed: int = 0) -> Outcome:
    """Run a command, and kill while it runs.

    Args:
        cluster: whose workers are killed; others join in their place.
        folder: for the files in which rows leave lines.
        rows: number of items.
        kills: number of kills; every third is of the driver.
        sink: where the rows go.
        seed: of what is killed when.
    """
    chance = random.Random(seed)
    at: list[tuple[float, str]] = []
    started = time.monotonic()
    arguments = [cluster.address, str(rows), str(folder), sink]
    driver = _start(arguments)
    for number in range(kills):
        _wait_for(folder / "ended", (number + 1) * rows // (kills + 2), driver)
        time.sleep(chance.random() * 0.1)
        at.append((time.time(), "driver" if number % 3 == 1 else "worker"))
        if number % 3 == 1:
            driver.kill()
            driver.communicate()
            driver = _start(arguments)
        else:
            worker = cluster.workers.pop(chance.randrange(len(cluster.workers)))
            worker.kill()
            worker.wait()
            cluster.add_worker()
    out, _ = driver.communicate()
    begun, ended = (_lines(folder / name) for name in ("begun", "ended"))
    return Outcome(
        kills=Counter(kind for _, kind in at),
        again=len(begun) - len({number for number, _ in begun}),
        allowed=sum(_exposed(begun, ended, moment) for moment, _ in at),
        report=json.loads(out.splitlines()[-1]),
        seconds=time.monotonic() - started,
    )


def _start(arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.scale_dask_kills", "drive", *arguments]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE)


def _wait_for(file: Path, lines: int, driver: "subprocess.Popen[bytes]") -> None:
    while not file.exists() or file.read_bytes().count(b"\n") < lines:
        if driver.poll() is not None:
            raise RuntimeError(f"the driver has ended with {driver.returncode}")
        time.sleep(0.05)


def _lines(file: Path) -> list[tuple[str, float]]:
    pairs = (line.split() for line in file.read_text().splitlines())
    return [(number, float(moment)) for number, moment in pairs]


def _exposed(begun: list[tuple[str, float]], ended: list[tuple[str, float]], moment: float) -> int:
    """Return the number of rows that ran at a moment, or had ended less than 100 ms before it.

    Rows take far less than a second: those that began earlier and have no end died at an earlier kill.
    """
    before = Counter(number for number, at in begun if moment - 1 <= at <= moment)
    before.subtract(number for number, at in ended if moment - 1 <= at <= moment - 0.1)
    return sum(1 for runs in before.values() if runs > 0)


def main() -> None:
    """Run, and print."""
    if sys.argv[1:2] == ["drive"]:
        drive(*sys.argv[2:])
        return
    rows, kills = (int(text) for text in (sys.argv[1:3] + ["20000", "20"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as name, dask_processes(Path(name), WORKERS) as cluster:
        sink = sys.argv[3] if len(sys.argv) > 3 else str(Path(name) / "rows.sqlite")
        outcome = run(cluster, Path(name), rows, kills, sink)
    stored = outcome.report["kept"] + outcome.report["ok"]
    print(f"{rows:,} rows, kills: {dict(outcome.kills)}; {outcome.report['status']}, {stored:,} rows")
    print(f"{outcome.again:,} rows ran again (at most {outcome.allowed:,}), {outcome.seconds:.0f} s")


if __name__ == "__main__":
    main()
