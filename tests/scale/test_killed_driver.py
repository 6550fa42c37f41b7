"""A driver that is killed: the same command goes on, with one row for each item, and little is run again."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ITEMS = 1_500
_COMMAND = """
import sys
from langgraph_parallel.scale import map_items

begun = open(sys.argv[2], "a", buffering=1)

async def works(row):
    import asyncio
    begun.write(f"{row['n']}\\n")
    await asyncio.sleep(0.02)
    return {"twice": 2 * row["n"]}

report = map_items(works, [{"n": n} for n in range(int(sys.argv[3]))], sink=sys.argv[1], chunk=20)
print(report.status, report.kept + report.ok)
"""


def _start(sink: Path, log: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, str(sink), str(log), str(_ITEMS)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )


def _begun(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_a_killed_command_goes_on(tmp_path: Path) -> None:
    """After kills at any moment each item has one row; run again is what ran, or was not written yet."""
    sink, log = tmp_path / "out.sqlite", tmp_path / "begun.txt"
    kills = int(os.environ.get("KILLS", "2"))
    for kill in range(1, kills + 1):
        process = _start(sink, log)
        while len(_begun(log)) < kill * _ITEMS // (kills + 1):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    out, _ = _start(sink, log).communicate()
    assert out == f"ok {_ITEMS}\n"
    with sqlite3.connect(sink) as database:
        rows = dict(database.execute("SELECT key, twice FROM rows WHERE status = 'ok'"))
    assert rows == {str(n + 1): 2 * n for n in range(_ITEMS)}
    again = sum(number - 1 for number in Counter(_begun(log)).values())
    # Of each kill: 128 rows that ran, and those that end in 100 ms if each takes 20 ms.
    assert again <= kills * (128 + 128 * 5)
