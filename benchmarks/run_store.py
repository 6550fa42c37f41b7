"""What the run store of the command line holds during a review and after it, in multiples of code and report.

    uv run python -m benchmarks.run_store [--megabytes 4]

The code is that of installed packages, as often as it takes, a little different each time. The review is
offline. The size is that of all files of the store on the disk, looked at every 20 ms.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

WANTED = 3.5
"""Most that the store may hold during a review, in multiples of the code and the report."""
_MAIN = "from langgraph_parallel.cli import main; main()"
_INTERVAL = 0.02
"""Seconds."""


def write_code(folder: Path, size: int) -> int:
    """Write so many bytes of Python, and return how many there are."""
    sources = sorted(Path(sysconfig.get_path("purelib")).rglob("*.py"))
    sources = [path for path in sources if 300 < path.stat().st_size < 200_000]
    written = number = 0
    while written < size:
        text = sources[number % len(sources)].read_text(encoding="utf-8", errors="replace")
        text = f"{text}\n\nCOPY_{number} = {number}\n"
        file = folder / f"part_{number // 100}" / f"module_{number}.py"
        file.parent.mkdir(exist_ok=True)
        written += file.write_text(text, encoding="utf-8")
        number += 1
    return written


def size_of(folder: Path) -> int:
    """Return what the files below a folder take on the disk."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_blocks * 512
            except FileNotFoundError:  # deleted meanwhile
                continue
    return total


def measure(megabytes: float) -> None:
    """Review code of so many megabytes, and print what the store has held."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        code, state, report = folder / "code", folder / "state", folder / "report.json"
        code.mkdir()
        given = write_code(code, int(megabytes * 1e6))
        arguments = ["review", str(code), "--offline", "--format", "json", "--output", str(report)]
        started, peak = time.perf_counter(), 0
        with subprocess.Popen(
            [sys.executable, "-c", _MAIN, *arguments],
            env=os.environ | {"XDG_STATE_HOME": str(state)},
            stderr=subprocess.DEVNULL,
        ) as process:
            while process.poll() is None:
                peak = max(peak, size_of(state))
                time.sleep(_INTERVAL)
        assert process.returncode == 0
        both = given + report.stat().st_size
        print(
            f"{given / 1e6:.1f} MB of code, {report.stat().st_size / 1e6:.1f} MB of report, "
            f"{time.perf_counter() - started:.0f} s\n"
            f"at most {peak / 1e6:.1f} MB in the store, {peak / both:.2f} times both (wanted {WANTED}); "
            f"{size_of(state) / 1e6:.2f} MB afterwards"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=4, metavar="N", help="of code")
    measure(parser.parse_args().megabytes)
