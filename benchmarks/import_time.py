"""Time of importing the package and building a vote, against the imports that any LangGraph program has.

uv run python -m benchmarks.import_time
"""

import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence

BASE = "import langgraph.graph, langchain_core.language_models"
OURS = "from langgraph_parallel import create_voting; create_voting(voters=[len])"
COMMANDS = ("--version", "--help")
ROUNDS = 9


def import_seconds(statement: str) -> float:
    """Return the seconds of a statement in a fresh interpreter, measured inside it."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def command_seconds(option: str) -> float:
    """Return the processor seconds of the command with an option, from start to exit."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "langgraph_parallel", option], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians(measure: Callable[[str], float], subjects: Sequence[str]) -> list[float]:
    """Alternate between the subjects, so that a slow moment affects all, and return their medians."""
    for subject in subjects:  # fill the caches
        measure(subject)
    rounds = [[measure(subject) for subject in subjects] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def main() -> None:
    """Print all times, and the ratio of both imports."""
    base, ours = medians(import_seconds, [BASE, OURS])
    print(f"{BASE}: {base:.3f} s")
    print(f"{OURS}: {ours:.3f} s")
    print(f"ratio: {ours / base:.2f}")
    for option, seconds in zip(COMMANDS, medians(command_seconds, COMMANDS), strict=True):
        print(f"langgraph-parallel {option}: {seconds:.2f} s of CPU")


if __name__ == "__main__":
    main()
